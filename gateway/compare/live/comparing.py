"""Several arms held against one, by one metric and some guards, while calls go on.

Of alpha = 1 - level one half is for claims that an arm is better, the other for claims of harm, that it is worse or
that a guard is broken; each half is shared evenly by all the claims of its kind that could be made. So an arm that is
as good as the base is ever called better or worse with a probability of alpha at most, and whoever stops an arm when it
is called worse, or a guard broken, stops one that is as good with a probability of alpha / 2 at most.

    better        surely better, by however little
    equivalent    surely neither better nor worse by the margin or more
    worse         surely worse, by however little
    inconclusive  otherwise, or fewer than `least` pairs
"""

import math
from collections.abc import Mapping, Sequence

from gateway.compare.live.contrasts import Contrast, Scale
from gateway.compare.live.contrasts import Sequence as Differences
from gateway.compare.live.measures import Measure, Values
from gateway.compare.live.pairing import Pairing
from gateway.compare.live.results import GuardWord, LiveDifference, LiveGuard
from gateway.compare.live.saying import sentence
from gateway.compare.running.results import Word
from gateway.compare.statistics.allocation import Counts, thompson
from gateway.compare.statistics.errors import check_level
from gateway.compare.statistics.families import holm
from gateway.compare.statistics.interval import Interval
from gateway.compare.statistics.verdicts import decide

LEAST = 25
SEQUENCE = "confidence_sequence"
FAR = 6.0  # standard deviations that chance does not leave between calls and shares


