"""What was found clean is not looked at again, by the same guards for the same caller; nothing else is passed over."""

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.principal import Principal
from gateway.guard.clean_texts import CleanTexts, Digests
from gateway.guard.document import Match
from gateway.guard.looking import Hit
from gateway.guard.rules import ANYTHING, Asked, GuardPolicy, Rule
from gateway.guard.words import Span
from tests.guard.doubles import Addresses, Secrets, Shouting, looked_at, rule, texts_of

ASKED = Asked("m", "chat", "")
CALLER = Principal(key_id="k", tenant="t", team="a")


class Counting(Addresses):
    """Which texts it was asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def find(self, text: str) -> Sequence[Span]:
        self.asked.append(text)
        return super().find(text)


def looked(rules: tuple[Rule, ...], texts: Sequence[str], clean: CleanTexts | None) -> list[list[Hit]]:
    noted: list[Hit] = []
    said = texts_of({"messages": [{"role": "user", "content": text} for text in texts]})
    found = looked_at(said, rules, noted.extend, clean)
    assert noted == [hit for hits in found for hit in hits]
    return found


def test_earlier_turns_are_looked_at_once() -> None:
    detector, clean = Counting(), CleanTexts(Digests())
    looked((rule(detector),), ["be brief", "hello"], clean)
    looked((rule(detector),), ["be brief", "hello", "to ann@x.org", "bye"], clean)
    looked((rule(detector),), ["be brief", "hello", "to ann@x.org", "bye"], clean)
    assert detector.asked == ["be brief", "hello", "to ann@x.org", "bye", "to ann@x.org"]


TEXTS = st.lists(st.sampled_from(["a", "A", "HELP", "key-123456", "ann@x.org", "key-", "é", "e\u0301"]), max_size=4)


@given(st.lists(TEXTS, max_size=6), st.integers(1, 5))
def test_requests_one_after_the_other_are_looked_at_as_each_alone(requests: list[list[str]], most: int) -> None:
    rules = (rule(Addresses(), Shouting()), rule(Secrets(), id="h"))
    clean = CleanTexts(Digests(most))
    for texts in requests:
        assert looked(rules, texts, clean) == looked(rules, texts, None)
        assert len(clean.digests.kept) <= most


def test_what_a_tool_is_told_is_known_by_what_it_says() -> None:
    """JSON text and the same characters as words are two texts."""
    clean, rules = CleanTexts(Digests()), (rule(Addresses()),)
    said = "to ann\\u0040x.org"
    call: dict[str, Any] = {"type": "function", "function": {"name": "f", "arguments": said}}
    assert looked(rules, [said], clean) == [[]]
    asked = texts_of({"messages": [{"role": "assistant", "content": said, "tool_calls": [call]}]})
    assert [len(hits) for hits in looked_at(asked, rules, clean=clean)] == [0, 1]


def digest_of(text: str, clean: CleanTexts | None) -> bytes:
    """Of a text that is not known."""
    assert clean is not None
    ((_, digest),) = clean.unknown([text])
    return digest


def is_known(text: str, clean: CleanTexts | None) -> bool:
    assert clean is not None
    return not clean.unknown([text])


def test_other_callers_and_other_guards_know_nothing_of_it() -> None:
    policy = GuardPolicy([rule(Addresses(), match=Match(models=("*",)))], "v")
    assert not policy.for_all
    callers = (CALLER, msgspec.structs.replace(CALLER, key_id="l"), msgspec.structs.replace(CALLER, tenant="u"))
    asked = (ASKED, Asked("n", "chat", ""), Asked("m", "chat", "", obliged=frozenset({"g"})))
    cleans = [policy.applied(caller, one).clean for caller in callers for one in asked]
    digests = [digest_of("hello", clean) for clean in cleans]
    assert len(set(digests)) == len(callers) * len(asked)
    again = policy.applied(CALLER, ASKED).clean
    assert digest_of("hello", again) == digests[0]
    first = cleans[0]
    assert first is not None
    first.digests.add(digests[0])
    assert is_known("hello", again)
    assert [is_known("hello", clean) for clean in cleans] == [True] + [False] * 8
    assert not is_known("hello", GuardPolicy([rule(Addresses())], "v").applied(CALLER, ASKED).clean)


def test_guards_for_all_calls_are_one_set_whatever_is_asked() -> None:
    sides = (rule(Addresses()), rule(Secrets(), id="h", on=("output",)))
    policy = GuardPolicy(sides, "v")
    assert policy.for_all
    for asked in (ANYTHING, ASKED, Asked("n", "chat", "secret", ("x",), frozenset({"g"}))):
        applied = policy.applied(CALLER, asked)
        assert (applied.input, applied.output, applied.ids) == ((sides[0],), sides, {"g", "h"})
    for other in (rule(Addresses(), match=Match(teams=("*",))), rule(Addresses(), only_when_obliged=True)):
        assert not GuardPolicy([*sides, other], "v").for_all


def test_no_text_is_kept_and_those_that_nobody_asks_for_make_room() -> None:
    clean = CleanTexts(Digests(most=2))
    one, two, three = "x" * 10_000, "two", "\ud800"
    digests = [digest_of(text, clean) for text in (one, two, three)]
    for digest in digests[:2]:
        clean.digests.add(digest)
    assert is_known(one, clean)
    clean.digests.add(digests[2])
    assert [len(digest) for digest in clean.digests.kept] == [16, 16]
    assert [is_known(text, clean) for text in (one, two, three)] == [True, False, True]
