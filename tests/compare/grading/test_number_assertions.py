"""Numbers in answers."""

from decimal import Decimal
from typing import Any

import pytest

from gateway.compare.grading.numbers import MAX_NUMBERS, numbers_in
from tests.compare.grading.making_checks import graded, wrong


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("42", ["42"]),
        ("The answer is 42.", ["42"]),
        ("-3.50", ["-3.50"]),
        ("−3", ["-3"]),
        ("+3", ["3"]),
        ("1,234,567.89", ["1234567.89"]),
        ("1\u202f234 €", ["1234"]),
        ("$1,200 and 50%", ["1200", "50"]),
        ("x=.5", [".5"]),
        ("6.02e23", ["6.02e23"]),
        ("1e-6", ["1e-6"]),
        ("1, 2, 3", ["1", "2", "3"]),
        ("(7)", ["7"]),
        ("**7**", ["7"]),
        ("5\u00a0km", ["5"]),
        ("GPT4 and v2 and 3rd", []),
        ("2026-11-01", []),
        ("10:30", []),
        ("1.2.3", []),
        ("1.234,5", []),
        ("1/2", []),
        ("1,23", []),
        ("", []),
        ("no number", []),
        ("∞ NaN inf", []),
        ("٣", []),
        ("9" * 50, []),
        ("1e9999", []),
    ],
)
def test_numbers_in_texts(text: str, found: list[str]) -> None:
    assert numbers_in(text) == [Decimal(one) for one in found]


@pytest.mark.parametrize(
    ("value", "answer", "met"),
    [
        (42, "The answer is 42.", True),
        (42, "The answer is 42.0", True),
        (42, "41.999", False),
        ("42", "42", True),
        ("1,000", "1000", True),
        (0, "-0", True),
        (12345678901234567890, "12345678901234567891", False),
        (0.1, "0.1", True),
        (42, "", False),
        (42, "forty-two", False),
        (42, "6 times 7 is 42", False),
        (42, "42, as 42 is 42", True),
        ({"equals": 42, "take": "last"}, "6 times 7 is 42", True),
        ({"equals": 6, "take": "first"}, "6 times 7 is 42", True),
        ({"equals": 100, "absolute": 1}, "101", True),
        ({"equals": 100, "absolute": 1}, "101.01", False),
        ({"equals": 100, "relative": 0.01}, "99", True),
        ({"equals": -100, "relative": 0.01}, "-99", True),
        ({"equals": 100, "relative": 0.01}, "98.9", False),
        ({"equals": 100, "absolute": 5, "relative": 0.01}, "105", True),
        ({"equals": 0, "relative": 0.5}, "0.001", False),
        ({"min": 0, "max": 1}, "0.5", True),
        ({"min": 0, "max": 1}, "1.5", False),
        ({"min": 0}, "1e300", True),
        ({"max": 0}, "-1", True),
    ],
)
def test_numeric(value: Any, answer: str, met: bool) -> None:
    assert graded(answer, type="numeric", value=value).met is met


def test_only_so_many_numbers_are_looked_at() -> None:
    many = "1 " * 500_000
    assert len(numbers_in(many)) == MAX_NUMBERS
    assert graded(many, type="numeric", value=1).met
    assert "several numbers" in graded("1 2", type="numeric", value=1).reason
    graded("1," * 300_000, type="numeric", value=1)
    graded("9" * 1_000_000, type="numeric", value=1)


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ("many", ("value", "equals"), "expected a number"),
        (True, ("value", "equals"), "expected a number"),
        (None, (), "needs a `value`"),
        ([], ("value", "equals"), "expected a number"),
        ({}, ("value",), "needs `equals`, `min` or `max`"),
        ({"equals": 1, "min": 0}, ("value", "equals"), "either"),
        ({"absolute": 1}, ("value",), "needs to know `equals`"),
        ({"equals": 1, "absolute": -1}, ("value", "absolute"), "0 or more"),
        ({"equals": 1, "take": "lst"}, ("value", "take"), "only, first, last"),
        ({"min": 2, "max": 1}, ("value", "min"), "more than `max`"),
        ({"equals": 1, "tolerance": 1}, ("value", "tolerance"), "unknown key"),
    ],
)
def test_what_cannot_be_meant_is_refused(value: Any, path: tuple[str, ...], reason: str) -> None:
    found, said = wrong(**({"type": "numeric"} if value is None else {"type": "numeric", "value": value}))
    assert found == path
    assert reason in said
