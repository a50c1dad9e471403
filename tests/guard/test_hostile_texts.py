"""Texts made to be slow to look at: what a look costs grows with the text, not faster."""

import time

import pytest

from tests.guard.scoring import OPTIONS, build

UNITS = [
    "a",
    "12 ",
    "a@",
    "password = ",
    "eyJ",
    "![",
    "<img http:/a ",
    "-----BEGIN PRIVATE KEY-----",
    "i.g.n.o.r.e ",
    "\u202e",
    "ab:cd:",
    "x://a:b",
]


@pytest.mark.parametrize("name", OPTIONS)
def test_a_look_takes_time_that_grows_with_the_text(name: str) -> None:
    """The best of three, in this process's own time; ten times the text takes twenty times as long at most."""
    detector = build(name)

    def cost(unit: str, length: int) -> float:
        text, best = unit * (length // len(unit)), float("inf")
        for _ in range(3):
            began = time.process_time()
            detector.find(text)
            detector.open_from(text)
            best = min(best, time.process_time() - began)
        return best

    for unit in UNITS:
        assert cost(unit, 50_000) < 20 * max(cost(unit, 5_000), 0.0005), unit
