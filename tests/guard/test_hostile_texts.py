"""Texts made to be slow to look at: what a look costs grows with the text, not faster."""

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
