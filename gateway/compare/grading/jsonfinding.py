"""JSON within a text: what models write between their sentences."""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from gateway.compare.grading.grades import Ungradable

# Letters read again because what they seemed to begin did not end: without a bound, a text of nothing but `[` would
# be read once for each of them.
MAX_READ_AGAIN = 4_000_000


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def json_values(text: str) -> Iterator[Any]:
    """The objects and lists in the text, outermost first, none within another.

    Raises:
        Ungradable: there is more that begins like JSON, and does not go on so, than will be tried.
    """
    at, again = 0, 0
    while (at := _next_start(text, at)) >= 0:
        try:
            value, at = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            again += error.pos - at
            at += 1
        except (ValueError, RecursionError):  # a number of thousands of digits, or thousands of brackets
            again += 10_000
            at += 1
        else:
            yield value
        if again > MAX_READ_AGAIN:
            raise Ungradable("too much of the answer begins like JSON and is none")


def _next_start(text: str, at: int) -> int:
    found = [place for place in (text.find("{", at), text.find("[", at)) if place >= 0]
    return min(found, default=-1)
