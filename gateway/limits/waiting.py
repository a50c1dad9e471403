"""Keeping a call waiting for room, where a limit says `queue`: first come, first served.

Calls that wait for one bound stand in one line; only its head asks the counters again: when a call that counted in the
bound ends here, when the bound should have room, and every POLL_S, because a call may end in another process.
"""

import asyncio
from collections.abc import Callable, Sequence

from gateway.limits.bounds import Bound, Counters, Hold, Need, Refusal

POLL_S = 0.05
MAX_WAITING = 1_000


class Line:
    """Who waits for one bound. asyncio's lock serves its waiters in the order in which they came."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.freed = asyncio.Event()
        self.waiting = 0


class Waiting:
    """The lines of this process. A line exists while somebody stands in it."""

    def __init__(self, counters: Counters, now: Callable[[], float], waited: Callable[[Bound, float], None]) -> None:
        """`now`: monotonic seconds. `waited`: told for what a call was kept waiting, and how many seconds."""
        self._counters = counters
        self._now = now
        self._waited = waited
        self._lines: dict[str, Line] = {}

    def __len__(self) -> int:
        return sum(line.waiting for line in self._lines.values())

    async def reserve(self, bounds: Sequence[Bound], need: Need) -> Hold | Refusal:
        """Reserve, waiting for room where the bound that refuses says so; the refusal once its time is over.

        A cancelled caller leaves the line, and has reserved nothing.
        """
        lines = self._lines
        ahead = next((bound for bound in bounds if bound.queue_s and bound.key in lines), None) if lines else None
        if ahead is None:
            found = await self._counters.reserve(bounds, need)
            if not isinstance(found, Refusal) or not found.bound.queue_s:
                return found
            ahead = found.bound
        return await self._wait(ahead, bounds, need)

    def freed(self, bounds: Sequence[Bound]) -> None:
        """A call that counted in these bounds has ended."""
        if self._lines:
            for bound in bounds:
                if (line := self._lines.get(bound.key)) is not None:
                    line.freed.set()

    async def _wait(self, ahead: Bound, bounds: Sequence[Bound], need: Need) -> Hold | Refusal:
        """Stand in the line of the bound that refuses, and, when another one does, in that one's."""
        began = self._now()
        while True:
            found = await self._in_line(ahead, bounds, need, began)
            if not isinstance(found, Refusal) or found.bound.key == ahead.key or not found.bound.queue_s:
                return found
            ahead = found.bound

    async def _in_line(self, ahead: Bound, bounds: Sequence[Bound], need: Need, began: float) -> Hold | Refusal:
        line = self._lines.setdefault(ahead.key, Line())
        if line.waiting >= MAX_WAITING:
            return await self._counters.reserve(bounds, need)
        line.waiting += 1
        joined = self._now()
        try:
            try:
                async with asyncio.timeout(ahead.queue_s - (self._now() - began)):
                    await line.turn.acquire()
            except TimeoutError:
                return await self._counters.reserve(bounds, need)
            try:
                return await self._at_the_head(line, ahead, bounds, need, began)
            finally:
                line.turn.release()
        finally:
            self._waited(ahead, self._now() - joined)
            line.waiting -= 1
            if not line.waiting and self._lines.get(ahead.key) is line:
                del self._lines[ahead.key]

    async def _at_the_head(
        self, line: Line, ahead: Bound, bounds: Sequence[Bound], need: Need, began: float
    ) -> Hold | Refusal:
        while True:
            line.freed.clear()
            found = await self._counters.reserve(bounds, need)
            left_s = ahead.queue_s - (self._now() - began)
            if not isinstance(found, Refusal) or found.bound.key != ahead.key or left_s <= 0:
                return found
            if found.retry_after_s > left_s and ahead.span.kind == "calendar":
                return found  # nothing comes back before the period ends
            try:
                # Only this wait can be cut short: a reservation that was being made would be lost.
                async with asyncio.timeout(min(left_s, POLL_S, max(found.retry_after_s, 0.001))):
                    await line.freed.wait()
            except TimeoutError:
                pass
