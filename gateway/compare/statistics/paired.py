"""Two arms on the same cases: the difference, its interval and a p-value.

The difference is the candidate's score minus the baseline's, averaged over cases; above 0 the candidate is better.
Answers that were repeated are averaged per case first: K answers to one question are not K questions.

| what the cases hold | interval | p-value |
|---|---|---|
| pass or fail | Tango's, without 0 only if McNemar's test agrees (`tells_apart`) | McNemar, exact |
| scores, half of the differences or more 0 | Tango's for scores, Student's t | sign flips |
| scores, more of them different | Student's t corrected for skew | sign flips |
| scores that all differ by the same | by how many others there may be (`alike_limits`) | sign flips |
| any of these in clusters | the same with the design effect; cluster-robust t | sign flips of clusters |
"""

import math
from collections.abc import Hashable, Sequence
from itertools import chain
from math import fsum
from typing import Literal

import msgspec

from gateway.compare.statistics.clusters import cluster_variance, groups_of, shrunk_design_effect
from gateway.compare.statistics.distributions import two_sided_quantile
from gateway.compare.statistics.errors import (
    NotEstimable,
    check_count,
    check_level,
    check_numbers,
    check_positive,
    check_same_length,
    check_within,
)
from gateway.compare.statistics.interval import Interval, scaled
from gateway.compare.statistics.mcnemar import mcnemar
from gateway.compare.statistics.permutation import sign_flip_p
from gateway.compare.statistics.proportions import alike_limits
from gateway.compare.statistics.skewness import moments, skew_corrected
from gateway.compare.statistics.tango import Discordance, counted, tango_limits

# A difference, or a standard error, on a scale of length 1 that is there by rounding alone.
_NOTHING = 1e-12
Test = Literal["mcnemar_exact", "sign_flip"]


class PairedDifference(msgspec.Struct, frozen=True):
    """The candidate's score minus the baseline's.

    Attributes:
        better, worse, same: cases in which the candidate scored higher, lower, and the same.
        p_value: two-sided, of no difference, by `test`.
    """

    interval: Interval
    better: int
    worse: int
    same: int
    p_value: float
    test: Test


def paired_proportions(better: int, worse: int, n: int, level: float = 0.95) -> PairedDifference:
    """From counts: of n cases the candidate alone passed `better`, and it alone failed `worse`."""
    check_count(n, "n", least=1)
    check_count(better, "better", most=n)
    check_count(worse, "worse", most=n - better)
    check_level(level)
    difference = (better - worse) / n
    low, high = tango_limits(Discordance(better, worse, n), two_sided_quantile(level))
    if not tells_apart(better, worse, n, level):
        low, high = min(low, 0.0), max(high, 0.0)
    variance = ((better + worse) / n - difference**2) / n
    low, high = min(low, difference), max(high, difference)
    made = Interval(difference, low, high, level, "tango", n, standard_error=math.sqrt(max(0.0, variance)))
    return PairedDifference(made, better, worse, n - better - worse, mcnemar(better, worse).exact, "mcnemar_exact")


def tells_apart(better: int, worse: int, n: int, level: float) -> bool:
    """May the interval leave 0 out?

    Tango's own misses it in up to 7 % of comparisons without any difference, where few cases differ (four to none,
    say). So a test must agree that keeps its promise: McNemar's mid-p, which is wrong in 4.99 % at most as long as
    three cases in four differ or fewer; beyond that the exact one.
    """
    discordant = better + worse
    if abs(better - worse) <= two_sided_quantile(level) * math.sqrt(discordant):
        return False
    test = mcnemar(better, worse)
    return (test.exact if 4 * discordant > 3 * n else test.mid) <= 1.0 - level


def paired_difference(
    candidate: Sequence[float],
    baseline: Sequence[float],
    *,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    bounds: tuple[float, float] = (0.0, 1.0),
    seed: int = 0,
) -> PairedDifference:
    """From one score per case and arm, in the same order of cases; True and False are scores.

    Args:
        clusters: what each case comes from, if several share a source. bounds: the ends of the scale of scores.
        seed: of the sign flips, where there are too many to try them all.

    Raises:
        NotEstimable: fewer than two cases or clusters.
    """
    check_level(level)
    check_same_length("baseline", candidate, baseline)
    check_within(candidate, bounds, "candidate")
    check_within(baseline, bounds, "baseline")
    width = bounds[1] - bounds[0]
    differences = [_rounded(float(c) - float(b), width) for c, b in zip(candidate, baseline, strict=True)]
    better, worse = sum(d > 0.0 for d in differences), sum(d < 0.0 for d in differences)
    if clusters is None and all(score in bounds for score in chain(candidate, baseline)):
        made = paired_proportions(better, worse, len(differences), level)
        return made if width == 1.0 else msgspec.structs.replace(made, interval=scaled(made.interval, width))
    interval = difference_interval(differences, clusters=clusters, level=level, most=width)
    groups = [[d] for d in differences] if clusters is None else groups_of(differences, clusters)
    p_value = sign_flip_p([fsum(group) for group in groups], seed=seed)
    return PairedDifference(interval, better, worse, len(differences) - better - worse, p_value, "sign_flip")


def difference_interval(
    differences: Sequence[float],
    *,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    most: float = 1.0,
) -> Interval:
    """The mean of paired differences of scores, each of them within ±`most`."""
    check_level(level)
    check_positive(most, "most")
    check_numbers(differences, "differences", least=2)
    check_within(differences, (-most, most), "differences")
    differences = [_rounded(d, most) for d in differences]
    n, mean = len(differences), fsum(differences) / len(differences)
    few_differ = 2 * sum(d == 0.0 for d in differences) >= n
    if clusters is None:
        found, df = moments(differences), n - 1.0
        quantile, count, error = two_sided_quantile(level, df), None, found.error
        worth, plain, name = float(n), skew_corrected(found, quantile), "tango_t" if few_differ else "hall_t"
    else:
        spread = cluster_variance(groups := groups_of(differences, clusters))
        df, count, error = spread.degrees_of_freedom, spread.clusters, math.sqrt(spread.variance)
        quantile, name = two_sided_quantile(level, df), "cluster_tango_t" if few_differ else "cluster_t"
        worth = n / shrunk_design_effect(spread, sum(any(group) for group in groups))
        plain = mean - quantile * error, mean + quantile * error
        if error <= _NOTHING * most:
            worth = n / spread.greatest_design_effect
    if few_differ:
        limits = tango_limits(counted(differences, most, worth), quantile)
    elif error <= _NOTHING * most:
        limits, name = alike_limits(mean, worth, quantile, (-most, most)), "alike"
    else:
        limits = plain
    low, high = max(-most, min(limits[0], mean)), min(most, max(limits[1], mean))
    return Interval(mean, low, high, level, name, n, count, error, df)


def averaged(repeats: Sequence[Sequence[float]], argument: str = "repeats") -> list[float]:
    """One score per case out of its repeated answers: their mean."""
    if not all(repeats):
        raise NotEstimable(argument, f"case {next(i for i, one in enumerate(repeats) if not one)} has no answer")
    return [fsum(answers) / len(answers) for answers in repeats]


def _rounded(difference: float, most: float) -> float:
    """Averages of the same answers in another order differ by rounding, which is no difference."""
    return 0.0 if abs(difference) < _NOTHING * most else difference
