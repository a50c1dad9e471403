"""The history of the policies as people read it: when each set took force, by whom, and what was different in it."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from gateway.access.chain import Entry


class Activated(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the chain. `activated_at`: ISO 8601, UTC. `added`, `removed`, `changed`: files, beside the entry
    before; `prev`: that one's hash."""

    seq: int
    activated_at: str
    digest: str
    hash: str
    prev: str
    actor: str
    source: str
    reason: str
    files: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def activations(entries: Sequence[Entry]) -> list[Activated]:
    """All of them, in the order of the entries, which are a chain's from its beginning."""
    found: list[Activated] = []
    before: dict[str, str] = {}
    for entry in entries:
        after = entry.files
        found.append(
            Activated(
                seq=entry.seq,
                activated_at=iso(entry.at),
                digest=entry.digest,
                hash=entry.hash,
                prev=entry.prev,
                actor=entry.actor,
                source=entry.source,
                reason=entry.reason,
                files=len(after),
                added=tuple(sorted(after.keys() - before.keys())),
                removed=tuple(sorted(before.keys() - after.keys())),
                changed=tuple(sorted(name for name in after.keys() & before.keys() if after[name] != before[name])),
            )
        )
        before = after
    return found


def iso(at_ns: int) -> str:
    """A moment in UTC, to the microsecond."""
    seconds, rest = divmod(at_ns, 10**9)
    at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000, tzinfo=None)
    return at.isoformat(timespec="microseconds") + "Z"
