"""Keyed hashes of variables: calls that had the same value can be told without the ledger knowing it.

A name or a number could be found again by trying all of them; not without the key, which stays in the state folder.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from gateway.prompts.jcs import canonical

MAX_NAMED = 32  # variables beyond those, by name, have one hash together, as those of longer names have
MAX_NAME = 64
REST = "…"
_BYTES = 8
_CANONICAL = 65_536  # bytes; of more, 1 and 1.0 are not one number: to write them alike takes seconds a megabyte
_encode = msgspec.json.Encoder(order="sorted").encode

Fingerprint = Callable[[Mapping[str, Any]], str]


def fingerprints(secret: str) -> Fingerprint:
    """Variables → canonical JSON of `{name: 16 hex digits}`; of none, an empty text."""
    key = blake2b(secret.encode(), digest_size=32).digest()

    def hashed(value: object) -> str:
        return blake2b(_written(value), key=key, digest_size=_BYTES).hexdigest()

    def of(variables: Mapping[str, Any]) -> str:
        if not variables:
            return ""
        named = sorted(name for name in variables if len(name) <= MAX_NAME)[:MAX_NAMED]
        found = {name: hashed(variables[name]) for name in named}
        if rest := variables.keys() - found.keys():
            found[REST] = hashed({name: variables[name] for name in rest})
        return canonical(found).decode()

    return of


def _written(value: object) -> bytes:
    """One text for a value, whatever it is that a request can hold."""
    try:
        text = _encode(value)
        return canonical(value) if len(text) <= _CANONICAL else text
    except RecursionError:  # nested deeper than that can be written canonically
        return _encode(value)
    except ValueError:  # half of a surrogate pair
        return repr(value).encode()
