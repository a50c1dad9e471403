"""What makes calls go to the same target: a word that is the same for those that are alike."""

import functools
from hashlib import blake2b
from typing import Any, cast

import msgspec

from gateway.core.call import Call
from gateway.router.document import Sticky

# Where the clients' dialects keep what a prompt begins with, in the order in which a model reads it.
_BEGINNINGS = ("tools", "system", "systemInstruction", "instructions", "messages", "input", "contents", "prompt")
_encode = msgspec.json.Encoder().encode


def sticky_word(call: Call, sticky: Sticky) -> str:
    """The word; empty: nothing says that this call is like another. Tenants have words of their own."""
    found = _word(call, sticky)
    return f"{call.caller.tenant}/{found}" if found else ""


def _word(call: Call, sticky: Sticky) -> str:
    by = sticky.by
    if by == "session":
        said = call.headers.get(_header(sticky.header))
        if said:
            return said.decode("latin-1")
        asked = call.fields.get("prompt_cache_key")
        return asked if isinstance(asked, str) else ""
    if by == "key":
        return call.caller.key_id
    if by == "user":
        return call.record.user
    return _prefix(call, sticky.prefix_bytes)


@functools.lru_cache(maxsize=1024)
def _header(name: str) -> bytes:
    return name.lower().encode()


def _prefix(call: Call, size: int) -> str:
    """A digest of how the prompt begins. Of a conversation, its first messages: those are the same in each turn."""
    digest = blake2b(call.model.encode("utf-8", "surrogatepass"), digest_size=12)
    left = size
    for name in _BEGINNINGS:
        value = call.fields.get(name)
        if not value:
            continue
        pieces = cast(list[Any], value) if isinstance(value, list) else [value]
        for piece in pieces:
            text = _encode(piece)[:left]
            digest.update(text)
            left -= len(text)
            if left <= 0:
                return digest.hexdigest()
    return "" if left == size else digest.hexdigest()
