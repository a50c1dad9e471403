"""Counters in this process. Nothing here awaits inside a decision, so one over several counters is atomic.

How far a limit can be overshot: not at all by calls under way, however many, because each has its high estimate
reserved before it starts. When the truth turns out higher than the estimate, by the sum of those differences over the
calls that were under way at that moment, and by nothing after it: the truth is counted, and the next call is refused.
"""

from collections.abc import Callable, Iterable, Sequence
from math import ceil
from typing import Any

import msgspec

from gateway.core.clock import Clock
from gateway.limits.bounds import NOTHING, Bound, Level, Need, Refusal
from gateway.limits.steady import SteadyTime
from gateway.limits.windows import Counted, counted, longest_s

MAX_COUNTERS = 200_000
HOLD_S = 4 * 3600.0
LONG_S = 3600.0
LOST = msgspec.structs.replace(NOTHING, requests=1)


class Counter:
    """The state of one bound. `born`, `touched`: by the counters' time."""

    __slots__ = ("born", "counted", "touched")

    def __init__(self, counted: Counted, now: float) -> None:
        self.counted = counted
        self.born = self.touched = now


# What a reservation holds of one bound: its amount, its place there (`windows.py`), and what was counted there before
# it. A plain tuple: there are several a call.
Taken = tuple[Bound, Counted, int, float, float]


class LocalHold:
    """A reservation here. `at`: when it was counted."""

    __slots__ = ("at", "settled", "taken", "warned")

    def __init__(self, taken: list[Taken], warned: Sequence[Bound], at: float) -> None:
        self.taken = taken
        self.warned = warned
        self.at = at
        self.settled = False

    @property
    def levels(self) -> Sequence[Level]:
        at = self.at
        return [Level(bound, ceil(used + amount), here.reset_s(at)) for bound, here, amount, _, used in self.taken]


