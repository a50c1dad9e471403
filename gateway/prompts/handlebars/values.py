"""What a template sees of variables: mappings, lists, texts, numbers, true, false, null, and nothing of the rest."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, cast

import msgspec


class Undefined:
    """What is not there. One instance: `UNDEFINED`. False, and no text."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED: Final = Undefined()
# `isinstance(x, list | tuple)` makes the union anew each time, which takes twice as long.
LISTS = (list, tuple)
NUMBERS = (int, float)
SEQUENCES = (list, tuple, str)
# As `type`, but that it leaves a type checker with what it knew.
kind_of: Callable[[object], object] = type
_LEAST, _MOST = 1e-6, 1e21  # what JavaScript writes without an exponent


def member(value: object, key: str) -> object:
    """The entry `key` of a mapping; of a list or a text the item of that number, or its `length`; else undefined."""
    if isinstance(value, Mapping):
        return cast("Mapping[str, object]", value).get(key, UNDEFINED)
    if isinstance(value, SEQUENCES):
        items = cast("Sequence[object]", value)
        if key.isascii() and key.isdigit():
            place = int(key) if len(key) < 16 else len(items)
            return items[place] if place < len(items) else UNDEFINED
        if key == "length":
            return len(items)
    return UNDEFINED


def is_false(value: object, zero: bool = False) -> bool:
    """What Handlebars takes for false: false, undefined, null, an empty text or list, NaN, and 0 unless `zero`."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, NUMBERS):
        return value != value or (value == 0 and not zero)
    return not value and not isinstance(value, Mapping)


def same(one: object, other: object) -> bool:
    """JavaScript's `===`: never across types; mappings and lists only if they are one and the same."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, NUMBERS) and isinstance(other, NUMBERS):
        return one == other
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    return one is other


def text_of(value: object) -> str:
    """How a value stands in a text: as in JavaScript, but that a mapping is JSON, and not `[object Object]`."""
    kind = kind_of(value)
    if kind is str:
        return cast(str, value)
    if value is None or value is UNDEFINED:
        return ""
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float:
        return _number(cast(float, value))
    if isinstance(value, LISTS):
        try:
            return ",".join([text_of(item) for item in cast("Sequence[object]", value)])
        except RecursionError:
            raise ValueError("is nested too deeply") from None
    if isinstance(value, str):
        return str.__str__(value)
    return json_of(value)


def json_of(value: object) -> str:
    """JSON on one line, without spaces; what is undefined is null.

    Raises:
        ValueError: it holds what JSON has no words for.
    """
    try:
        return msgspec.json.encode(value, enc_hook=_plain).decode()
    except (TypeError, RecursionError, UnicodeEncodeError, OverflowError) as error:
        raise ValueError(f"has no form in JSON: {error}") from None


def _plain(value: Any) -> object:
    if value is UNDEFINED:
        return None
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, object]", value))
    raise TypeError(f"a {type(value).__name__}")


def _number(value: float) -> str:
    """As JavaScript writes it: `3`, not `3.0`; `1e-7`, not `1e-07`; `0.00001`, not `1e-05`."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    written = repr(value)
    if value == 0:
        return "0"
    if _LEAST <= abs(value) < _MOST:
        return format(Decimal(written), "f").removesuffix(".0")
    digits, _, power = written.partition("e")
    return f"{digits}e{int(power):+d}"
