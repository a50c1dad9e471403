"""What assertions are given: values of a form, and texts as JavaScript would write them, since promptfoo does."""

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import msgspec

from gateway.stores.wording import nearest

MAX_SHOWN = 120
T = TypeVar("T")


class Wrong(ValueError):
    """An assertion that makes no sense. `path`: which part of it, such as `("value", "min")`."""

    def __init__(self, path: Sequence[str | int], reason: str) -> None:
        super().__init__(reason)
        self.path = tuple(path)
        self.reason = reason


def text_of(value: Any) -> str:
    """A value as text: `4` and `4.0` are "4", true is "true", what has parts is JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # half a character
        return json.dumps(value, separators=(",", ":"))


def one_text(value: Any, *, empty: bool = False) -> str:
    """Raises:
    Wrong: it is neither a text nor a number, or is empty.
    """
    if isinstance(value, dict | list) or value is None:
        raise Wrong(("value",), "expected a text or a number")
    text = text_of(value)
    if not text and not empty:
        raise Wrong(("value",), "an empty text is in every answer; say what is looked for")
    return text


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts, or one text of several with commas between, of which those with commas in them are in quotes.

    Raises:
        Wrong: it is neither, or one of them is empty.
    """
    if isinstance(value, str):
        parts: list[Any] = [one.strip() for row in csv.reader([value], skipinitialspace=True) for one in row]
    elif isinstance(value, list):
        parts = cast(list[Any], value)
    else:
        raise Wrong(("value",), "expected a list of texts")
    if not parts:
        raise Wrong(("value",), "an empty list: nothing is looked for")
    for index, part in enumerate(parts):
        if isinstance(part, dict | list) or part is None or text_of(part) == "":
            raise Wrong(("value", index), "expected a text that is not empty")
    return tuple(text_of(part) for part in parts)


def references(value: Any) -> tuple[str, ...]:
    """A text to compare with, or a list of such.

    Raises:
        Wrong: it is neither, or all are blank.
    """
    found = texts(value) if isinstance(value, list) else (one_text(value, empty=True),)
    if not any(one.strip() for one in found):
        raise Wrong(("value",), "there is no text to compare with")
    return found


def number(value: Any, path: Sequence[str | int]) -> float:
    """Raises:
    Wrong: it is no number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Wrong(path, "expected a number")
    return value


def keys(value: Any, known: Sequence[str], path: Sequence[str | int] = ("value",)) -> Mapping[str, Any]:
    """A mapping with none but these keys.

    Raises:
        Wrong: it is another thing, or has another key.
    """
    if not isinstance(value, dict):
        raise Wrong(path, f"expected a mapping (lines of `key: value`) with some of {', '.join(known)}")
    found = cast(dict[str, Any], value)
    for key in found:
        if key not in known:
            raise Wrong((*path, key), f"unknown key `{key}`{nearest(key, list(known))}")
    return found


def share(value: float | None, otherwise: float) -> float:
    """A threshold of a score.

    Raises:
        Wrong: it is not between 0 and 1.
    """
    if value is None:
        return otherwise
    if not 0 <= value <= 1:
        raise Wrong(("threshold",), f"a score is between 0 and 1, so {value:g} is no threshold for one")
    return value


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: true is not 1, 1 is 1.0, and keys have no order."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        mine, yours = cast(dict[str, Any], one), cast(dict[str, Any], other)
        return mine.keys() == yours.keys() and all(same(value, yours[key]) for key, value in mine.items())
    if isinstance(one, list) and isinstance(other, list):
        left, right = cast(list[Any], one), cast(list[Any], other)
        return len(left) == len(right) and all(map(same, left, right))
    return bool(one == other)


def shown(text: str, most: int = MAX_SHOWN) -> str:
    """The text for a reason: in backquotes, on one line, and no longer than that."""
    return f"`{clipped(text, most)}`"


def clipped(text: str, most: int = MAX_SHOWN) -> str:
    """The text on one line, cut."""
    short = text[: most + 1]
    line = " ".join(short.split()) if "\n" in short or "\r" in short else short
    return line[:most] + "…" if len(text) > most else line


def placed(place: Sequence[str | int], call: Callable[[], T]) -> T:
    """What the call gives.

    Raises:
        Wrong: as the call does, its path behind `place`.
    """
    try:
        return call()
    except Wrong as error:
        raise Wrong((*place, *error.path), error.reason) from None
