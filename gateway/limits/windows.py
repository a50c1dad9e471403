"""What one counter counts over time: the arithmetic, without a clock and without a store.

A sliding window of length W in n slices keeps n + 1 buckets of W / n each. The n newest count whole, the one that is
leaving by how much of it the window still covers:

    used(now) = sum of the n newest + leaving × (1 − how far now is into the newest)

Admitting only while `used + amount <= limit` keeps every window that is aligned to the slices within the limit, because
the n newest alone never exceed it; so does every stretch of W − W/n, wherever it begins. Two bursts just less than W
apart, both at the end of a slice, can come to twice the limit; steady traffic never exceeds it. Whoever keeps to the
limit in every stretch of W + W/n is never refused. It takes n + 1 numbers a counter, whatever the rate.
"""

from collections.abc import Callable
from typing import Protocol

from gateway.limits.bounds import Span
from gateway.limits.periods import period_of

_DAY_S = 86_400.0


class Counted(Protocol):
    """What has been counted for one span. Time must not go back between two calls.

    Attributes:
        place: where what is counted now goes; to be handed to `add` when it is corrected later.
        whole: what counts whole. Whoever counts now adds to it. leaving: what counts in part; where that is nothing,
            `used` is the other.
        ends: before that `roll` changes nothing.
    """

    span: Span
    place: float
    whole: int
    leaving: int
    ends: float

    def roll(self, now: float) -> None:
        """Move to `now`. Comes before everything else."""
        ...

    def used(self, now: float) -> float: ...

    def add(self, place: float, amount: int) -> None:
        """Count so much more (less, if negative) where `place` is; nothing, where that has left the span."""
        ...

    def correct(self, at: float, amount: int) -> None:
        """Count so much more (less, if negative) with what was counted here at an earlier time."""
        ...

    def seed(self, at: float, amount: int) -> None:
        """Count what was used at an earlier time."""
        ...

    def wait_s(self, now: float, amount: int, limit: int) -> float:
        """Seconds until `amount` more would fit, if nothing else comes; the span's length if never."""
        ...

    def reset_s(self, now: float) -> float:
        """Seconds until nothing that is counted now is counted any more."""
        ...


class Sliding:
    """The last `span.seconds`. `buckets`: the one that is leaving first, then those before the newest."""

    __slots__ = ("before", "buckets", "ends", "leaving", "place", "slice_s", "span", "whole")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.slice_s = span.seconds / span.slices
        self.place: float = -1
        self.ends = float("-inf")
        self.buckets: list[int] = [0] * span.slices
        self.before: int = 0  # the sum of all buckets but the first, which is leaving
        self.whole: int = 0  # the same and the newest, which is no bucket yet
        self.leaving = 0

    def roll(self, now: float) -> None:
        index = now // self.slice_s
        if index <= self.place:
            return
        steps, length = int(index - self.place), len(self.buckets)
        kept = [*self.buckets, self.whole - self.before][steps : steps + length]
        self.buckets = kept + [0] * (length - len(kept))
        self.leaving = self.buckets[0]
        self.whole = self.before = sum(self.buckets) - self.leaving
        self.place = index
        self.ends = (index + 1) * self.slice_s

    def used(self, now: float) -> float:
        whole, leaving = self.whole, self.leaving
        if not leaving:
            return whole
        into = now / self.slice_s - self.place
        return whole + leaving * (1.0 - into) if 0.0 <= into <= 1.0 else whole + leaving * self._covered(now)

    def _covered(self, now: float) -> float:
        """How much of the bucket that is leaving the window still covers."""
        into = now / self.slice_s - self.place
        return 1.0 - into if 0.0 <= into <= 1.0 else float(into < 0.0)

    def add(self, place: float, amount: int) -> None:
        if place == self.place:  # nearly always
            self.whole += amount
            return
        at = len(self.buckets) - int(self.place - place)
        if at >= 0:
            self.buckets[at] += amount
            if at:
                self.before += amount
                self.whole += amount
            else:
                self.leaving += amount

    def correct(self, at: float, amount: int) -> None:
        self.add(min(self.place, at // self.slice_s), amount)

    seed = correct

    def wait_s(self, now: float, amount: int, limit: int) -> float:
        over = self.used(now) + amount - limit
        waited, covered = 0.0, self._covered(now)
        for bucket in (*self.buckets, self.whole - self.before):
            if over <= 0:
                return waited
            if bucket and over <= bucket * covered:
                return waited + over / bucket * self.slice_s
            over -= bucket * covered
            waited, covered = waited + covered * self.slice_s, 1.0
        return self.span.seconds if over > 0 else waited

    def reset_s(self, now: float) -> float:
        return self.ends + self.span.seconds - now


class Calendar:
    """The running day or month of a time zone. `place`: when it began, in Unix seconds."""

    __slots__ = ("ends", "leaving", "place", "span", "whole")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.place: float = 0.0
        self.ends = float("-inf")
        self.whole = self.leaving = 0

    def roll(self, now: float) -> None:
        if now >= self.ends:
            self.place, self.ends = period_of(self.span, now)
            self.whole = 0

    def used(self, now: float) -> float:  # noqa: ARG002  the protocol's signature
        return self.whole

    def add(self, place: float, amount: int) -> None:
        if place == self.place:
            self.whole += amount

    def correct(self, at: float, amount: int) -> None:
        if self.place <= at < self.ends:
            self.whole += amount

    seed = correct

    def wait_s(self, now: float, amount: int, limit: int) -> float:
        return 0.0 if self.whole + amount <= limit else max(0.0, self.ends - now)

    def reset_s(self, now: float) -> float:
        return self.ends - now


class UnderWay:
    """What is under way now. Nobody can foresee when it ends: one second is what is told."""

    __slots__ = ("ends", "leaving", "place", "span", "whole")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.place: float = 0.0
        self.ends = float("inf")
        self.whole = self.leaving = 0

    def roll(self, now: float) -> None:
        pass

    def used(self, now: float) -> float:  # noqa: ARG002
        return self.whole

    def add(self, place: float, amount: int) -> None:  # noqa: ARG002
        self.whole += amount

    def correct(self, at: float, amount: int) -> None:  # noqa: ARG002
        self.whole += amount

    def seed(self, at: float, amount: int) -> None:
        pass

    def wait_s(self, now: float, amount: int, limit: int) -> float:  # noqa: ARG002
        return 0.0 if self.whole + amount <= limit else 1.0

    def reset_s(self, now: float) -> float:  # noqa: ARG002
        return 1.0 if self.whole else 0.0


_KINDS: dict[str, Callable[[Span], Counted]] = {"sliding": Sliding, "calendar": Calendar, "now": UnderWay}


def counted(span: Span) -> Counted:
    """An empty counter for the span."""
    return _KINDS[span.kind](span)


def longest_s(span: Span) -> float:
    """How far back what it counts can lie, in seconds: at most, for a calendar's span."""
    if span.kind == "calendar":
        return (32 if span.unit == "month" else 2) * _DAY_S
    return span.seconds + span.seconds / span.slices if span.kind == "sliding" else 0.0
