"""Carrying a lane out: calls wait here for their turn, each for itself, and leave as soon as the lane lets them."""

import asyncio
from collections.abc import Callable

from aiolimiter import AsyncLimiter

from gateway.core.faults import UpstreamBusy
from gateway.core.share import Demand
from gateway.providers.pacing.lane import Lane, Leave, amounts_of
from gateway.providers.pacing.meters import INFINITY, TOKENS


class Gate:
    """One lane on an event loop.

    Configured requests a minute are paced by a limiter: a second's worth may leave at once, the rest is spread evenly.
    The lane says who goes next, the limiter when. One task hands turns out, and lives only while somebody waits.
    """

    def __init__(self, lane: Lane, name: str, max_queue: int, max_wait_s: float, now: Callable[[], float]) -> None:
        self.lane = lane
        self._name = name
        self._max_queue = max_queue
        self._max_wait_s = max_wait_s
        self._now = now
        self.handing_out: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._limiter: AsyncLimiter | None = None
        if lane.requests_per_s:
            burst = max(1.0, lane.requests_per_s)
            self._limiter = AsyncLimiter(burst, burst / lane.requests_per_s)

    async def enter(self, demand: Demand, deadline: float) -> Leave:
        """Wait for this call's turn, at most until the deadline of the loop's clock.

        Raises:
            UpstreamBusy: the queue is full, or the turn would not come in time.
        """
        lane, now, limiter = self.lane, self._now(), self._limiter
        amounts = amounts_of(demand)
        if not lane.queue.length and (limiter is None or limiter.has_capacity()) and lane.wait_s(amounts, now) == 0:
            if limiter is not None:
                await limiter.acquire()  # never waits: there is room
            return lane.leave(amounts, now)
        expected = lane.expected_s(demand, now)
        if expected > deadline - now:
            raise self._busy(expected)
        return await self._wait(demand, deadline, expected)

    async def _wait(self, demand: Demand, deadline: float, expected: float) -> Leave:
        lane, cost = self.lane, max(1.0, amounts_of(demand)[TOKENS])
        if lane.queue.length >= self._max_queue:
            longest = lane.queue.newest_of_longest(demand.share, cost) if self._max_queue else None
            if longest is None:
                raise self._busy(expected)
            # Its flow holds the most of the queue; the one that came last has waited least.
            lane.queue.discard(longest)
            if not longest.wake.done():
                longest.wake.set_exception(self._busy(expected))
        turn: asyncio.Future[Leave] = asyncio.get_running_loop().create_future()
        waiting = lane.queue.push(demand.share, cost, demand, turn)
        self._changed.set()
        if self.handing_out is None:
            self.handing_out = asyncio.create_task(self._hand_out())
        try:
            async with asyncio.timeout(max(0.0, deadline - self._now())):
                return await turn
        except BaseException as error:
            lane.queue.discard(waiting)
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                lane.undo(turn.result())  # its turn came in the moment in which it gave up
            self._changed.set()
            if isinstance(error, TimeoutError):
                raise self._busy(lane.expected_s(demand, self._now())) from None
            raise

    async def _hand_out(self) -> None:
        """Give turns until nobody waits."""
        try:
            await self._give_turns()
        finally:
            self.handing_out = None

    async def _give_turns(self) -> None:
        lane = self.lane
        while lane.queue.length:
            if self._limiter is not None:
                await self._limiter.acquire()
            while lane.queue.length:
                now = self._now()
                waiting = lane.next(now)
                if waiting is None:
                    await self._until_changed(lane.head_wait_s(now))
                elif not waiting.wake.done():  # else it has just hung up
                    waiting.wake.set_result(lane.leave(amounts_of(waiting.demand), now))
                    break

    async def _until_changed(self, at_most_s: float) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(None if at_most_s == INFINITY else max(0.0005, at_most_s)):
                await self._changed.wait()
        except TimeoutError:
            pass

    def changed(self) -> None:
        """A call has ended, or something was learned: who waits may go, or must wait longer."""
        if self.handing_out is not None:
            self._changed.set()

    def _busy(self, expected_s: float) -> UpstreamBusy:
        wait_s = min(max(expected_s, 0.001), 3600.0)
        return UpstreamBusy(
            f"`{self._name}` is busy and {self.lane.queue.length} calls wait for it already; "
            f"try again in about {max(1, round(wait_s))} s",
            headers={"retry-after": str(max(1, round(wait_s))), "retry-after-ms": str(max(1, round(wait_s * 1000)))},
            details={"upstream": self._name, "queued": self.lane.queue.length, "max_wait_s": self._max_wait_s},
        )
