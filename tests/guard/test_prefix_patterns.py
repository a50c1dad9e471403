"""The beginnings of a pattern's words, as a pattern."""

import re

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from gateway.guard.detectors.prefixes import PatternError, beginnings, without_groups

PATTERNS = [
    "abc", "a|bc|def", "(?:ab)+c", "a{3}", "a{2,4}b", "a{2,}b?", "(?:ab|cd){2,3}e", "[a-c]{1,3}x[^x]y", r"\d{3}-\d{2}", "a?b?c?",
    "(?i)hello|world", "(?:(?i:x)y)*z", r"x\.y\\z", "(?:a(?:b(?:c|d)e)+f){1,2}", "[]a-]b", r"[\]a]b", "(?P<n>ab)c", "a*?b", r"\x41b",
    r"(?:a|b{2}|)c", "a{0}b", "a{1}b", "é+x",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
@given(data=st.data())
def test_every_beginning_of_every_word_matches(pattern: str, data: st.DataObject) -> None:
    word = data.draw(st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True))
    begun = re2.compile(beginnings(pattern))
    for cut in range(len(word) + 1):
        assert begun.fullmatch(word[:cut])


@pytest.mark.parametrize("most_counted", [1, 2, 3])
@pytest.mark.parametrize("pattern", [*PATTERNS, "x[ab]{2,4}y", "(?:a[bc]{3}){1,3}d", r"\bk-\w{4,6}\b", "a{2,4}?b{4}"])
@given(data=st.data())
def test_what_is_not_counted_matches_more_and_never_less(pattern: str, most_counted: int, data: st.DataObject) -> None:
    text = data.draw(st.text("abcdk-xy1 ", max_size=12) | st.from_regex(re.compile(pattern, re.ASCII)))
    counted, not_counted = (re2.compile(f"(?:{beginnings(pattern, most)})\\z") for most in (None, most_counted))
    exact, more = counted.search(text), not_counted.search(text)
    assert exact is None or (more is not None and more.start() <= exact.start())


@pytest.mark.parametrize("most_counted", [1, 2, 3])
@pytest.mark.parametrize("pattern", [*PATTERNS, "x[ab]{2,4}y", "(?:a[bc]{3}){1,3}d", r"\bk-\w{4,6}\b", "a{2,4}?b{4}"])
@given(data=st.data())
def test_a_first_look_that_does_not_count_sees_every_word(pattern: str, most_counted: int, data: st.DataObject) -> None:
    text = data.draw(st.text("abcdk-xy1 ", max_size=12) | st.from_regex(re.compile(pattern, re.ASCII)))
    exact, more = (re2.compile(without_groups(pattern, most)).search(text) for most in (None, most_counted))
    assert exact is None or more is not None


def test_what_may_stand_often_is_not_counted() -> None:
    assert re2.compile(without_groups("k-[ab]{6,9}c", 8)).fullmatch("k-" + "a" * 50 + "c")
    assert not re2.compile(without_groups("k-[ab]{6,9}c", 8)).fullmatch("k-" + "a" * 5 + "c")
    begun = re2.compile(beginnings("k-[ab]{2,9}c", 8))
    assert begun.fullmatch("k-" + "a" * 50)
    assert not begun.fullmatch("k-" + "a" * 50 + "x")
    assert not re2.compile(beginnings("k-[ab]{2,9}c", 9)).fullmatch("k-" + "a" * 50)


@pytest.mark.parametrize(
    ("pattern", "no"),
    [
        ("abc", "b"),
        ("abc", "abd"),
        (r"\d{3}-\d", "123 "),
        ("(?:ab)+c", "aba "),
        ("a{2,4}b", "aaaaa"),
        ("(?i)hello", "hex"),
    ],
)
def test_what_begins_no_word_does_not_match(pattern: str, no: str) -> None:
    assert not re2.compile(beginnings(pattern)).fullmatch(no)


def test_a_word_border_may_still_be_undone() -> None:
    begun = re2.compile(beginnings(r"\bend\b") + r"\z")
    assert begun.search("the end").start() == 4
    assert begun.search("the ends").start() == 8


@pytest.mark.parametrize("pattern", ["(a", "a)", "*a", "a(?i)b", "(?=a)b", r"\Qa", r"a\b*", "[a", "a\\"])
def test_what_cannot_be_told_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        beginnings(pattern)
