"""A worker's counters in the Redis of virtual time."""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

from gateway.core.call import Call
from gateway.guard.outside.judging import Opinion
from gateway.guard.rules import Rule
from gateway.guard.tally import Finding
from gateway.guard.words import Side
from gateway.limits import tending
from gateway.limits.bounds import Bound, Level, Need, Refusal
from gateway.limits.leases import Leased
from gateway.limits.redis_counters import RedisCounters, RedisHold
from gateway.limits.store_options import LimitsStoreOptions
from gateway.limits.tending import Seeds
from gateway.stores.redis import RedisOptions
from tests.simulation.redis_link import Redis
from tests.simulation.time import VirtualClock

HOLD_S = 30.0
TIMEOUT_MS = 20


class Quiet:
    """Nobody is told what limits and their store do."""

    def guarded(self, findings: Sequence[Finding]) -> None:
        pass

    def unguarded(self, guard: str, why: str, told: str) -> None:
        pass

    async def judge(self, rule: Rule, side: Side, texts: Sequence[str], call: Call) -> Opinion:
        return Opinion()

    def cache_answered(self, rule_id: str, result: str, nano: int | None) -> None:
        pass

    def cache_held(self, held_bytes: int, entries: int) -> None:
        pass

    def limit_store_failed(self, reason: str) -> None:
        pass

    def limit_store_answered(self, seconds: float) -> None:
        pass

    def limit_ending_dropped(self) -> None:
        pass

    def limited(self, refusal: Refusal) -> None:
        pass

    def warned(self, bounds: Sequence[Bound]) -> None:
        pass

    def waited(self, bound: Bound, seconds: float) -> None:
        pass

    def counted(self, levels: Sequence[Level]) -> None:
        pass


class SharedCounters(RedisCounters):
    """A worker's counters in Redis, which note what calls were told and what was said of them.

    Attributes:
        longest_s: that a call waited. said: the members of reservations and of loans, each with what a call that it was
            for is said to have used. apart: the same of calls that were counted here while Redis was away.
    """

    def __init__(
        self, redis: Redis, clock: VirtualClock, name: str, mode: Literal["exact", "lease"], seeds: Seeds
    ) -> None:
        options = LimitsStoreOptions(kind="redis", mode=mode, hold_s=HOLD_S, timeout_ms=TIMEOUT_MS)
        super().__init__(options, RedisOptions(url="redis://redis"), clock, Quiet(), worker=f"{name}-", seeds=seeds)
        self._monotonic = clock.monotonic
        self.servers = redis.servers()
        self.store._servers = self.servers
        self.longest_s = 0.0
        self.said: list[tuple[bytes, Need]] = []
        self.apart: list[Need] = []

    async def reserve(self, bounds: Sequence[Bound], need: Need) -> Any:
        began = self._monotonic()
        try:
            return await super().reserve(bounds, need)
        finally:
            self.longest_s = max(self.longest_s, self._monotonic() - began)

    def settle(self, hold: Any, used: Need) -> None:
        if not self.servers.dead and not hold.settled:
            if isinstance(hold, Leased):
                self.said.append((hold.loan.member, used))
            else:
                assert isinstance(hold, RedisHold)
                self.said.extend((part.member, used) for part in hold.parts)
                if hold.away is not None:
                    self.apart.append(used)
        super().settle(hold, used)

    async def told(self) -> None:
        """Until everything has been said to a server that is there."""
        await asyncio.sleep(3 * tending.BEAT_S)

    def kill(self) -> None:
        self.servers.kill()
