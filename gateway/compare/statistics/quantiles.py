"""Quantiles of latency, p50, p95, p99, with intervals that assume nothing of its distribution.

How many of n values lie below a quantile is binomial; so two of the values in order enclose it with a probability that
is known. Between neighbouring ones the limits are interpolated (Hettmansperger & Sheather 1986; for any quantile Nyblom
1992), as whole ones would be wider than promised. A p99 of a hundred calls has no upper limit: that is said by None.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from gateway.compare.statistics.distributions import binomial_cdf
from gateway.compare.statistics.errors import check_level, check_numbers
from gateway.compare.statistics.interval import Interval, scaled
from gateway.compare.statistics.means import mean_interval


class QuantileInterval(msgspec.Struct, frozen=True):
    """`estimate`: between the values next to it, by the rule of numpy and Excel (type 7 of Hyndman & Fan). `low` and
    `high`: None where the values do not go far enough to have a limit."""

    quantile: float
    estimate: float
    low: float | None
    high: float | None
    level: float
    n: int


def quantile_interval(values: Sequence[float], quantile: float, level: float = 0.95) -> QuantileInterval:
    check_level(quantile, "quantile")
    check_level(level)
    check_numbers(values, "values")
    ordered, n = sorted(values), len(values)
    at = quantile * (n - 1)
    below = math.floor(at)
    above = ordered[min(below + 1, n - 1)]
    estimate = ordered[below] + (at - below) * (above - ordered[below])
    low, high = (_limit(ordered, quantile, chance) for chance in ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
    return QuantileInterval(
        quantile,
        estimate,
        None if low is None else min(low, estimate),
        None if high is None else max(high, estimate),
        level,
        n,
    )


def required_for_quantile(quantile: float, level: float = 0.95) -> int:
    """How few values have an interval with both its limits."""
    check_level(quantile, "quantile")
    check_level(level)
    return math.ceil(math.log((1.0 - level) / 2.0) / math.log(max(quantile, 1.0 - quantile)))


def per_thousand(costs: Sequence[float], level: float = 0.95) -> Interval:
    """What a thousand requests cost, from what each of these did: the mean times 1,000, with its interval."""
    return scaled(mean_interval(costs, level=level), 1_000.0)


def _limit(ordered: Sequence[float], quantile: float, chance: float) -> float | None:
    """The value that lies above the quantile with this chance, between two neighbours."""
    place = _place(len(ordered), quantile, chance)
    if place is None:
        return None
    at, weight = place
    return ordered[at] + weight * (ordered[at + 1] - ordered[at]) if weight else ordered[at]


@lru_cache(maxsize=1024)
def _place(n: int, quantile: float, chance: float) -> tuple[int, float] | None:
    """Where that is among n values in order: behind which of them, and how far on the way to the next."""
    # The k-th value lies above the quantile if fewer than k values lie below.
    if not binomial_cdf(0, n, quantile) <= chance <= binomial_cdf(n - 1, n, quantile):
        return None
    least, most = 1, n
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if binomial_cdf(middle - 1, n, quantile) <= chance else (least, middle)
    before, after = binomial_cdf(least - 1, n, quantile), binomial_cdf(least, n, quantile)
    if most == least or chance <= before:
        return least - 1, 0.0
    odds = least * (1.0 - quantile) * (after - chance) / ((n - least) * quantile * (chance - before))
    return least - 1, 1.0 / (1.0 + odds)
