"""Keyed hashes of variables: calls that had the same value can be told without the ledger knowing it.

A name or a number could be found again by trying all of them; not without the key, which stays in the state folder.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

from gateway.prompts.jcs import canonical

MAX_NAMED = 32  # variables beyond those, by name, have one hash together
REST = "…"
_BYTES = 8

Fingerprint = Callable[[Mapping[str, Any]], str]


def fingerprints(secret: str) -> Fingerprint:
    """Variables → canonical JSON of `{name: 16 hex digits}`; of none, an empty text."""
    key = blake2b(secret.encode(), digest_size=32).digest()

    def hashed(value: object) -> str:
        try:
            data = canonical(value)
        except ValueError:  # half of a surrogate pair; a request may hold one
            data = repr(value).encode()
        return blake2b(data, key=key, digest_size=_BYTES).hexdigest()

    def of(variables: Mapping[str, Any]) -> str:
        if not variables:
            return ""
        names = sorted(variables)
        found = {name: hashed(variables[name]) for name in names[:MAX_NAMED]}
        if len(names) > MAX_NAMED:
            found[REST] = hashed({name: variables[name] for name in names[MAX_NAMED:]})
        return canonical(found).decode()

    return of
