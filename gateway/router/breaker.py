"""When a target is left alone: a state machine as a table, stepped by what happens to its calls.

state      event                                       next       besides
closed     failed, `consecutive` or `failure_rate`     open       for `open_s`
closed     anything else                               closed
open       its time is over (`open_s`)                 half_open  one trial at a time
open       `probe_s`: its provider answered a probe    half_open  instead of the row above
half_open  succeeded, `trials` in a row                closed     all is forgotten
half_open  succeeded, fewer                            half_open  the next trial
half_open  failed                                      open       twice as long, at most `max_open_s`

Failures of one caller alone, while others are served, open nothing: they may be his requests', which would break every
target in turn.

Where there are probes, no call is a trial before one was answered. The first is believed at once; after a trial that
failed all the same, only when the doubled time is over.

What another gateway has found (`heard`) opens it as well, for as long as was told. It is then passed over where another
target can be asked, and barred to nobody.

Calls that were under way when a target broke say nothing of how it is now: only what becomes of those begun since
counts. A trial is over when it begins to answer. One that never does (its client hung up) gives its place back without
a word about the target. An answer that the target cuts off is a failure, however well it began.
"""

from collections.abc import Mapping
from typing import Literal

from gateway.router.document import Ejection
from gateway.router.witnesses import Witnesses

State = Literal["closed", "open", "half_open"]
Event = Literal["tripped", "rested", "recovered", "failed"]
TABLE: Mapping[tuple[State, Event], State] = {
    ("closed", "tripped"): "open",
    ("open", "rested"): "half_open",
    ("half_open", "recovered"): "closed",
    ("half_open", "failed"): "open",
}
WINDOW_S = 10.0
SLICES = 5
SLICES_PER_S = SLICES / WINDOW_S
_UNCOUNTED = -1


class Breaker:
    """Of one target in one worker.

    Attributes:
        opened: how often it has opened.
        mark: by which what becomes of a call counts that is sent there now and is no trial.
        until: when it may be tried again; probed_from: since when an answered probe may say so earlier.
        options: those in force. heard: it is open, or being tried, only because another gateway said so.
    """

    __slots__ = (
        *("_failed", "_good", "_row", "_since", "_slice", "_succeeded", "_trying", "_wait_s", "_witnesses"),
        *("heard", "mark", "opened", "options", "probed_from", "state", "until"),
    )

    def __init__(self, options: Ejection) -> None:
        self.options = options
        self.state: State = "closed"
        self.until = self.probed_from = 0.0
        self.opened = self.mark = self._since = 0
        self._trying = False
        self._witnesses = Witnesses()
        self.heard = False
        self._wait_s = options.open_s
        self._good = self._row = 0
        self._slice = 0
        self._failed = [0] * SLICES
        self._succeeded = [0] * SLICES

    def allows(self, now: float) -> bool:
        """Whether a call may go there: always while closed, one at a time while it is being tried."""
        if self.state == "closed":
            return True
        if self.state == "open" and now >= self.until and self.options.probe_s is None:
            self._rest()
        return self.state == "half_open" and not self._trying

    def bars(self, now: float) -> bool:
        """Whether a call that may go nowhere else must not go there either."""
        return self.state != "closed" and not self.allows(now) and not self.heard

    def wants_probe(self, now: float) -> bool:
        return self.state == "open" and now >= self.probed_from

    def probed(self, now: float) -> None:
        """Its provider has answered a probe."""
        if self.wants_probe(now):
            self._rest()

    def begun(self) -> int:
        """A call is sent there; the mark by which what becomes of it counts."""
        if self.state == "half_open":
            if self._trying:
                return _UNCOUNTED
            self._trying = True
            self.mark += 1
        return self.mark

    def answered(self, mark: int) -> None:
        """It has begun to answer."""
        if mark == self.mark and self.state == "half_open":
            self._trying = False
            self._good += 1
            if self._good >= self.options.trials:
                self._step("recovered")
                self.heard = False
                self._wait_s = self.options.open_s
                self._row = 0
                self._failed, self._succeeded = [0] * SLICES, [0] * SLICES

    def succeeded(self, mark: int, now: float, who: str = "") -> None:
        """Its answer to this caller was whole."""
        self._witnesses.served(who, now)
        if mark >= self._since and self.state != "half_open":
            self._row = 0
            current = int(now * SLICES_PER_S)
            if current != self._slice:
                self._turn(current)
            self._succeeded[current % SLICES] += 1

    def failed(self, mark: int, now: float, spread: float, who: str = "") -> None:
        """`who`: whose call it was. `spread`: 0 to 1, so that many workers do not try at the same moment."""
        if mark < self._since or not self.options.enabled:
            return
        self._row += 1
        self._witnesses.failed(who, now)
        if self.state == "half_open":
            self._wait_s = min(self.options.max_open_s, self._wait_s * 2)
            self._open("failed", now, spread)
        elif self.state == "closed":
            self._turn(int(now * SLICES_PER_S))
            self._failed[self._slice % SLICES] += 1
            if (self._row >= self.options.consecutive or self._is_bad()) and not self._witnesses.blame(who, now):
                self._open("tripped", now, spread)
        elif self.heard and self._row >= self.options.consecutive:
            self._found(now, spread)  # those that could go nowhere else say so as well

    def ended(self, mark: int) -> None:
        """It is over, whatever became of it."""
        if mark == self.mark:
            self._trying = False

    def heard_open(self, until: float) -> None:
        """Another gateway has found it broken: it is left alone here as well, and tried when that time is over."""
        if self.state == "closed" and self.options.enabled:
            self._step("tripped")
            self.until, self.probed_from, self.heard = until, 0.0, True

    def failure_rate(self, now: float) -> tuple[float, int]:
        """Of the last seconds, and of how many calls."""
        self._turn(int(now * SLICES_PER_S))
        failed, calls = sum(self._failed), sum(self._failed) + sum(self._succeeded)
        return (failed / calls if calls else 0.0), calls

    def _is_bad(self) -> bool:
        failed, calls = sum(self._failed), sum(self._failed) + sum(self._succeeded)
        return calls >= self.options.min_calls and failed >= self.options.failure_rate * calls

    def _open(self, event: Event, now: float, spread: float) -> None:
        self._step(event)
        self._found(now, spread)
        if event == "failed":
            self.probed_from = self.until

    def _found(self, now: float, spread: float) -> None:
        self.heard = False
        self.opened += 1
        self.until = now + self._wait_s * (0.8 + 0.4 * spread)
        self.probed_from = now
        self._row = 0

    def _rest(self) -> None:
        self._step("rested")
        self._good = 0

    def _step(self, event: Event) -> None:
        self.state = TABLE[self.state, event]
        self._trying = False
        if self.state != "closed":  # its trials, if it comes back, go on counting
            self.mark += 1
            self._since = self.mark

    def _turn(self, current: int) -> None:
        """Empty the slices of time that have passed."""
        for passed in range(max(self._slice + 1, current - SLICES + 1), current + 1):
            self._failed[passed % SLICES] = self._succeeded[passed % SLICES] = 0
        self._slice = current
