"""What is told, as one shape."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from gateway.core.days import written
from gateway.core.money import NANO, decimal_text

_FOUR_PLACES = NANO // 10_000


class Event(msgspec.Struct, frozen=True):
    """Attributes:
    kind: `budget.threshold_reached`, …
    key: what it is about; the same thing has the same key, and is told once.
    at: Unix seconds. text: one line for people. data: what a webhook is told, as JSON.
    supersedes: keys of what is not worth telling any more once this is told.
    """

    kind: str
    key: str
    at: float
    text: str
    data: Mapping[str, Any]
    supersedes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return id_of(self.key)

    @property
    def body(self) -> bytes:
        """What is sent: Standard Webhooks' shape."""
        return msgspec.json.encode({"type": self.kind, "timestamp": written(self.at), "data": self.data})


def id_of(key: str) -> str:
    """The same key has the same id, wherever it is made."""
    return f"msg_{blake2b(key.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"


def amount(nano: int) -> str:
    """Money in a line that people read: four places, nine where four would show nothing of it."""
    text = decimal_text(nano)
    return text[:-5] if abs(nano) >= _FOUR_PLACES or not nano else text


def shown(text: str) -> str:
    """A name in a line of the log: nothing in it can start another line or move a cursor."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text[:200])
