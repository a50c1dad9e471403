"""An event loop in virtual time: when nothing is ready, the clock jumps to what is due next."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

TURN_S = 1e-6


class VirtualClock:
    """A clock that the loop moves. Its wall clock can be stepped, as machines' clocks are; its monotonic one cannot."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._elapsed = 0.0
        self.step = 0.0

    def now(self) -> float:
        return self._start + self._elapsed + self.step

    def now_ns(self) -> int:
        return int(self.now() * 1e6) * 1_000

    def monotonic(self) -> float:
        return self._elapsed

    def advance(self, seconds: float) -> None:
        self._elapsed += seconds


class VirtualWall:
    """The same time on another machine, whose clock nobody steps."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now() - self._clock.step


class _Waiting(selectors.SelectSelector):
    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        """No socket and no thread takes part, so nothing but time can make anything ready. A turn takes a moment, as
        everywhere: who asks for less time than the clock can tell would never get on."""
        if timeout is None:
            raise AssertionError("everything waits and nothing will ever happen: somebody hangs")
        self._clock.advance(max(timeout, TURN_S))
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        super().__init__(_Waiting(clock))

    def time(self) -> float:
        return self._clock.monotonic()


def run(clock: VirtualClock, main: Coroutine[Any, Any, None]) -> None:
    """Run to the end; what went wrong in a task that nobody waits for is an error too."""
    broken: list[Any] = []
    loop = VirtualLoop(clock)
    loop.set_exception_handler(lambda _, context: broken.append(context))
    try:
        loop.run_until_complete(main)
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
    assert not broken, f"a task failed and nobody looked: {broken[0]}"