class LocalCounters:
    """Counters of this process alone.

    Args:
        hold_s: after so long a reservation that nobody has settled is given back. Every call settles its own; this is
            for one whose ending was lost. If it ends after all, what it used is counted then.
        maximum: of counters kept at once.

    Attributes:
        lost: reservations that ran out.
    """

    def __init__(self, clock: Clock, *, hold_s: float = HOLD_S, maximum: int = MAX_COUNTERS) -> None:
        self.lost = 0
        self.time: Callable[[], float] = SteadyTime(clock)
        self._counters: dict[str, Counter] = {}
        self._open: set[LocalHold] = set()
        self._hold_s = hold_s
        self._maximum = maximum
        self._sweep_at = self.time() + hold_s / 4

    def __len__(self) -> int:
        return len(self._counters)

    @property
    def holds(self) -> int:
        """Reservations that nobody has settled."""
        return len(self._open)

    async def reserve(self, bounds: Sequence[Bound], need: Need) -> LocalHold | Refusal:
        return self.decide(bounds, need)

    def decide(self, bounds: Sequence[Bound], need: Need) -> LocalHold | Refusal:
        """Count the call against all bounds, or against none."""
        now = self.time()
        if now >= self._sweep_at:
            self._sweep(now)
        taken: list[Taken] = []
        warned: list[Bound] = []
        refused: Refusal | None = None
        known, amount_of = self._counters.get, need.amounts()
        for bound in bounds:
            counter = known(bound.key)
            # The usual case first, without a call: this runs several times a request.
            if counter is None or (here := counter.counted).span is not bound.span or now >= here.ends:
                counter = self._counter(bound, now)
                here = counter.counted
            else:
                counter.touched = now
            amount, used = amount_of[bound.dimension], here.used(now)
            if amount and used + amount > bound.maximum:
                if bound.on_exceeded == "warn":
                    warned.append(bound)
                else:
                    wait_s = here.wait_s(now, amount, bound.maximum)
                    refused = weightier(refused, Refusal(bound, ceil(used), wait_s))
            taken.append((bound, here, amount, here.place, used))
        if refused is not None:
            levels = [Level(bound, ceil(used), here.reset_s(now)) for bound, here, _, _, used in taken]
            return msgspec.structs.replace(refused, levels=levels)
        for _, here, amount, _, _ in taken:
            here.current += amount
        hold = LocalHold(taken, warned, now)
        self._open.add(hold)
        return hold

    def settle(self, hold: Any, used: Need) -> None:
        """Replace the estimate by the truth. A second time changes nothing."""
        if not isinstance(hold, LocalHold) or hold.settled:
            return
        hold.settled = True
        self._open.discard(hold)
        self._correct(hold, used)

    async def levels(self, bounds: Sequence[Bound]) -> Sequence[Level]:
        now = self.time()
        return [_level(bound, self._seen(bound, now), now) for bound in bounds]

    def seed(self, seeds: Iterable[tuple[Bound, float, int]], since: float) -> None:
        """Count what was used before this process counted: (bound, Unix seconds, amount) each.

        Args:
            since: from when on whatever the seeds are for has been counted here. Counters older than that know it all.
        """
        now = self.time()
        for bound, at, amount in seeds:
            counter = self._counter(bound, now)
            if counter.born >= since:
                counter.counted.seed(at, amount)

    def _counter(self, bound: Bound, now: float) -> Counter:
        counter = self._counters.get(bound.key)
        # A reloaded file may give a limit other figures: the counts go on under them, unless they are of another span.
        if counter is None or (counter.counted.span is not bound.span and counter.counted.span != bound.span):
            if len(self._counters) >= self._maximum:
                self._forget_idle(now)
            counter = self._counters[bound.key] = Counter(counted(bound.span), now)
        counter.counted.roll(now)
        counter.touched = now
        return counter

    def _seen(self, bound: Bound, now: float) -> Counter:
        """The counter as it is; an empty one, not kept, where nothing was counted."""
        counter = self._counters.get(bound.key)
        if counter is None or counter.counted.span != bound.span:
            counter = Counter(counted(bound.span), now)
        counter.counted.roll(now)
        return counter

    def _correct(self, hold: LocalHold, used: Need) -> None:
        amounts = used.amounts()
        amounts["concurrent_requests"] = 0
        for bound, here, amount, place, _ in hold.taken:
            if (more := amounts[bound.dimension] - amount) != 0:
                here.add(place, more)

    def _sweep(self, now: float) -> None:
        self._sweep_at = now + self._hold_s / 4
        for hold in [hold for hold in self._open if hold.at + self._hold_s <= now]:
            self._open.discard(hold)
            self._correct(hold, LOST)
            # What stays counted of it.
            hold.taken = [
                (bound, here, int(bound.dimension == "requests"), place, used)
                for bound, here, _, place, used in hold.taken
            ]
            self.lost += 1

    def _forget_idle(self, now: float) -> None:
        """Counters that count nothing any more; if those are few, the half longest untouched of those without a call,
        and of those budgets last."""
        busy = {bound.key for hold in self._open for bound, *_ in hold.taken}
        idle = [(key, counter) for key, counter in self._counters.items() if key not in busy]
        gone = [key for key, counter in idle if now - counter.touched > longest_s(counter.counted.span)]
        # To look at all of them takes long: it must make room for many, or every new counter looks again.
        if len(gone) < max(1, self._maximum // 16):
            idle.sort(key=lambda one: (longest_s(one[1].counted.span) > LONG_S * 2, one[1].touched))
            gone = list({*gone, *(key for key, _ in idle[: self._maximum // 2])})
        for key in gone:
            del self._counters[key]


def weightier(one: Refusal | None, other: Refusal) -> Refusal:
    """Of two refusals the one to tell: of a limit that refuses before one that only keeps waiting, then the one that
    holds longest. Who is told of the other would come back too early."""
    if one is None:
        return other
    return max(one, other, key=lambda refusal: (refusal.bound.on_exceeded != "queue", refusal.retry_after_s))


def _level(bound: Bound, counter: Counter, now: float) -> Level:
    return Level(bound, ceil(counter.counted.used(now)), counter.counted.reset_s(now))
