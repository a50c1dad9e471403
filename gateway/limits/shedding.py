"""When a worker has more to do than it can: calls are turned away at once, so that those it takes are answered in time.

What says so is how late the event loop runs: everything that is ready to go on waits so long for its turn. As CoDel
does with a queue (Nichols, Jacobson, 2012), a delay counts only if it never fell below its target for a whole interval:
bursts, and a pause now and then, are what queues are for. What is turned away then is a part of the calls that follows
the delay, as in PIE (RFC 8033): first of batch, and only when all of that is turned away, of the others.
"""

from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec

T = TypeVar("T")
# Of interactive calls never more: what becomes of those that are let in says when it is over.
MOST = 0.95
# The part goes up by this a second for each time that the delay is its target, and down by it when it is below.
STEP_PER_S = 0.5
FASTEST = 4.0
# A delay that comes again within so many intervals is the same one.
SAME = 8


class OverloadOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What config.yaml says about a worker that has too much to do.

    Attributes:
        enabled: whether it turns calls away at all.
        lag_ms: how late the event loop may run; interval_s: for how long without a pause before that counts.
        max_in_flight: calls under way in each worker, whatever the event loop does; left out: no bound.
        batch_share: batch gets in only up to this part of `max_in_flight`.
    """

    enabled: bool = True
    lag_ms: Annotated[float, msgspec.Meta(gt=0, le=60_000)] = 250.0
    interval_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 1.0
    max_in_flight: Annotated[int, msgspec.Meta(ge=1)] | None = None
    batch_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.7


class Shedding:
    """One worker's decision. Plain figures, changed on the event loop only.

    Attributes:
        level: 0: nobody is turned away; up to 1: so much of batch; up to 2: all batch, and so much more of the others.
        turned_away: how many calls were. under_way: those that were not and have not ended, if they are bounded.
    """

    __slots__ = ("_at", "_ended", "_late_since", "_options", "_owed", "level", "turned_away", "under_way")

    def __init__(self, options: OverloadOptions) -> None:
        self._options = options
        self.level = 0.0
        self.turned_away = self.under_way = 0
        self._late_since: float | None = None
        self._ended = -1e9
        self._at = 0.0
        self._owed = {True: 0.0, False: 0.0}

    def late(self, seconds: float, now: float) -> None:
        """The event loop was so late; told many times a second."""
        options = self._options
        passed, self._at = min(1.0, max(0.0, now - self._at)), now
        target_s = options.lag_ms / 1000
        if seconds < target_s:
            self._late_since = None
            if self.level:
                self._ended = now
                self.level = max(0.0, self.level - passed * STEP_PER_S)
            return
        if self._late_since is None:
            self._late_since = now
        again = now - self._ended < SAME * options.interval_s
        if self.level or again or now - self._late_since >= options.interval_s:
            self.level = min(1 + MOST, self.level + passed * STEP_PER_S * min(FASTEST, seconds / target_s))

    def refuses(self, call: T, is_batch: Callable[[T], bool]) -> bool:
        """Whether a call that comes now is turned away; counted then. Whether it is batch, is asked only where that
        counts."""
        options = self._options
        if not options.enabled:
            return False
        most = options.max_in_flight
        tight = most is not None and self.under_way >= most * options.batch_share
        if not self.level and not tight:
            return False
        batch = is_batch(call)
        part = min(1.0, self.level) if batch else self.level - 1
        self._owed[batch] += max(0.0, part)
        refused = most is not None and self.under_way >= (most * options.batch_share if batch else most)
        if self._owed[batch] >= 1:  # evenly, so that a part of few is a part as well
            self._owed[batch] -= 1
            refused = True
        self.turned_away += refused
        return refused

    def begun(self) -> Callable[[], None] | None:
        """A call was let in. What to do when it has ended; None: nobody counts."""
        if self._options.max_in_flight is None:
            return None
        self.under_way += 1
        return self._over

    def _over(self) -> None:
        self.under_way -= 1
