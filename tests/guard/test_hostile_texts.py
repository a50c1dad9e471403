"""Texts made to be slow to look at: what a look costs grows with the text, not faster."""

import random
import time
from statistics import median

import pytest

from tests.guard.scoring import OPTIONS, build, grows_with_the_text

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
    "a\u200b@x.org ",
]


@pytest.mark.parametrize("name", OPTIONS)
def test_a_look_takes_time_that_grows_with_the_text(name: str) -> None:
    detector = build(name)
    for unit in UNITS:
        assert grows_with_the_text(detector, unit, 5_000), unit


@pytest.mark.parametrize("name", OPTIONS)
def test_a_text_that_is_like_no_other_is_read_as_quickly(name: str) -> None:
    """An automaton that counts builds another state for each of these letters: a thousand times the work."""
    detector, chance = build(name), random.Random(3)
    texts = [
        ".".join("".join(chance.choices("abcdefghijklmnop", k=chance.randint(1, 6))) for _ in range(900))
        for _ in range(9)
    ]
    took: list[float] = []
    for text in texts:
        began = time.process_time()
        assert not detector.find(text)
        took.append(time.process_time() - began)
    # The first builds what any text needs; states that are built for each letter are built for every text.
    assert median(took) < 0.0015
