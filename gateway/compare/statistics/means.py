"""A mean with its interval: of scores, costs, counts.

Which method is taken follows from the data, and is named in the answer:
* Most values at one end of their scale (`bounds`): Wilson's interval, for the values counted as whole ones (as
  `tango.py` does for differences). For 0 and 1 it is Wilson's interval itself.
* Values that are all the same, between the ends of their scale: by how many others there may be (`alike_limits`).
* Otherwise Student's t corrected for skew (`skewness.py`), or, where cases come in clusters, cluster-robust t.
"""

import math
from collections.abc import Hashable, Sequence
from math import fsum

import msgspec

from gateway.compare.statistics.clusters import cluster_variance, groups_of, shrunk_design_effect
from gateway.compare.statistics.distributions import two_sided_quantile
from gateway.compare.statistics.errors import check_bounds, check_level, check_numbers, check_within
from gateway.compare.statistics.interval import Interval
from gateway.compare.statistics.proportions import alike_limits, wilson_limits
from gateway.compare.statistics.skewness import moments, skew_corrected

# What is nearer to the end of a scale of length 1 is there, but for rounding.
_NOTHING = 1e-12


def mean_interval(
    values: Sequence[float],
    *,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> Interval:
    """The mean of two values or more.

    Args:
        clusters: what each case comes from, if several share a source. bounds: the ends of the scale, where it has
            any. Without them, values that do not differ at all have an interval without width.

    Raises:
        NotEstimable: fewer than two values or clusters.
    """
    check_level(level)
    check_numbers(values, "values", least=2)
    if bounds is not None:
        check_bounds(bounds)
        check_within(values, bounds, "values")
        for end in bounds:
            if 2 * sum(value == end for value in values) >= len(values):
                return _from_one_end(values, clusters, level, end, bounds)
    if clusters is None:
        found = moments(values)
        df = found.n - 1.0
        low, high = skew_corrected(found, two_sided_quantile(level, df))
        made = Interval(found.mean, low, high, level, "hall_t", found.n, None, found.error, df)
        return _bounded(_with_width(made, found.n, bounds), bounds)
    spread = cluster_variance(groups_of(values, clusters))
    df, error = spread.degrees_of_freedom, math.sqrt(spread.variance)
    reach = two_sided_quantile(level, df) * error
    low, high = spread.mean - reach, spread.mean + reach
    made = Interval(spread.mean, low, high, level, "cluster_t", spread.n, spread.clusters, error, df)
    return _bounded(_with_width(made, spread.n / spread.greatest_design_effect, bounds), bounds)


def _with_width(made: Interval, worth: float, bounds: tuple[float, float] | None) -> Interval:
    """On a scale, values that do not differ at all, or clusters that do not, have a width too."""
    if bounds is None or (made.standard_error or 0.0) > _NOTHING * (bounds[1] - bounds[0]):
        return made
    quantile = two_sided_quantile(made.level, made.degrees_of_freedom)
    low, high = alike_limits(made.estimate, worth, quantile, bounds)
    return msgspec.structs.replace(made, low=low, high=high, method="alike")


def _from_one_end(
    values: Sequence[float],
    clusters: Sequence[Hashable] | None,
    level: float,
    end: float,
    bounds: tuple[float, float],
) -> Interval:
    """Wilson's, for how far the values are from the end where most of them are."""
    away = [
        distance if (distance := abs(value - end)) > _NOTHING * (bounds[1] - bounds[0]) else 0.0 for value in values
    ]
    total, squares = fsum(away), fsum(one * one for one in away)
    size = squares / total if total else bounds[1] - bounds[0]
    n = len(values)
    # Values of two kinds only are a proportion; how far apart they are is known and needs no t.
    df = None if len(set(values)) <= 2 else n - 1.0
    worth, groups, error = float(n), None, math.sqrt(max(0.0, squares / n - (total / n) ** 2) / n)
    if clusters is not None:
        spread = cluster_variance(groups := groups_of(away, clusters))
        told = sum(any(group) for group in groups)
        worth = n / shrunk_design_effect(spread, told)
        df, error = spread.degrees_of_freedom, math.sqrt(spread.variance)
    near, far = wilson_limits(total / size / n, worth, two_sided_quantile(level, df))
    sign = 1.0 if end == bounds[0] else -1.0
    low, high = sorted((end + sign * near * size, end + sign * far * size))
    name, count = ("wilson", None) if groups is None else ("clustered_wilson", len(groups))
    return _bounded(Interval(fsum(values) / n, low, high, level, name, n, count, error, df), bounds)


def _bounded(made: Interval, bounds: tuple[float, float] | None) -> Interval:
    """Within the scale, with the estimate inside whatever rounding did."""
    floor, ceiling = bounds or (-math.inf, math.inf)
    low, high = max(floor, min(made.low, made.estimate)), min(ceiling, max(made.high, made.estimate))
    return msgspec.structs.replace(made, low=low, high=high)
