"""Whose calls a target serves, and whose not: a request that breaks every target must not take them from all others."""

FAILED_S = 10.0
SERVED_S = 1.0  # long ago says nothing of a target that may have broken since
MAX_CALLERS = 256


class Witnesses:
    """Of one target in one worker: when it last served each caller, and when it last failed him."""

    __slots__ = ("_failed", "_served")

    def __init__(self) -> None:
        self._served: dict[str, float] = {}
        self._failed: dict[str, float] = {}

    def served(self, who: str, now: float) -> None:
        times = self._served
        if len(times) >= MAX_CALLERS and who not in times:
            times.clear()  # who is seen from now on is enough
        times[who] = now

    def failed(self, who: str, now: float) -> None:
        times = self._failed
        if len(times) >= MAX_CALLERS and who not in times:
            times.clear()
        times[who] = now

    def blame(self, who: str, now: float) -> bool:
        """Whether what failed lately failed this caller alone, and others were served just now."""
        if any(now - at <= FAILED_S and other != who for other, at in self._failed.items()):
            return False
        return any(now - at <= SERVED_S and other != who for other, at in self._served.items())
