"""The key of a call: two calls with one key get one answer.

It is made of the request's fields in one canonical form, and of everything else that the answer depends on. Streams and
whole answers have keys of their own: what is given again is what an upstream said, byte for byte, and never made into
the other form.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from math import isfinite
from typing import Any

import msgspec

from gateway.cache.document import Shared
from gateway.core.fields import Fields, has_name_twice
from gateway.core.principal import Principal

# What a request says beside what it asks, by the operation: who is behind it, what for, and how the upstream's own
# prompt cache is to work. `stream` stands in the key for itself. Responses repeat all of it in
# the answer.
_BESIDE = frozenset({"stream", "user", "safety_identifier", "metadata", "prompt_cache_key", "prompt_cache_retention"})
BESIDE: Mapping[str, frozenset[str]] = {
    "chat": _BESIDE | {"store"},
    "completions": _BESIDE,
    "responses": frozenset({"stream"}),
    "messages": frozenset({"stream", "metadata"}),
    "generate": frozenset({"labels"}),
    "embeddings": frozenset({"user"}),
    "images": frozenset({"user", "stream"}),
    "speech": frozenset({"stream"}),
}
# Says something of streams alone; some clients send it always.
_OF_STREAMS = frozenset({"stream_options"})
_NOTHING: frozenset[str] = frozenset()
_OF_WHOLES = {operation: names | _OF_STREAMS for operation, names in BESIDE.items()}
# From here on a float may stand for several whole numbers.
_EXACT = 2**53


def _number(text: str) -> float | int:
    """`1`, `1.0` and `1e0` are one number.

    Raises:
        ValueError: it is larger than any.
    """
    value = float(text)
    if not isfinite(value):
        raise ValueError(text)
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


_decode: Callable[[bytes], Any] = msgspec.json.Decoder(float_hook=_number).decode
_encode = msgspec.json.Encoder(order="sorted").encode
_prelude = msgspec.msgpack.Encoder().encode


class Around(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """What an answer depends on besides the request's body.

    Attributes:
        endpoint: the operation's name and path, which tell its dialect and protocol.
        policy: digest of what decided. targets: what it may go to, best first. route: that chose them.
        prompt: id and version of the registry's prompt. data_class: of what is sent.
        strict: whether the caller wants a refusal where something cannot be expressed.
        varying: request headers that reach the upstream, as (name, value), sorted.
    """

    endpoint: tuple[str, str]
    model: str
    stream: bool
    policy: str
    targets: Sequence[str]
    route: str
    prompt: str
    data_class: str
    strict: bool
    varying: Sequence[tuple[bytes, bytes]]


def scope_of(shared: Shared, caller: Principal) -> tuple[str, ...]:
    """Who shares an answer with this caller."""
    if shared == "tenant":
        return ("tenant", caller.tenant)
    if shared == "team":
        return ("team", caller.tenant, caller.team)
    return ("key", caller.key_id) if shared == "key" else ("organisation",)


def asked_in(operation: str, stream: bool, fields: Fields) -> tuple[dict[str, Any], bytes] | None:
    """What is asked, and the same in its canonical form. None: it is no JSON that can be read, or that two upstreams
    could read in two ways, for a name stands twice in an object: the answer to the one would be given to those who ask
    the other."""
    without = BESIDE.get(operation, _NOTHING) if stream else _OF_WHOLES.get(operation, _OF_STREAMS)
    raw = fields.encode({}, without)
    try:
        asked = _decode(raw)
        written = canonical(asked)
        if has_name_twice(raw, asked, written):
            return None
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return asked, written


def canonical(asked: Mapping[str, Any]) -> bytes:
    """In one form: the same for any order of fields, spelling of numbers and escaping of text."""
    return _encode(asked)


def key_of(around: Around, scope: tuple[str, ...], asked: bytes) -> bytes:
    """32 bytes."""
    hashed = blake2b(_prelude((around, scope)), digest_size=32)
    hashed.update(asked)
    return hashed.digest()
