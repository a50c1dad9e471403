"""What comes to a request on its way: an earlier conversation, a prompt."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Recalled(msgspec.Struct, frozen=True):
    """What an earlier, stored response brings to this call.

    Attributes:
        provider: the upstream that made it. native: that upstream knows it by its id.
        items: all input and output items up to it, oldest first, as JSON values.
        size: bytes of their JSON without inline data (base64); inline_parts: pieces of that.
    """

    provider: str
    native: bool
    items: tuple[Mapping[str, Any], ...]
    size: int = 0
    inline_parts: int = 0


class Templated(msgspec.Struct, frozen=True):
    """What a prompt brings to this call.

    Attributes:
        size: bytes of its texts, its tools and its answer's form. inline_parts: its pieces of inline data.
        opening: items that it begins `input` with: examples, say. Like `instructions` it says them anew in each call of
            a conversation, and so they come first, and are not kept with it.
        reminders: instructions among those that it ends `input` with, counted from the end (-1 is the last): it says
            them anew, too.
        keeps_system: its name, where callers may bring no instructions of their own; else empty.
        left_out: what of it the API has no word for, as `prompt.seed`.
    """

    size: int
    inline_parts: int = 0
    opening: int = 0
    reminders: tuple[int, ...] = ()
    keeps_system: str = ""
    left_out: tuple[str, ...] = ()
