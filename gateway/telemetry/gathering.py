"""What is told of ended calls, a few calls at a time.

One call's report is a walk through code and tables that its answer has driven out of the processor's caches; the next
one's, told right after it, finds them there. So they wait for each other: for GATHER_S at most, and never more than
MOST of them.
"""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from gateway.core.call import Call, Operation, TraceContext
from gateway.core.record import Record
from gateway.core.target import Target

_log = logging.getLogger("gateway.telemetry")
MOST = 32
GATHER_S = 0.02


class Ended(msgspec.Struct, frozen=True, gc=False):
    """What there is to tell of a call: nothing of what was said in it, which may be large and is not to wait."""

    record: Record
    operation: Operation
    target: Target | None
    trace: TraceContext | None


class Gathering:
    """Belongs to one event loop. Whoever shows what was told calls `flush` before; whoever ends, `end`.

    Args:
        tell: tells of one call.
    """

    def __init__(self, tell: Callable[[Ended], None]) -> None:
        self._tell = tell
        self._waiting: list[Ended] = []
        self._timer: asyncio.TimerHandle | None = None
        self._most = MOST

    def add(self, call: Call) -> None:
        """Tell of an ended call, soon."""
        waiting = self._waiting
        waiting.append(Ended(call.record, call.operation, call.target, call.trace))
        if len(waiting) >= self._most:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._late)

    def flush(self) -> None:
        """Tell of all that wait."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            try:
                self._tell(one)
            except Exception:  # noqa: BLE001  one call's bug must not keep the others from being told of
                _log.exception("call %s could not be told of", one.record.id)

    def end(self) -> None:
        """Tell of all, and from now on of each at once: there may be no later."""
        self._most = 1
        self.flush()

    def _late(self) -> None:
        self._timer = None
        self.flush()
