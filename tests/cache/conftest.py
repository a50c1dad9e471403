"""Stores of replies of each kind; what is asked of one is asked of all."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest_asyncio

from gateway.cache.memory import MemoryEntries
from gateway.cache.options import CacheOptions
from gateway.cache.redis_entries import RedisEntries
from gateway.cache.tiers import Tiers
from gateway.core.clock import SystemClock
from gateway.stores.redis import RedisOptions
from tests.redis_servers import fresh_redis, redis_server

__all__ = ["fresh_redis", "redis_server"]

CLOCK = SystemClock()
# What is not about patience is patient.
PATIENT_MS = 1_000


class Told:
    """What a store tells of itself."""

    def __init__(self) -> None:
        self.up: list[bool] = []
        self.reasons: list[str] = []

    def cache_store_up(self, up: bool) -> None:
        self.up.append(up)

    def cache_store_failed(self, reason: str) -> None:
        self.reasons.append(reason)


MakeTiers = Callable[..., Awaitable[Tiers]]


@pytest_asyncio.fixture
async def make_tiers() -> AsyncIterator[MakeTiers]:
    """`await make_tiers(url, …)`: a worker's stores; options of CacheOptions by name. No url: memory alone."""
    async with AsyncExitStack() as stack:

        async def make(url: str = "", told: Told | None = None, **given: Any) -> Tiers:
            options = CacheOptions(**{"timeout_ms": PATIENT_MS, "redis": bool(url), **given})
            far = None
            if url:
                far = RedisEntries(options, RedisOptions(url=url), told or Told(), CLOCK.monotonic)
                await stack.enter_async_context(far)
            near = MemoryEntries(options.max_bytes, CLOCK.now)
            return Tiers(near, far, CLOCK.now, CLOCK.monotonic, lambda held, entries: None)

        yield make