class Comparison:
    """Args:
    measures: the primary metric first, then the guards. base: the arm that the others are held against.
    least: pairs before anything is claimed of an arm. judged: False: nothing is claimed at all.
    """

    def __init__(
        self,
        measures: Sequence[Measure],
        base: str,
        candidates: Sequence[str],
        *,
        level: float = 0.95,
        least: int = LEAST,
        judged: bool = True,
        least_share: float | None = None,
    ) -> None:
        check_level(level)
        self.measures, self.base, self.candidates = tuple(measures), base, tuple(candidates)
        self.level, self._least, self._judged = level, least, judged
        half = (1.0 - level) / 2.0
        self._better = half / max(1, len(candidates))
        self._harm = self._better / len(self.measures)
        self._scales = [Scale(one) for one in self.measures]
        self._pairings = {name: [Pairing() for _ in self.measures] for name in self.candidates}
        self._contrasts: dict[str, list[Contrast | None]] = {name: [None] * len(measures) for name in self.candidates}
        self._means: dict[str, Differences] = {}
        self._least_share = least_share
        self._said = [at for at, one in enumerate(self.measures) if one.field == "feedback"]
        # By the place of a measure that people's words are, or None for the calls themselves; then by the arm.
        self._odds: dict[int | None, dict[str, list[float]]] = {}
        self._centres = [[0, 0.0] for _ in self.measures]

    def see(self, arm: str, values: Values) -> None:
        """A call that the die gave to an arm; those of arms that are not compared are passed over."""
        is_base = arm == self.base
        if not is_base and arm not in self._pairings:
            return
        for at, value in enumerate(values):
            if value is None or (fitted := self._scales[at].fitted(value)) is None:
                continue
            if not at:
                self._mean(arm).add(fitted, 0.0)
            for name in self.candidates if is_base else (arm,):
                pair = self._pairings[name][at].add(fitted, candidate=not is_base)
                if pair is not None:
                    self._contrast(name, at).add(*pair)

    def see_weighted(self, arm: str, values: Values, shares: Mapping[str, float]) -> None:
        """A call that a die gave to an arm, whose shares, of all arms, followed how calls before it went."""
        odds = self._odds.setdefault(next((at for at in self._said if values[at] is not None), None), {})
        for name, share in shares.items():
            odd = odds.setdefault(name, [0.0, 0.0])
            odd[0] += (name == arm) - share
            odd[1] += share * (1.0 - share)
        for at, value in enumerate(values):
            if value is None or (fitted := self._scales[at].fitted(value)) is None:
                continue
            if not at:
                self._mean(arm).add(fitted, 0.0)
            count, total = self._centres[at]
            low, high = self._bounds(at)
            centre = total / count if count else (low + high) / 2.0
            self._centres[at] = [count + 1, total + fitted]
            off = fitted - centre
            for name in self.candidates:
                if shares.get(name, 0.0) > 0 and shares.get(self.base, 0.0) > 0:
                    contrast = self._contrast(name, at)
                    own = off / shares[arm]
                    contrast.add_weighted(fitted, own, centre, is_candidate=arm == name, is_base=arm == self.base)

    def fits(self, at: int) -> bool:
        """Whether arms had about as many calls as their shares say, or of a metric of feedback as many calls that
        somebody spoke of; else nothing is claimed by this measure."""
        odds = self._odds.get(at if at in self._said else None, {})
        return all(abs(off) <= 5.0 + FAR * math.sqrt(variance) for off, variance in odds.values())

    def best(self, arms: Sequence[str]) -> dict[str, float]:
        """For each of these arms how likely it is the best by the primary metric; as likely as others if nothing is
        known of it."""
        if self._scales[0].limit is None:
            return {name: 1.0 / len(arms) for name in arms}
        low, high = self._bounds(0)
        counts: list[Counts] = []
        for name in arms:
            found = self._means.get(name)
            n, mean = (0, 0.0) if found is None else (found.n, (found.mean.estimate - low) / (high - low))
            mean = min(1.0, max(0.0, mean if self.measures[0].higher_is_better else 1.0 - mean))
            # Of shares values are 0 or 1; others are taken to vary half as much as such would.
            squares = n * mean if self.measures[0].kind == "share" else n * mean * (mean + 1.0) / 2.0
            counts.append(Counts(n, n * mean, squares))
        return dict(zip(arms, thompson(counts), strict=True))

    def see_pair(self, arm: str, values: Values, base: Values) -> None:
        """What two arms made of the same request."""
        for at, (one, other) in enumerate(zip(values, base, strict=True)):
            if one is None or other is None:
                continue
            fitted, against = self._scales[at].fitted(one), self._scales[at].fitted(other)
            if fitted is not None and against is not None:
                if not at:
                    self._mean(arm).add(fitted, 0.0)
                    self._mean(self.base).add(against, 0.0)
                self._contrast(arm, at).add(fitted, against)

    def mean_of(self, arm: str) -> Interval | None:
        """The primary metric's mean of one arm, by itself; None: nothing is known."""
        found = self._means.get(arm)
        if found is None:
            return None
        now = found.mean.reading(self.level)
        return Interval(now.estimate, now.low, now.high, self.level, SEQUENCE, now.n)

    def _mean(self, arm: str) -> Differences:
        found = self._means.get(arm)
        if found is None:
            found = self._means[arm] = Differences(self._bounds(0), 0.0)
        return found

    def _bounds(self, at: int) -> tuple[float, float]:
        limit = self._scales[at].limit
        assert limit is not None, "a value was fitted to it"
        return (0.0, limit) if self.measures[at].kind == "amount" else self.measures[at].bounds

    def _contrast(self, name: str, at: int) -> Contrast:
        found = self._contrasts[name][at]
        if found is None:
            found = self._contrasts[name][at] = Contrast(self.measures[at], self._bounds(at), self._least_share)
        return found

    def differences(self) -> tuple[LiveDifference, ...]:
        """As they stand, one for each candidate."""
        primaries = [self._contrasts[name][0] for name in self.candidates]
        p_values = [1.0 if one is None else one.p_value for one in primaries]
        return tuple(
            self._difference(name, primary, p, adjusted)
            for name, primary, p, adjusted in zip(self.candidates, primaries, p_values, holm(p_values), strict=True)
        )

    def _difference(self, name: str, primary: Contrast | None, p: float, adjusted: float) -> LiveDifference:
        measure = self.measures[0]
        guards = tuple(self._guard(at, contrast) for at, contrast in enumerate(self._contrasts[name]) if at)
        interval = change = base = None
        more = None
        word: Word = "inconclusive"
        if primary is not None:
            low, high = primary.limits(self._better, self._harm)
            estimate = primary.estimate
            interval = Interval(estimate, min(low, estimate), max(high, estimate), self.level, SEQUENCE, primary.n)
            base = primary.base_mean
            change = estimate / base if measure.kind == "amount" and base else None
            word = self._word(primary)
            margin = measure.allowance * base if measure.kind == "amount" else measure.allowance
            if self._is_judged(0):
                more = 0 if word != "inconclusive" else decide(interval, margin).more_cases
        found = LiveDifference(
            base=self.base, other=name, metric=measure.name, pairs=0 if primary is None else primary.n,
            interval=interval, change=change, p=p, p_adjusted=adjusted, margin=measure.allowance,
            judged=self._is_judged(0), word=word, more_pairs=more, guards=guards, base_mean=base,
        )  # fmt: skip
        return sentence(found, measure, self._least)

    def _is_judged(self, at: int) -> bool:
        return self._judged and self.fits(at)

    def _word(self, primary: Contrast) -> Word:
        if not self._is_judged(0) or primary.n < self._least:
            return "inconclusive"
        if primary.is_better(self._better):
            return "better"
        if primary.is_within(self._better, better=False) and primary.is_within(self._harm, better=True):
            return "equivalent"
        return "worse" if primary.is_worse(self._harm) else "inconclusive"

    def _guard(self, at: int, contrast: Contrast | None) -> LiveGuard:
        measure = self.measures[at]
        if contrast is None:
            return LiveGuard(metric=measure.name, allowed=measure.allowance, change=None, pairs=0, state="open")
        base = contrast.base_mean
        relative = measure.kind == "amount"
        state: GuardWord = "open"
        if self._is_judged(at) and contrast.n >= self._least:
            if contrast.is_beyond(self._harm, better=False):
                state = "broken"
            elif contrast.is_within(self._better, better=False):
                state = "kept"
        change = (contrast.estimate / base if base else None) if relative else contrast.estimate
        return LiveGuard(metric=measure.name, allowed=measure.allowance, change=change, pairs=contrast.n, state=state)
