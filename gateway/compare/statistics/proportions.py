"""How many of n passed: intervals for a proportion.

Wilson's is the one to use. It covers what it promises from ten cases on and near 0 and 1, where the textbook interval
(estimate ± 1.96 standard errors) does not below some hundred cases (Bowyer et al. 2025; Brown, Cai & DasGupta 2001).
Clopper and Pearson's never covers less than it promises, and pays for it in width.
"""

import math
from collections.abc import Hashable, Sequence

from gateway.compare.statistics.clusters import cluster_variance, groups_of, shrunk_design_effect
from gateway.compare.statistics.distributions import beta_quantile, two_sided_quantile
from gateway.compare.statistics.errors import check_count, check_level, check_within
from gateway.compare.statistics.interval import Interval


def wilson(passed: int, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval (1927) for a proportion."""
    check_count(n, "n", least=1)
    check_count(passed, "passed", most=n)
    check_level(level)
    low, high = wilson_limits(passed / n, n, two_sided_quantile(level))
    return Interval(passed / n, low, high, level, "wilson", n)


def clopper_pearson(passed: int, n: int, level: float = 0.95) -> Interval:
    """Clopper and Pearson's exact interval (1934): covers `level` or more, whatever the truth."""
    check_count(n, "n", least=1)
    check_count(passed, "passed", most=n)
    check_level(level)
    tail = (1.0 - level) / 2.0
    low = beta_quantile(tail, passed, n - passed + 1) if passed else 0.0
    high = beta_quantile(1.0 - tail, passed + 1, n - passed) if passed < n else 1.0
    return Interval(passed / n, low, high, level, "clopper_pearson", n)


def rule_of_three(n: int, level: float = 0.95) -> float:
    """The greatest rate of failures that n cases without any leave possible: about 3/n (Hanley & Lippman-Hand 1983)."""
    check_count(n, "n", least=1)
    check_level(level)
    return -math.expm1(math.log1p(-level) / n)


def clustered_proportion(passed: Sequence[bool], clusters: Sequence[Hashable], level: float = 0.95) -> Interval:
    """Of cases that come in groups (several questions about one document): Wilson's interval of as many cases as the
    groups are worth, with Student's t for how few they are (Korn & Graubard 1998; Dean & Pagano 2015).

    How alike the cases of a group are is not known as long as few groups hold a failure (or a success, if those are
    rarer): see `shrunk_design_effect`.
    """
    check_level(level)
    values = [float(one) for one in passed]
    check_within(values, (0.0, 1.0), "passed")
    groups = groups_of(values, clusters)
    spread = cluster_variance(groups)
    rare = 0.0 if spread.mean > 0.5 else 1.0
    seen = sum(rare in group for group in groups)
    worth = spread.n / shrunk_design_effect(spread, seen)
    low, high = wilson_limits(spread.mean, worth, two_sided_quantile(level, spread.degrees_of_freedom))
    error, df = math.sqrt(spread.variance), spread.degrees_of_freedom
    return Interval(spread.mean, low, high, level, "clustered_wilson", spread.n, len(groups), error, df)


def alike_limits(value: float, n: float, quantile: float, bounds: tuple[float, float]) -> tuple[float, float]:
    """Of the mean of values that are all the same: Student's t has no width for them, however few they are. What is
    not known is how many others there would be among more, of which none was seen (Wilson), anywhere within bounds."""
    unseen = wilson_limits(0.0, n, quantile)[1]
    return value - unseen * (value - bounds[0]), value + unseen * (bounds[1] - value)


def wilson_limits(proportion: float, n: float, quantile: float) -> tuple[float, float]:
    """`n` need not be whole: cases that come in groups count for fewer."""
    square = quantile * quantile
    centre = (proportion + square / (2.0 * n)) / (1.0 + square / n)
    inside = proportion * (1.0 - proportion) / n + square / (4.0 * n * n)
    half = quantile * math.sqrt(inside) / (1.0 + square / n)
    # At 0 and 1 the limits are these themselves; rounding must not leave the estimate outside.
    return max(0.0, min(proportion, centre - half)), min(1.0, max(proportion, centre + half))
