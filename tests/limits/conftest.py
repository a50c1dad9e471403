"""Counters of both kinds, and the bounds that tests put on calls."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from gateway.core.clock import SystemClock
from gateway.limits.bounds import Counters
from gateway.limits.local import LocalCounters
from gateway.limits.redis_counters import RedisCounters
from gateway.limits.store_options import LimitsStoreOptions
from gateway.stores.redis import RedisOptions
from tests.redis_servers import RedisServer, fresh_redis, redis_server

__all__ = ["fresh_redis", "redis_server"]

# Tests run beside others on a few cores: what is not about patience is patient.
PATIENT_MS = 5_000


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
