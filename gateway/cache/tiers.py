"""What is kept, near and far: this process's memory first, then Redis, where there is one."""

import asyncio
from collections.abc import Callable
from typing import Literal

from gateway.cache.document import Rule
from gateway.cache.entries import Entry
from gateway.cache.memory import MemoryEntries
from gateway.cache.redis_entries import Lease, RedisEntries

# How often a call looks whether another worker has the answer by now.
LOOK_S = 0.025


def lives_until(entry: Entry, rule: Rule) -> float:
    """Unix seconds from which nobody can use it."""
    return entry.stored_at + rule.ttl_s + rule.stale_s


class Tiers:
    """`now`: Unix seconds; `monotonic`: for waiting.

    Attributes:
        reaches_far: there is a Redis.
    """

    def __init__(
        self,
        near: MemoryEntries,
        far: RedisEntries | None,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        held: Callable[[int, int], None],
    ) -> None:
        """`held`: told of (bytes, entries) in memory when they change."""
        self._near = near
        self._far = far
        self.reaches_far = far is not None
        self._now = now
        self._monotonic = monotonic
        self._held = held

    def near(self, key: bytes) -> Entry | None:
        return self._near.get(key)

    async def far(self, key: bytes, rule: Rule) -> Entry | None:
        """What Redis has, if it is of use yet; it is kept here then, too."""
        entry = None if self._far is None else await self._far.get(key)
        if entry is None or lives_until(entry, rule) <= self._now():
            return None
        self._remember(key, entry, rule)
        return entry

    def keep(self, key: bytes, entry: Entry, rule: Rule) -> None:
        self._remember(key, entry, rule)
        if self._far is not None:
            self._far.put(key, entry, lives_until(entry, rule) - self._now())

    async def lead(
        self, key: bytes, rule: Rule, good: Callable[[Entry], bool], wait_s: float
    ) -> Entry | Lease | Literal["held", "away"]:
        """The right to fetch an answer for all workers, or a good one that another fetched meanwhile. `held`: another
        worker has the right, and is not ready in time; `away`: nobody can be asked for it."""
        if self._far is None:
            return "away"
        deadline = self._monotonic() + wait_s
        while True:
            lease = await self._far.lease(key)
            if lease == "away":
                return "away"
            # Also with the right in hand: between the look before and this, another worker may have been and gone.
            entry = await self.far(key, rule)
            if entry is not None and good(entry):
                if isinstance(lease, Lease):
                    lease.release()
                return entry
            if isinstance(lease, Lease) or self._monotonic() >= deadline:
                return lease
            await asyncio.sleep(LOOK_S)

    def _remember(self, key: bytes, entry: Entry, rule: Rule) -> None:
        self._near.put(key, entry, lives_until(entry, rule))
        self._held(self._near.held_bytes, len(self._near))
