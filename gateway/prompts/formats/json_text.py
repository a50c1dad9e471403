"""Plain data → JSON that people read."""

from decimal import Decimal
from typing import Any

import msgspec


def json_text(value: Any) -> str:
    """Two spaces a level; keys in their order."""
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=_number), indent=2).decode() + "\n"


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"a {type(value).__name__} has no form in JSON")
