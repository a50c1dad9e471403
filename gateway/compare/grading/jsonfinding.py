"""JSON within a text: what models write between their sentences."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from gateway.compare.grading.grades import Ungradable

# Letters read in vain: without a bound, a text of nothing but `[` would be read once for each of them.
MAX_IN_VAIN = 4_000_000
# What the library does beside, for each failure: it counts the lines before it, some thirty letters in the time of one.
_COUNTED_AT_ONCE = 32
# A bracket that JSON may begin with, by what comes next: those of prose, code and formulas seldom do.
_START = re.compile(r'\{(?=\s{0,100}["}])|\[(?=\s{0,100}[\[\]{"\-0-9tfn])')


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def json_values(text: str) -> Iterator[Any]:
    """The objects and lists in the text, outermost first, none within another.

    Raises:
        Ungradable: there is more that begins like JSON, and does not go on so, than will be tried.
    """
    at, in_vain = 0, 0
    while (start := _START.search(text, at)) is not None:
        at = start.start()
        try:
            value, at = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            in_vain += error.pos - at + error.pos // _COUNTED_AT_ONCE
            at += 1
        except (ValueError, RecursionError):  # a number of thousands of digits, or thousands of brackets
            in_vain += 100_000  # as many as a newer Python's decoder goes through before it gives up
            at += 1
        else:
            yield value
        if in_vain > MAX_IN_VAIN:
            raise Ungradable("too much of the answer begins like JSON and is none")
