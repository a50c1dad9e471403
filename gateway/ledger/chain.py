"""The chain over what was committed: who changes, adds or takes away a record afterwards cannot make it fit again.

Every commit that brings new calls makes a link: a digest over the link before it, over who wrote it, and over the seals
of its calls (`rows.py`) in the order of their ids. Whoever keeps a link's digest somewhere else (`gateway ledger head`)
can show that nothing up to it was changed, not even by somebody who made the whole chain anew.

One database may hold several chains: a link's number is `chain << CHAIN_BITS | number in the chain`. SQLite has the one
chain 0; in PostgreSQL each gateway has its own, so that none waits for another. A month that was dropped because it was
old leaves a link of its own that says so.
"""

from collections.abc import Iterable
from hashlib import blake2b

LINK_BYTES = 32
CHAIN_BITS = 40


def link_digest(
    before: bytes, seq: int, writer: str, seals: Iterable[bytes], expired_before_ns: int | None = None
) -> bytes:
    """`before`: the digest of the link before, empty for the first. `expired_before_ns`: of a link that has no
    calls, and says that those that began before were dropped. Kept for ever: this may never change."""
    digest = blake2b(before, digest_size=LINK_BYTES)
    name = writer.encode()
    digest.update(seq.to_bytes(8, "big") + len(name).to_bytes(4, "big") + name)
    for seal in seals:
        digest.update(seal)
    if expired_before_ns is not None:
        digest.update(b"expired" + expired_before_ns.to_bytes(8, "big"))
    return digest.digest()
