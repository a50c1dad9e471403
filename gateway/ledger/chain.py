"""The chain over what was committed: who changes, adds or takes away a record afterwards cannot make it fit again.

Every commit that brings new calls makes a link: a digest over the link before it, over who wrote it, and over the seals
of its calls (`rows.py`) in the order of their ids. Whoever keeps a link's digest somewhere else (`gateway ledger head`)
can show that nothing up to it was changed, not even by somebody who made the whole chain anew.
"""

from collections.abc import Iterable
from hashlib import blake2b

LINK_BYTES = 32


def link_digest(before: bytes, seq: int, writer: str, seals: Iterable[bytes]) -> bytes:
    """`before`: the digest of the link before, empty for the first. Kept for ever: this may never change."""
    digest = blake2b(before, digest_size=LINK_BYTES)
    name = writer.encode()
    digest.update(seq.to_bytes(8, "big") + len(name).to_bytes(4, "big") + name)
    for seal in seals:
        digest.update(seal)
    return digest.digest()
