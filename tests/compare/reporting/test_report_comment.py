"""The comment on a pull request: the verdict first, and whatever models and cases say, nothing leaves its place."""

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.compare.reporting.comment import comment
from gateway.compare.running.results import Results
from tests.compare.reported import results_of
from tests.pages.reading import rendered

LIMIT = 65_536
HOSTILE = (
    "a|b", "|\n| x | y |", "`", "``", "\n\n# title", "<script>alert(1)</script>", "</details>", "<!--", "-->", "```\nx", "~~~",
    "![](https://evil.example/x.png)", "[a](https://evil.example)", "https://evil.example", "www.evil.example", "a@evil.example",
    "@security", "#1", "org/repo#1", "**a**", "&lt;b&gt;", "\\", "\\|", "$x$", "a\r\nb", "\x00", "\u202e", "- a", "> a", "---",
    "[x]: https://evil.example", "[^1]", " a ", "", "GH-1", "a\u2028b", "<img src=https://evil.example/x>", "\ud800",
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=30), st.lists(st.sampled_from(HOSTILE), max_size=4).map("".join)
)


JUDGED = results_of(
    30, {"old": 0.95, "new": 0.6}, gates=True, base="old", never_break=(1, 2, 4, 5, 7, 8), limits={"cost": 0.2}
)
COMPARED = results_of(20, {"old": 0.8, "new": 0.85, "slow": 0.3})


def said_everywhere(found: Results, text: str) -> Results:
    """The same with another's words wherever words are chosen by others."""
    cases = tuple(msgspec.structs.replace(case, description=text, tags=(text,)) for case in found.cases)
    graded = tuple(msgspec.structs.replace(one, reason=text) for one in found.graded)
    judgements = tuple(msgspec.structs.replace(one, reasons=(text, text)) for one in found.judgements)
    summaries = tuple(
        msgspec.structs.replace(one, dominated_by=text if one.dominated_by else "") for one in found.summaries
    )
    return msgspec.structs.replace(
        found, suite=text, file=text, currency=text, notes=(text, text), cases=cases, graded=graded, judgements=judgements,
        summaries=summaries, stopped=text or "x",
    )  # fmt: skip


@settings(max_examples=150)
@given(TEXTS)
def test_nothing_breaks_out_of_its_place(text: str) -> None:
    for found in (JUDGED, COMPARED):
        expected = rendered(comment([said_everywhere(found, "plain")], "gateway compare"))
        page = rendered(comment([said_everywhere(found, text or "plain")], "gateway compare"))
        assert page.tags == expected.tags
        assert page.comments == 1
        assert not re.search(r"[@#]\w", page.outside), "nobody is called, nothing is referred to"


def test_the_verdict_is_the_first_thing_said() -> None:
    lines = comment([JUDGED], "gateway prompts test", "report.html").splitlines()
    assert lines[0] == "<!-- gateway prompts test -->"
    assert lines[1].startswith("❌ **Worse, gate failed.** `suite`: new is worse than old")
    text = "\n".join(lines)
    assert "| **broken** | `suites/triage.yaml:1` |" in text
    assert text.index("**broken**") < text.index("| lost |")
    assert lines[-1] == "Every case, with what was answered, is in `report.html`."


def test_what_is_not_decided_says_what_to_do_next() -> None:
    text = comment([COMPARED], "gateway compare")
    more = next(one for one in COMPARED.differences if one.other == "new" and one.base == "old").more_cases
    assert f"**What to do next** about `new`: About {more:,} more cases" in text
    assert (
        "(`--repeat`)" in rendered(text).outside
        or "`--repeat`" in text
        or "<code>--repeat</code>" in text.replace("&#45;", "-")
    )


@pytest.mark.parametrize("text", ["plain", "|" * 3_000, "<" * 3_000])
def test_a_comment_is_never_longer_than_a_comment_may_be(text: str) -> None:
    found = said_everywhere(results_of(400, {"old": 0.95, "new": 0.2, "none": 0.1}, gates=True, base="old"), text)
    long = comment([found] * 6, "gateway prompts test", "x" * 500)
    assert len(long) < LIMIT
    page = rendered(long)
    assert page.tags.count("/details") == sum(isinstance(tag, tuple) and tag[0] == "details" for tag in page.tags)
    assert page.outside.count("gate failed") == 12
    if text != "plain":
        assert "There is more than a comment holds" in page.outside


def test_nothing_to_test() -> None:
    assert "Nothing was tested" in comment([], "gateway prompts test")
