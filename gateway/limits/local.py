"""Counters in this process. Nothing here awaits inside a decision, so one over several counters is atomic.

How far a limit can be overshot: not at all by calls under way, however many, because each has its high estimate
reserved before it starts. When the truth turns out higher than the estimate, by the sum of those differences over the
calls that were under way at that moment, and by nothing after it: the truth is counted, and the next call is refused.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from math import ceil
from typing import Any

import msgspec

from gateway.core.clock import Clock
from gateway.limits.bounds import NOTHING, Amounts, Bound, Least, Left, Level, Need, Refusal
from gateway.limits.lanes import Counter, Lanes, exceeded_by, levels_of
from gateway.limits.steady import SteadyTime
from gateway.limits.windows import counted, longest_s

MAX_COUNTERS = 200_000
HOLD_S = 4 * 3600.0
LONG_S = 3600.0
MAX_KNOWN = 10_000
LOST = msgspec.structs.replace(NOTHING, requests=1)


class LocalHold(msgspec.Struct, eq=False):
    """A reservation here.

    Attributes:
        amounts: what it holds. at: when it was counted; rolls: how often a counter had moved on by then.
        least: see `Hold`.
    """

    lanes: Lanes
    amounts: Amounts
    warned: Sequence[Bound]
    at: float
    rolls: int
    least: Least
    settled: bool = False

    @property
    def levels(self) -> Sequence[Level]:
        return levels_of(self.lanes.all, self.at)


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
        # Bounds, and their lanes: as long as no counter gave way to another.
        self._known: dict[int, Lanes] = {}
        self._replaced = 0
        self._rolls = 0
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
        lanes = self._known.get(id(bounds)) or self._lanes(bounds, now)
        if now >= lanes.ends:
            self._roll(lanes, now)
        lanes.touched = now
        amounts = need.amounts()
        warned: Sequence[Bound] = ()
        tightest: dict[int, Left] = {}
        exceeded = False
        for of, counting in lanes.by_place:
            amount, least, fullest = amounts[of], sys.maxsize, counting[0]
            for lane in counting:  # several times a request, and so without a call
                most, here = lane
                here.whole = whole = here.whole + amount
                left = most - whole - here.leaving
                if left < least:
                    if here.leaving:  # so far it counted whole: how much of it does, only the tightest are asked
                        left = most - ceil(here.used(now))
                        if left >= least:
                            continue
                    least, fullest = left, lane
            if least < 0:  # of those that are exceeded the first is told
                least, fullest = 0, next(one for one in counting if one[0] <= ceil(one[1].used(now)))
                exceeded = exceeded or amount > 0
            most, here = fullest
            tightest[of] = most, least, here.reset_s(now)
        if exceeded:
            found = exceeded_by(lanes, amounts, now)
            if isinstance(found, Refusal):
                return found
            warned = found
        hold = LocalHold(lanes, amounts, warned, now, self._rolls, tightest.get)
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

    def _lanes(self, bounds: Sequence[Bound], now: float) -> Lanes:
        """Policies hand out the same tuple for the same callers again and again: its counters are known by its
        identity, and found for all at once. It is kept alive with them, so that no other can take its place."""
        before = self._replaced
        found = Lanes(bounds, [self._counter(bound, now) for bound in bounds], now)
        if isinstance(bounds, tuple) and self._replaced == before:
            if len(self._known) >= MAX_KNOWN:
                self._forget_known()
            self._known[id(bounds)] = found
        return found

    def _roll(self, lanes: Lanes, now: float) -> None:
        self._rolls += 1
        for _, _, here, _ in lanes.all:
            here.roll(now)
        lanes.ends = min((here.ends for _, _, here, _ in lanes.all), default=lanes.ends)

    def _counter(self, bound: Bound, now: float) -> Counter:
        counter = self._counters.get(bound.key)
        # A reloaded file may give a limit other figures: the counts go on under them, unless they are of another span.
        if counter is None or (counter.counted.span is not bound.span and counter.counted.span != bound.span):
            if len(self._counters) >= self._maximum:
                self._forget_idle(now)
            if counter is not None:
                self._forget_lanes()
            counter = self._counters[bound.key] = Counter(counted(bound.span), now)
        self._rolls += 1
        counter.counted.roll(now)
        counter.touched = now
        return counter

    def _seen(self, bound: Bound, now: float) -> Counter:
        """The counter as it is; an empty one, not kept, where nothing was counted."""
        counter = self._counters.get(bound.key)
        if counter is None or counter.counted.span != bound.span:
            counter = Counter(counted(bound.span), now)
        self._rolls += 1
        counter.counted.roll(now)
        return counter

    def _correct(self, hold: LocalHold, used: Need) -> None:
        held, truth = hold.amounts, used.amounts(under_way=0)
        moved_on, at = hold.rolls != self._rolls, hold.at
        for of, counting in hold.lanes.by_place:
            if more := truth[of] - held[of]:
                for _, here in counting:
                    if moved_on:
                        here.correct(at, more)
                    else:
                        here.whole += more

    def _sweep(self, now: float) -> None:
        self._sweep_at = now + self._hold_s / 4
        self._forget_known()  # those of policies that have been replaced are nobody's any more
        for hold in [hold for hold in self._open if hold.at + self._hold_s <= now]:
            self._open.discard(hold)
            self._correct(hold, LOST)
            hold.amounts = LOST.amounts(under_way=0)  # what stays counted of it
            self.lost += 1

    def _forget_idle(self, now: float) -> None:
        """Counters that count nothing any more; if those are few, the half longest untouched of those without a call,
        and of those budgets last."""
        self._forget_lanes()
        busy = {bound.key for hold in self._open for bound in hold.lanes.bounds}
        idle = [(key, counter) for key, counter in self._counters.items() if key not in busy]
        gone = [key for key, counter in idle if now - counter.touched > longest_s(counter.counted.span)]
        # To look at all of them takes long: it must make room for many, or every new counter looks again.
        if len(gone) < max(1, self._maximum // 16):
            idle.sort(key=lambda one: (longest_s(one[1].counted.span) > LONG_S * 2, one[1].touched))
            gone = list({*gone, *(key for key, _ in idle[: self._maximum // 2])})
        for key in gone:
            del self._counters[key]

    def _forget_lanes(self) -> None:
        """None of them counts where others look, from now on."""
        self._forget_known()
        self._replaced += 1

    def _forget_known(self) -> None:
        for lanes in self._known.values():
            for counter in lanes.counters:
                counter.touched = max(counter.touched, lanes.touched)
        self._known.clear()


def _level(bound: Bound, counter: Counter, now: float) -> Level:
    return Level(bound, ceil(counter.counted.used(now)), counter.counted.reset_s(now))
