"""A request's body as steps read it and as an upstream is sent it."""

import json
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

import msgspec

_encode = msgspec.json.Encoder().encode


class Fields(Protocol):
    """A request body's top-level fields, read without decoding what nobody asks for."""

    content_type: bytes

    def get(self, name: str) -> object:
        """The decoded field, or None."""
        ...

    def among(self, names: frozenset[str]) -> AbstractSet[str]:
        """Those of the names under which the body has a field: cheaper than to ask for many that are not there."""
        ...

    def besides(self, names: frozenset[str]) -> AbstractSet[str]:
        """The names of the body's other fields."""
        ...

    def encode(self, changes: Mapping[str, object], without: Collection[str] = ()) -> bytes:
        """The body with these fields set and those left out; every other field's bytes stay as the client sent them."""
        ...

    def decoded(self) -> dict[str, Any]:
        """Every field, decoded; for calls that are translated."""
        ...

    def unclear(self, values: Mapping[str, object]) -> str:
        """The first of these fields, told with what they were decoded to, in which an object has a name twice; empty:
        none has. Upstreams differ in which of the two they read, so whoever judges such a field judges half of it."""
        ...

    def mentions(self, name: str, words: Collection[bytes]) -> bool:
        """Whether one of the words stands in the field's JSON text as it is, without decoding it; where that is not
        known, it may."""
        ...

    def inline_data(self) -> tuple[int, int]:
        """(bytes, pieces) of inline base64 data in the body, roughly: images, files, sound."""
        ...


class NoFields:
    """The body before it has been opened."""

    content_type = b""

    def get(self, name: str) -> object:  # noqa: ARG002  the protocol's signature
        return None

    def among(self, names: frozenset[str]) -> AbstractSet[str]:  # noqa: ARG002
        return frozenset()

    def besides(self, names: frozenset[str]) -> AbstractSet[str]:  # noqa: ARG002
        return frozenset()

    def encode(self, changes: Mapping[str, object], without: Collection[str] = ()) -> bytes:  # noqa: ARG002
        return b""

    def decoded(self) -> dict[str, Any]:
        return {}

    def unclear(self, values: Mapping[str, object]) -> str:  # noqa: ARG002
        return ""

    def mentions(self, name: str, words: Collection[bytes]) -> bool:  # noqa: ARG002
        return False

    def inline_data(self) -> tuple[int, int]:
        return 0, 0


def has_name_twice(text: bytes, value: object, written: bytes | None = None) -> bool:
    """Whether an object in this JSON text, at any depth, has a name twice.

    Args:
        value: what the text was decoded to. written: the same as JSON text, in any order, where that is there already.

    Raises:
        ValueError, RecursionError: it is no JSON that can be read.
    """
    if written is None:
        written = _encode(value)
    if written == text:
        return False
    # A name brings a colon with it, and so does a string that holds one. A name that was lost took its colon along: if
    # none is missing, all names are there. A string that writes its colons in another way could make up for one.
    if written.count(b":") == text.count(b":") and (
        b"\\u003" not in text or (b"\\u003a" not in text and b"\\u003A" not in text)
    ):
        return False
    return _reads_a_name_twice(text)


def _reads_a_name_twice(text: bytes) -> bool:
    found = False

    def look(pairs: Sequence[tuple[str, object]]) -> None:
        nonlocal found
        found = found or len(dict(pairs)) != len(pairs)

    json.loads(text, object_pairs_hook=look)
    return found
