"""One measure of two arms: what is known of their difference, at any time one looks.

A share or a score is within bounds. A time or a cost is not: its mean is of values cut at a limit, twice what 95
of the first hundred calls of both arms took, which themselves then do not count. How much more or less it is than the
base's, as a part of that, has sequences of its own, of candidate - (1 + allowance) * base: a ratio of means without a
division.

Where the arms' shares follow how calls go, a call counts by the inverse of the share that its arm had when it began, of
how far it is from the mean so far: that is right on average whatever the shares were (Horvitz & Thompson 1952), and a
sequence of such values holds at all times too.
"""

import math
from collections import Counter

from gateway.compare.live.measures import Measure
from gateway.compare.statistics.betting import BoundedMean, Side

# Calls that say how large amounts are.
FIRST = 100
BEYOND = 2.0
# Differences are counted on a grid of so many steps: what is kept, and worked out when one looks, is bounded.
STEPS = 512
WEIGHTED_STEPS = 8_192


class Scale:
    """Where an amount is cut; None: not known yet."""

    __slots__ = ("_first", "limit")

    def __init__(self, measure: Measure) -> None:
        self._first: list[float] | None = [] if measure.kind == "amount" else None
        self.limit: float | None = None if measure.kind == "amount" else measure.bounds[1]

    def fitted(self, value: float) -> float | None:
        """The value as it counts; None: it was needed to find the scale."""
        if self._first is None:
            return value if self.limit is None else min(value, self.limit)
        self._first.append(value)
        if len(self._first) == FIRST:
            high = sorted(self._first)[math.ceil(0.95 * FIRST) - 1]
            self.limit = BEYOND * high or max(self._first) or 1.0
            self._first = None
        return None


class Sequence:
    """The mean of candidate - weight * base."""

    def __init__(self, bounds: tuple[float, float], weight: float, least_share: float | None = None) -> None:
        low, high = bounds
        self._bounds = (low - weight * high, high - weight * low)
        if least_share is not None:
            most = (high - low) * (max(1.0, weight) / least_share + abs(1.0 - weight))
            self._bounds = (-most, most)
        self.weight = weight
        steps = STEPS if least_share is None else WEIGHTED_STEPS
        self._step = (self._bounds[1] - self._bounds[0]) / steps
        self._mean = BoundedMean(self._bounds, min(max(0.0, self._bounds[0]), self._bounds[1]))
        self._new: Counter[float] = Counter()
        self.n = 0

    def add(self, candidate: float, base: float, more: float = 0.0) -> None:
        self._new[round((candidate - self.weight * base + more) / self._step)] += 1
        self.n += 1

    @property
    def mean(self) -> BoundedMean:
        low, high = self._bounds
        for step, times in self._new.items():
            self._mean.observe(min(high, max(low, step * self._step)), times)
        self._new.clear()
        return self._mean

    def is_surely(self, side: Side, than: float, alpha: float) -> bool:
        """Wrong, ever, with a probability of alpha at most."""
        low, high = self._bounds
        return bool(self.n) and low <= than <= high and self.mean.evidence(side, than) >= 1.0 / alpha


class Contrast:
    """One measure's difference, candidate minus base."""

    def __init__(self, measure: Measure, bounds: tuple[float, float], least_share: float | None = None) -> None:
        """`least_share`: where calls are weighted by what their arm's share was: the least that any has."""
        self.measure = measure
        amount = measure.kind == "amount"
        part = measure.allowance
        self.plain = Sequence(bounds, 1.0, least_share)
        self._more = Sequence(bounds, 1.0 + part, least_share) if amount else self.plain
        self._less = Sequence(bounds, 1.0 - part, least_share) if amount else self.plain
        self._base = 0.0
        # Where calls are weighted, how many were the candidate's, and the base's.
        self._calls: list[int] | None = None if least_share is None else [0, 0]

    def add(self, candidate: float, base: float) -> None:
        for one in self._sequences:
            one.add(candidate, base)
        self._base += base

    def add_weighted(self, value: float, off: float, centre: float, *, is_candidate: bool, is_base: bool) -> None:
        """One call of any arm: what it is worth, and how far that is from the centre, by its arm's share."""
        for one in self._sequences:
            one.add(off * is_candidate, off * is_base, (1.0 - one.weight) * centre)
        assert self._calls is not None, "made with the least share"
        self._base += value * is_base
        self._calls[0] += is_candidate
        self._calls[1] += is_base

    @property
    def _sequences(self) -> list[Sequence]:
        return list({id(each): each for each in (self.plain, self._more, self._less)}.values())

    @property
    def n(self) -> int:
        """Pairs. Where calls are weighted, those of whichever of the two has fewer."""
        return self.plain.n if self._calls is None else min(self._calls)

    @property
    def base_mean(self) -> float:
        """Of the pairs."""
        return self._base / max(1, self.n if self._calls is None else self._calls[1])

    def is_better(self, alpha: float) -> bool:
        return self.plain.is_surely(self._side(better=True), 0.0, alpha)

    def is_worse(self, alpha: float) -> bool:
        return self.plain.is_surely(self._side(better=False), 0.0, alpha)

    def is_beyond(self, alpha: float, *, better: bool) -> bool:
        """Surely better, or worse, by more than the allowance."""
        return self._by_allowance(self._side(better=better), alpha, better=better)

    def is_within(self, alpha: float, *, better: bool) -> bool:
        """Surely not better, or not worse, by the allowance or more."""
        return self._by_allowance(self._side(better=not better), alpha, better=better)

    def _by_allowance(self, side: Side, alpha: float, *, better: bool) -> bool:
        upwards = better is self.measure.higher_is_better
        if self.measure.kind == "amount":
            return (self._more if upwards else self._less).is_surely(side, 0.0, alpha)
        return self.plain.is_surely(side, self.measure.allowance * (1 if upwards else -1), alpha)

    def limits(self, better: float, worse: float) -> tuple[float, float]:
        """What the difference is above, and below: that it is better with this alpha, that it is worse with that."""
        if not self.measure.higher_is_better:
            better, worse = worse, better
        mean = self.plain.mean
        return mean.limit("above", better), mean.limit("below", worse)

    @property
    def estimate(self) -> float:
        return self.plain.mean.estimate

    @property
    def p_value(self) -> float:
        """That there is no difference: 1 by the e-value, now."""
        return min(1.0, 1.0 / self.plain.mean.e_value)

    def _side(self, *, better: bool) -> Side:
        return "above" if better is self.measure.higher_is_better else "below"
