"""Canonical JSON (RFC 8785, JCS): one text for a value, whoever writes it.

Numbers are written as ECMAScript writes them, but for whole numbers beyond 2^53, which keep their digits: a double has
no room for them, and two of them must not look alike.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from json.encoder import encode_basestring  # RFC 8785's own escapes, and nothing else
from typing import cast

_SMALLEST, _LARGEST = 1e-6, 1e21  # between them numbers are written without an exponent


def canonical(value: object) -> bytes:
    """The canonical JSON of plain data: maps with texts for keys, lists, texts, numbers, true, false, None.

    Raises:
        ValueError: a number that JSON has no word for, or half of a surrogate pair.
        TypeError: what is no plain data.
    """
    pieces: list[str] = []
    _write(value, pieces)
    return "".join(pieces).encode()  # a lone surrogate is a UnicodeEncodeError, which is a ValueError


def _write(value: object, pieces: list[str]) -> None:
    if isinstance(value, str):
        pieces.append(encode_basestring(value))
    elif value is None or isinstance(value, bool):
        pieces.append({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, int):
        pieces.append(str(value))
    elif isinstance(value, float | Decimal):
        pieces.append(number(float(value)))
    elif isinstance(value, Mapping):
        _map(cast(Mapping[str, object], value), pieces)
    elif isinstance(value, list | tuple):
        for index, one in enumerate(cast(Sequence[object], value)):
            pieces.append("," if index else "[")
            _write(one, pieces)
        pieces.append("]" if value else "[]")
    else:
        raise TypeError(f"a {type(value).__name__} is no JSON")


def _map(value: Mapping[str, object], pieces: list[str]) -> None:
    # By UTF-16 code units (RFC 8785, 3.2.3): not the order of code points where a key goes beyond the first 65,536.
    for index, key in enumerate(sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))):
        pieces.append("," if index else "{")
        pieces.append(encode_basestring(key))
        pieces.append(":")
        _write(value[key], pieces)
    pieces.append("}" if value else "{}")


def number(value: float) -> str:
    """As ECMAScript's Number::toString writes it.

    Raises:
        ValueError: not a number, or infinite.
    """
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{value} is no number in JSON")
    if value == 0:
        return "0"
    digits, exponent = _digits(abs(value))
    sign = "-" if value < 0 else ""
    if not _SMALLEST <= abs(value) < _LARGEST:
        mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
        return f"{sign}{mantissa}e{exponent - 1:+d}"
    if exponent <= 0:
        return f"{sign}0.{'0' * -exponent}{digits}"
    if exponent >= len(digits):
        return f"{sign}{digits}{'0' * (exponent - len(digits))}"
    return f"{sign}{digits[:exponent]}.{digits[exponent:]}"


def _digits(value: float) -> tuple[str, int]:
    """The fewest digits that mean this number, and where the point stands: 0.digits times 10 to that power."""
    parts = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(parts.exponent, int), "finite"
    digits = "".join(map(str, parts.digits))
    return digits, parts.exponent + len(digits)
