"""Counters of both kinds, and the bounds that tests put on calls."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from gateway.core.clock import SystemClock
from gateway.limits.bounds import Bound, Counters
from gateway.limits.local import LocalCounters
from gateway.limits.redis_counters import RedisCounters
from gateway.limits.store_options import LimitsStoreOptions
from gateway.stores.redis import RedisOptions
from tests.redis_servers import RedisServer, eventually, fresh_redis, redis_server

__all__ = ["fresh_redis", "redis_server"]

# Tests run beside others on a few cores: what is not about patience is patient.
PATIENT_MS = 10_000


class Told:
    """What counters tell of their store."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.seconds: list[float] = []
        self.dropped = 0

    def limit_store_failed(self, reason: str) -> None:
        self.reasons.append(reason)

    def limit_store_answered(self, seconds: float) -> None:
        self.seconds.append(seconds)

    def limit_ending_dropped(self) -> None:
        self.dropped += 1


MakeCounters = Callable[..., Awaitable[RedisCounters]]


async def used(counters: Counters, *bounds: Bound) -> list[int]:
    """When every ending has been sent and everything lent returned: what is asked after them is answered after them."""
    if isinstance(counters, RedisCounters):
        await eventually(lambda: not _under_way(counters))
    return [level.used for level in await counters.levels(bounds)]


def _under_way(counters: RedisCounters) -> bool:
    settling, leases = counters._settling, counters._leases
    lent = leases is not None and any(lease.loan is not None for lease in leases._leases.values())
    return bool(lent or settling._timer or settling._changes or len(settling))


async def eventually_used(counters: Counters, amounts: list[int], *bounds: Bound) -> None:
    """Where what is sent may have to be sent again, a beat or two later."""
    for _ in range(200):
        if (found := await used(counters, *bounds)) == amounts:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not {amounts}, but {found}")


@pytest_asyncio.fixture
async def redis_counters() -> AsyncIterator[MakeCounters]:
    """`await redis_counters(url, …)`: counters of one worker; options of LimitsStoreOptions by name."""
    async with AsyncExitStack() as stack:
        made = 0

        async def make(redis: str | RedisOptions, **given: Any) -> RedisCounters:
            nonlocal made
            made += 1
            other = {name: given.pop(name) for name in ("seeds", "ledger", "workers") if name in given}
            told = given.pop("told", None) or Told()
            options = LimitsStoreOptions(kind="redis", **{"timeout_ms": PATIENT_MS, **given})
            redis = RedisOptions(url=redis, connect_s=PATIENT_MS / 1000) if isinstance(redis, str) else redis
            counters = RedisCounters(options, redis, SystemClock(), told, worker=f"w{made}-", **other)
            return await stack.enter_async_context(counters)

        yield make


@pytest_asyncio.fixture(params=["process", "redis", "lease"])
async def counters(request: pytest.FixtureRequest, redis_counters: MakeCounters) -> Counters:
    """Counters of each kind; what is asked of one is asked of all."""
    if request.param == "process":
        return LocalCounters(SystemClock())
    server: RedisServer = request.getfixturevalue("fresh_redis")
    return await redis_counters(server.url, mode="exact" if request.param == "redis" else "lease", lease_ms=30)
