"""Whose turn it is on a core that a worker keeps busy by itself.

Granian reads and writes in a thread of its own, which wakes two to three times a request. Where all cores are busy,
each time it pushes the thread that makes answers from its core, only to wait for the interpreter that this one holds:
a sixth of all CPU was spent on that. Under Linux' SCHED_BATCH (sched(7)) who wakes up waits for the next turn.

Only while the worker is busy: on a core that others keep busy its threads would wait for those, some milliseconds at
each step, and a call of an idle gateway must not.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable

LOOK_EVERY_S = 0.5
# Shares of a core that the process has used since the last look.
BUSY, CALM = 0.5, 0.3


class Turns:
    """Attributes:
    busy: threads that wake up wait for their turn.
    """

    def __init__(
        self, used_s: Callable[[], float] = time.process_time, now: Callable[[], float] = time.monotonic
    ) -> None:
        """`used_s`: CPU seconds of this process so far."""
        self._used_s = used_s
        self._now = now
        self._at, self._used = now(), used_s()
        self.busy = False

    def look(self) -> None:
        """Decide by what was used since the last look, for all threads that there are now."""
        now, used = self._now(), self._used_s()
        share = (used - self._used) / max(now - self._at, 1e-9)
        self._at, self._used = now, used
        busy = share > (CALM if self.busy else BUSY)
        if busy or self.busy:  # threads may have begun since
            _schedule(os.SCHED_BATCH if busy else os.SCHED_OTHER)
        self.busy = busy

    async def watch(self) -> None:
        """Look again and again; not at all where the system has no such thing, or somebody chose another policy."""
        if not _as_usual():
            return
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()


def _as_usual() -> bool:
    """Whether this thread is scheduled as most are. What an operator has chosen instead (chrt(1), a unit's
    `CPUSchedulingPolicy`) is his, and was not to be had again once it was changed."""
    try:
        return hasattr(os, "SCHED_BATCH") and os.sched_getscheduler(0) == os.SCHED_OTHER
    except OSError:
        return False


def _schedule(policy: int) -> None:
    """For every thread of this process. One may just have ended, and a sandbox may forbid it: then nothing changes."""
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc/self/task"):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setscheduler(int(name), policy, os.sched_param(0))
