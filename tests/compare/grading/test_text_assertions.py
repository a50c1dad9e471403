"""What an answer says, letter by letter."""

from typing import Any

import pytest

from tests.compare.grading.making_checks import graded, wrong

LONG = "word " * 200_000


@pytest.mark.parametrize(
    ("value", "answer", "met"),
    [
        ("Hello, World!", "Hello, World!", True),
        ("Hello, World!", "hello, world!", False),
        ("Hello", "Hello ", False),
        ("", "", True),
        ("", " ", False),
        (4, "4", True),
        (4.0, "4", True),
        (4.5, "4.5", True),
        (True, "true", True),
        (True, "True", False),
        ("é", "e\u0301", False),  # promptfoo compares letters as they are written, too
        ("null", "null", True),
        ({"key": "value"}, '{ "key" : "value" }', True),
        ({"key": "value"}, '{"key": "value", "more": 1}', False),
        ({"key": "value"}, "not JSON", False),
        ({"key": "value"}, "", False),
        ({"a": 1}, '{"a": 1.0}', True),
        ({"a": 1}, '{"a": true}', False),
        ({"a": True}, '{"a": 1}', False),
        ({"a": [1, {"b": None}]}, '{"a": [1, {"b": null}]}', True),
        ({"a": 1, "b": 2}, '{"b": 2, "a": 1}', True),
        ([1, 2], "[2, 1]", False),
        ([], "[]", True),
    ],
)
def test_equals(value: Any, answer: str, met: bool) -> None:
    assert graded(answer, type="equals", value=value).met is met


@pytest.mark.parametrize(
    ("type", "value", "answer", "met"),
    [
        ("contains", "substring", "a substring", True),
        ("contains", "Substring", "a substring", False),
        ("contains", 0, "the count is 0", True),
        ("contains", "x", "", False),
        ("contains", "漢", "漢字", True),
        ("contains", "word", LONG, True),
        ("icontains", "SubString", "a sUBsTRING", True),
        ("icontains", "É", "é", True),
        ("icontains", "x", "", False),
        ("contains-any", ["a", "b"], "only b", True),
        ("contains-any", ["a", "b"], "none", False),
        ("contains-any", [1, 2], "no 2", True),
        ("contains-any", "<b>,</span>", "a </span>", True),
        ("contains-any", '"1,000", in stock', "we have 1,000", True),
        ("contains-any", '"1,000", in stock', "we have 1 000", False),
        ("icontains-any", ["A", "B"], "only b", True),
        ("contains-all", ["Value 1", "Value 2"], "Value 2 and Value 1", True),
        ("contains-all", ["Value 1", "Value 2"], "Value 1", False),
        ("contains-all", ["a"], "", False),
        ("icontains-all", ["VALUE", "one"], "value ONE", True),
        ("icontains-all", ["VALUE", "two"], "value ONE", False),
        ("starts-with", "Yes", "Yes, it is", True),
        ("starts-with", "Yes", " Yes", False),
        ("starts-with", "Yes", "", False),
    ],
)
def test_contains(type: str, value: Any, answer: str, met: bool) -> None:
    assert graded(answer, type=type, value=value).met is met


@pytest.mark.parametrize(
    ("pattern", "answer", "met"),
    [
        (r"\d{4}", "in 2026", True),
        (r"\d{4}", "in 99", False),
        (r"^Hello.*world$", "Hello big world", True),
        (r"^Hello.*world$", "Hello\nworld", False),
        (r"(?s)^Hello.*world$", "Hello\nworld", True),
        (r"^b$", "a\nb", False),
        (r"(?m)^b$", "a\nb", True),
        (r"a$", "a\n", False),  # as in JavaScript; Python's would match
        (r"(?i)straße", "STRAßE", True),
        (r"(cat|dog)s?", "two dogs", True),
        (r"[\p{Han}]+", "漢字", True),
        (r"x*", "", True),
        (r"\bfoo\b", "food", False),
    ],
)
def test_regex(pattern: str, answer: str, met: bool) -> None:
    assert graded(answer, type="regex", value=pattern).met is met


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|aa)+$", r"(.*a){20}$", r"^(\w+\s?)*$"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """Python's own engine would take longer than the world has been there."""
    graded("a" * 50_000 + "!", type="regex", value=pattern)


@pytest.mark.parametrize(
    ("value", "answer", "met"),
    [
        (3, "one two  three", True),
        (3, "one two", False),
        ("3", "one two three", True),
        (0, "", True),
        (0, "  \n ", True),
        ({"min": 2, "max": 3}, "one", False),
        ({"min": 2, "max": 3}, "one two", True),
        ({"min": 2, "max": 3}, "one two three four", False),
        ({"min": 2}, LONG, True),
        ({"max": 2}, LONG, False),
        ({"max": 0}, "", True),
    ],
)
def test_word_count(value: Any, answer: str, met: bool) -> None:
    grade = graded(answer, type="word-count", value=value)
    assert grade.met is met
    assert grade.measured == len(answer.split())


def test_reasons_are_short_and_on_one_line() -> None:
    grade = graded("two\nlines " + LONG, type="equals", value="other\nlines " + LONG)
    assert len(grade.reason) < 400
    assert "\n" not in grade.reason
    assert grade.reason.startswith("the answer is `two lines word")
    assert graded("abc", type="contains-all", value=["a", "x", "y"]).reason == "the answer does not contain `x`, `y`"


@pytest.mark.parametrize(
    ("assertion", "path", "reason"),
    [
        ({"type": "contains", "value": ""}, ("value",), "an empty text is in every answer"),
        ({"type": "starts-with", "value": ["a"]}, ("value",), "expected a text or a number"),
        ({"type": "contains-any", "value": []}, ("value",), "an empty list"),
        ({"type": "contains-any", "value": ["a", ""]}, ("value", 1), "expected a text"),
        ({"type": "contains-all", "value": ["a", {"b": 1}]}, ("value", 1), "expected a text"),
        ({"type": "contains-all", "value": 3}, ("value",), "expected a list of texts"),
        ({"type": "regex", "value": "(a"}, ("value",), "not a pattern of RE2"),
        ({"type": "regex", "value": "(?=a)"}, ("value",), "not a pattern of RE2, which has no look-around"),
        ({"type": "regex", "value": r"(a)\1"}, ("value",), "not a pattern of RE2"),
        ({"type": "word-count", "value": "many"}, ("value",), "expected a number"),
        ({"type": "word-count", "value": -1}, ("value",), "0 or more"),
        ({"type": "word-count", "value": 1.5}, ("value",), "whole number"),
        ({"type": "word-count", "value": {}}, ("value",), "needs `min` or `max`"),
        ({"type": "word-count", "value": {"mni": 1}}, ("value", "mni"), "did you mean `min`"),
        ({"type": "word-count", "value": {"min": 3, "max": 2}}, ("value", "min"), "more than `max`"),
        ({"type": "word-count", "value": {"min": True}}, ("value", "min"), "expected a number"),
    ],
)
def test_what_cannot_be_meant_is_refused(assertion: dict[str, Any], path: tuple[str | int, ...], reason: str) -> None:
    found, said = wrong(**assertion)
    assert found == path
    assert reason in said
