"""First-byte, idle and total timeouts of one exchange with one timer.

`asyncio.timeout` around every read of a stream costs more than the read. Here each read only notes the time; the one
timer wakes when a limit could have been reached, looks, and sleeps again for what is left.
"""

import asyncio
from typing import Literal

import msgspec


class Timeouts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`first_byte_s`: until the status line, or until the answer where it is not streamed; `idle_s`: between two pieces
    of the body; `total_s`: everything."""

    connect_s: float = 5.0
    first_byte_s: float = 300.0
    idle_s: float = 120.0
    total_s: float = 3600.0


Phase = Literal["first_byte", "idle", "total"]


class Watchdog:
    """Cancels the task that made it when a limit is over; `fired` then says which."""

    __slots__ = ("_loop", "_started", "_task", "_timeouts", "_timer", "_touched", "_waiting", "fired")

    def __init__(self, timeouts: Timeouts, loop: asyncio.AbstractEventLoop) -> None:
        task = asyncio.current_task(loop)
        assert task is not None, "a watchdog guards a task"
        self._loop = loop
        self._task = task
        self._timeouts = timeouts
        self._started = self._loop.time()
        self._touched: float | None = self._started
        self._waiting: Phase = "first_byte"
        self.fired: Phase | None = None
        self._timer = self._loop.call_later(min(timeouts.first_byte_s, timeouts.total_s), self._look)

    def answered(self) -> None:
        """The status line came; from here on only the idle and total limits count."""
        self._waiting = "idle"
        self._touched = None
        self._timer.cancel()
        self._timer = self._loop.call_later(self._left(), self._look)

    def reading(self) -> None:
        """A read begins. Between reads the upstream is not late: we are the ones who do not read."""
        self._touched = self._loop.time()

    def read(self) -> None:
        """The read has ended."""
        self._touched = None

    def stop(self) -> None:
        self._timer.cancel()

    def _left(self) -> float:
        now = self._loop.time()
        limit = self._timeouts.first_byte_s if self._waiting == "first_byte" else self._timeouts.idle_s
        idle = limit if self._touched is None else self._touched + limit - now
        return min(idle, self._started + self._timeouts.total_s - now)

    def _look(self) -> None:
        left = self._left()
        if left > 0.001:
            self._timer = self._loop.call_later(left, self._look)
            return
        over = self._loop.time() - self._started >= self._timeouts.total_s - 0.001
        self.fired = "total" if over else self._waiting
        self._task.cancel()
