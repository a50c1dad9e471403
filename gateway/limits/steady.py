"""Time for counters: the wall's, but it never goes back."""

from gateway.core.clock import Clock


class SteadyTime:
    """Unix seconds that follow the clock. When it is put back, they go on at half the pace until it has caught up: a
    window still empties, and no period begins twice."""

    __slots__ = ("_last", "_monotonic", "_now", "_ticked")

    def __init__(self, clock: Clock) -> None:
        self._now, self._monotonic = clock.now, clock.monotonic
        self._last, self._ticked = clock.now(), clock.monotonic()

    def __call__(self) -> float:
        ticked, now = self._monotonic(), self._now()
        least = self._last + (ticked - self._ticked) / 2
        if now < least:
            now = least
        self._last, self._ticked = now, ticked
        return now
