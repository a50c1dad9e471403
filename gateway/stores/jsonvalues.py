"""What a declared file says, as JSON has it: numbers without their decimal places' history, and one way to write it."""

import json
from decimal import Decimal
from typing import Any, cast


def as_json(value: Any) -> Any:
    """The same with JSON's numbers: the YAML reader keeps `0.5` as a Decimal, which JSON would make a text of."""
    if isinstance(value, dict):
        return {key: as_json(one) for key, one in cast(dict[str, Any], value).items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in cast(list[Any], value)]
    return float(value) if isinstance(value, Decimal) else value


def canonical(value: Any) -> bytes:
    """One text for all that is equal: keys in order, no blanks, `1.0` as `1`. For digests."""
    return json.dumps(
        _integral(as_json(value)), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def _integral(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _integral(one) for key, one in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [_integral(one) for one in cast(list[Any], value)]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
