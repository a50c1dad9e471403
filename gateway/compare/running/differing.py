"""How arms differ on the cases that both have: with an interval, a test, a verdict, and how many more cases would
decide it."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import fsum, sqrt

import msgspec

from gateway.compare.running.results import CaseShown, Difference, Graded, Word
from gateway.compare.running.values import MEASURES, PASS, by_case, clusters_of
from gateway.compare.statistics.distributions import two_sided_quantile
from gateway.compare.statistics.errors import NotEstimable
from gateway.compare.statistics.families import family_level, holm
from gateway.compare.statistics.interval import Interval
from gateway.compare.statistics.paired import PairedDifference, paired_difference
from gateway.compare.statistics.verdicts import Gate, decide

_UNITS = {PASS: "of cases passed", "score": "of the score"}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """How differences are looked at. `metric`: `pass` or `score`; `margin`: in its unit; `seed`: of resampling."""

    metric: str = PASS
    margin: float = 0.0
    level: float = 0.95
    seed: int = 0


class Compared(msgspec.Struct, frozen=True):
    """A difference, and what a gate says to it."""

    difference: Difference
    gate: Gate
    more_for_gate: int | None


def differences(
    arms: Sequence[str], graded: Sequence[Graded], shown: Mapping[str, CaseShown], asked: Asked
) -> tuple[Difference, ...]:
    """Between all pairs of arms. With many pairs some look different by chance: a claim stands only where Holm's
    correction for their number leaves it standing."""
    found = [compare(base, other, graded, shown, asked).difference for base, other in combinations(arms, 2)]
    return tuple(
        _corrected(one, adjusted, asked, len(found))
        for one, adjusted in zip(found, holm([one.p for one in found]), strict=True)
    )


def compare(base: str, other: str, graded: Sequence[Graded], shown: Mapping[str, CaseShown], asked: Asked) -> Compared:
    """One pair, by the cases that both have."""
    measure = MEASURES[asked.metric]
    of_base, of_other = by_case(graded, base, measure), by_case(graded, other, measure)
    cases = [case for case in of_base if case in of_other]
    before, after = [of_base[case] for case in cases], [of_other[case] for case in cases]
    found = _paired(after, before, cases, shown, asked)
    verdict = decide(found.interval, asked.margin)
    difference = Difference(
        base=base,
        other=other,
        metric=asked.metric,
        cases=len(cases),
        better=tuple(case for case, a, b in zip(cases, after, before, strict=True) if a > b),
        worse=tuple(case for case, a, b in zip(cases, after, before, strict=True) if a < b),
        interval=found.interval,
        p=found.p_value,
        p_adjusted=found.p_value,
        test=found.test,
        margin=asked.margin,
        word=verdict.verdict,
        correlation=_correlation(before, after),
        more_cases=verdict.more_cases,
        said="",
    )
    return Compared(_told(difference), verdict.gate, verdict.more_for_gate)


def _paired(
    after: Sequence[float],
    before: Sequence[float],
    cases: Sequence[str],
    shown: Mapping[str, CaseShown],
    asked: Asked,
) -> PairedDifference:
    try:
        if not cases:
            raise NotEstimable("cases", "there are none")
        return paired_difference(after, before, clusters=clusters_of(cases, shown), level=asked.level, seed=asked.seed)
    except NotEstimable:
        estimate = fsum(after) / len(after) - fsum(before) / len(before) if after else 0.0
        better = sum(a > b for a, b in zip(after, before, strict=True))
        worse = sum(a < b for a, b in zip(after, before, strict=True))
        # Of one case, or of one source, nothing can be said of any other.
        interval = Interval(estimate, -1.0, 1.0, asked.level, "unknown", len(after))
        return PairedDifference(interval, better, worse, len(after) - better - worse, 1.0, "sign_flip")


def _corrected(one: Difference, adjusted: float, asked: Asked, family: int) -> Difference:
    word: Word = one.word
    if word in ("better", "worse") and adjusted > 1.0 - asked.level:
        word = "inconclusive"
    changed = msgspec.structs.replace(one, p_adjusted=adjusted, word=word)
    if word != one.word:
        more = decide(_widened(one.interval, family), 0.0).more_cases
        changed = msgspec.structs.replace(changed, more_cases=more)
    return _told(changed)


def _widened(interval: Interval, family: int) -> Interval:
    """As wide as it would have to be to hold together with all others of the family (Bonferroni), for planning."""
    factor = two_sided_quantile(family_level(interval.level, family)) / two_sided_quantile(interval.level)
    at = interval.estimate
    return msgspec.structs.replace(
        interval, low=at - factor * (at - interval.low), high=at + factor * (interval.high - at)
    )


def _told(one: Difference) -> Difference:
    return msgspec.structs.replace(one, said=sentence(one))


def more_cases(number: int) -> str:
    return "one more case" if number == 1 else f"{number} more cases"


def sentence(one: Difference) -> str:
    """What is known of the pair, and what it would take to know more."""
    interval = one.interval
    figure = f"{points(interval.estimate)} ({points(interval.low)} to {points(interval.high)})"
    at = f"{one.other} against {one.base}: {figure} {_UNITS[one.metric]} over {one.cases} cases"
    if not one.cases:
        return f"{one.other} against {one.base}: no case was answered by both"
    if one.word == "better":
        return f"{at}; {one.other} is better"
    if one.word == "worse":
        return f"{at}; {one.other} is worse"
    if one.word == "equivalent":
        return f"{at}; they differ by less than {points(one.margin, signed=False)}"
    if one.more_cases is None:
        return f"{at}; no number of cases like these would tell {one.base} and {one.other} apart"
    return f"{at}; you need about {more_cases(one.more_cases)} to tell {one.base} and {one.other} apart"


def points(share: float, *, signed: bool = True) -> str:
    """A share in points of a hundred: 0.034 is `+3.4`."""
    return f"{share * 100:+.1f}" if signed else f"{share * 100:.1f} points"


def _correlation(before: Sequence[float], after: Sequence[float]) -> float | None:
    n = len(before)
    if n < 2:
        return None
    mean_b, mean_a = fsum(before) / n, fsum(after) / n
    square_b = fsum((value - mean_b) ** 2 for value in before)
    square_a = fsum((value - mean_a) ** 2 for value in after)
    if not square_b or not square_a:
        return None
    both = fsum((b - mean_b) * (a - mean_a) for b, a in zip(before, after, strict=True))
    return both / sqrt(square_b * square_a)
