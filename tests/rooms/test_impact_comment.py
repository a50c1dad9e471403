"""The comment on a pull request: whatever callers and files call things, nothing leaves its place."""

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.access.impact import Cause, Change, Group, Impact, KeyUse, Sums, Undecidable
from gateway.cli.impact_markdown import comment
from gateway.cli.impact_words import CHANGES, Told, as_json, print_impact, summary
from gateway.cli.output import print_json
from gateway.identity.keystore import KeyInfo
from gateway.pages.markdown import MAX_CHARACTERS, SPAN, code, prose, shortened
from tests.pages.reading import rendered

HOSTILE = (
    "a|b", "|\n| x | y |", "`", "``", "`a`", "\n\n# title", "<script>alert(1)</script>", "</details>", "<!--", "-->",
    "![](https://example.com/x.png)", "[a](https://example.com)", "https://example.com", "www.example.com", "a@example.com",
    "@security", "#1", "example/repo#1", "**a**", "__a__", "~~a~~", "&lt;b&gt;", "\\", "\\|", "$x$", ":smile:", "a\r\nb", "\x00", "\u202e",
    "- a", "1. a", "1) a", "* a", "> a", "---", "===", "<https://example.com>", "[x]: https://example.com", "[^1]", " a ", "", "`|`", "a\u2028b",
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=30), st.lists(st.sampled_from(HOSTILE), max_size=4).map("".join)
)


def told(name: str, count: int = 1, **fields: Any) -> Told:
    def cause(allowed: bool) -> Cause:
        return Cause(allowed, name, "rule", "" if allowed else "model_not_allowed")

    def group(change: Change, number: int = 0) -> Group:
        return Group(
            change=change, tenant=name, team=name + str(number or ""), before=cause(True), after=cause(False), details=(name,) * (change not in ("refused", "allowed")),
            sums=Sums(inputs=1, calls=3, recorded=1, cost_nano=5, last_ns=10**18), cut=1, models=(name, name, name, name, "z"),
            operations=(name,), keys=(KeyUse(name, 3),), key_count=1, reasons_before=(name,), reasons_after=(name,),
        )  # fmt: skip

    sums = Sums(inputs=1, calls=3)
    aside = (Undecidable(tenant=name, team=name, reason=name, sums=sums),)
    impact = Impact(
        looked_at=Sums(inputs=5, calls=1234), newly_refused=sums, newly_allowed=sums, still_allowed=sums, still_refused=sums,
        undecidable=sums, watched=sums, obliged=sums, moved=sums, teams=1, teams_changed=1,
        groups=tuple(group(change, number) for change in CHANGES for number in range(count)), undecidables=aside,
    )  # fmt: skip
    info = KeyInfo(id=name, shown="", name=name, owner=name or "o", tenant="", team="", labels={}, created_at=0)
    known: dict[str, Any] = {
        "keys": {name: info},
        "elapsed_s": 0.5,
        "period": "in the last 7 days",
        "since": "s",
        "until": None,
    }
    return Told(impact=impact, at="now", before="0" * 64, after="1" * 64, **{**known, **fields})


EXPECTED = rendered(comment(told("plain"))).tags


@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example("|")
def test_nothing_breaks_out_of_its_place(name: str) -> None:
    page = rendered(comment(told(name)))
    assert page.tags == EXPECTED
    assert page.comments == 1
    assert not re.search(r"[@#]\w", page.outside), "nobody is called, nothing is referred to"


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_what_is_shown_is_what_there_was(text: str) -> None:
    page = rendered(f"| a |\n| --- |\n| x{code(text)}x |\n")
    assert page.inside.replace("\u200b", "") == shortened(text, 80)
    page = rendered(f"* x {prose(text)} x\n")
    said, names = SPAN.sub("", shortened(text, 300)), SPAN.findall(shortened(text, 300))
    assert page.outside.strip().replace("\u200b", "").split() == f"x {said} x".split()
    assert page.inside == "".join(names)


def test_a_plain_name_stands_as_it_is() -> None:
    assert code("gpt-4.1-mini") == "`gpt-4.1-mini`"
    assert code("a|b") == "<code>a&#124;b</code>"
    assert code("x" * 200).count("x") == 79
    for text in (
        "no rule allows it, yet",
        "denied by `gpt-4.1-mini` (demo/count_tokens): why?",
        "1 difference: 780 questions asked about gpt-4.1-mini.",
    ):
        assert prose(text) == text
    assert prose("1. www.x.org _a_ :tada: `a|b`") == ("1&#46; www&#46;x.org &#95;a&#95; &#58;tada: &#96;a&#124;b&#96;")


@pytest.mark.parametrize("name", ["plain", "|" * 300])
def test_a_comment_is_never_longer_than_a_comment_may_be(name: str) -> None:
    text = comment(told(name, count=200))
    assert len(text) < MAX_CHARACTERS + 1000
    page = rendered(text)
    assert page.tags.count("/details") == sum(isinstance(tag, tuple) and tag[0] == "details" for tag in page.tags)
    assert "more" in text
    assert text.rstrip().endswith("to now.")


def test_a_terminal_is_not_garbled(capsys: pytest.CaptureFixture[str]) -> None:
    print_impact(told("\x1b[31mred\u202e\n", count=50))
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "\\u001b[31mred\\u202e\\u000a" in said
    assert "and 10 more; --json has them all" in said


def test_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(as_json(told("x", count=50)))
    assert capsys.readouterr().out.count('"change": "refused"') == 50


def test_a_summary_says_what_there_is() -> None:
    assert summary(told("x")) == (
        "1 of 1 teams' calls change: 3 calls (0.2 %) in the last 7 days would be newly refused, 3 newly allowed; "
        "1,234 calls (5 different ones) decided again in 0.5 s"
    )
