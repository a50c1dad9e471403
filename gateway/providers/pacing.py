"""Pacing what leaves for one upstream, with a queue that is bounded in length and in time."""

import asyncio
from collections.abc import Callable

from aiolimiter import AsyncLimiter

from gateway.core.faults import Overloaded
from gateway.providers.options import PacingOptions


class Pacer:
    """One per provider and worker."""

    def __init__(self, options: PacingOptions, provider: str, workers: int, now: Callable[[], float]) -> None:
        self._options = options
        self._provider = provider
        self._now = now
        self._rate = options.requests_per_minute / workers
        # A second's worth may leave at once; the rest is spread evenly.
        self._limiter = AsyncLimiter(max(1.0, self._rate / 60), 60 * max(1.0, self._rate / 60) / self._rate)
        self.waiting = 0

    async def wait(self) -> float:
        """Wait for this call's turn; the seconds it took.

        Raises:
            Overloaded: the queue is full, or the turn would not come in time.
        """
        if self.waiting == 0 and self._limiter.has_capacity():
            await self._limiter.acquire()
            return 0.0
        expected = self.waiting * 60 / self._rate
        if self.waiting >= self._options.max_queue or expected > self._options.max_wait_s:
            raise self._full(expected)
        began = self._now()
        self.waiting += 1
        try:
            async with asyncio.timeout(self._options.max_wait_s):
                await self._limiter.acquire()
        except TimeoutError:
            raise self._full(expected) from None
        finally:
            self.waiting -= 1
        return self._now() - began

    def _full(self, expected_s: float) -> Overloaded:
        return Overloaded(
            f"the queue of calls to `{self._provider}` is full; try again later",
            code="upstream_queue_full",
            headers={"retry-after": str(max(1, round(expected_s)))},
            details={"queued": self.waiting, "requests_per_minute": self._options.requests_per_minute},
        )
