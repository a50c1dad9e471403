"""Bootstrap intervals, for figures without a formula: a median, a ratio of sums, a trimmed mean.

For means use `means.py` and `paired.py`: over 10 to 30 cases the percentile bootstrap and BCa cover 88 to 93 % where
they promise 95, over clusters too, because resampling n cases varies by (n - 1)/n of what the cases do and knows no t.
"""

import random
from collections.abc import Callable, Hashable, Sequence
from itertools import chain
from math import fsum
from typing import Literal

from gateway.compare.statistics.clusters import groups_of
from gateway.compare.statistics.distributions import normal_cdf, normal_quantile
from gateway.compare.statistics.errors import check_count, check_finite, check_level, check_numbers
from gateway.compare.statistics.interval import Interval

Statistic = Callable[[Sequence[float]], float]
Method = Literal["percentile", "bca"]


def mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)


def bootstrap_interval(
    values: Sequence[float],
    statistic: Statistic = mean,
    *,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    method: Method = "bca",
    resamples: int = 2_000,
    seed: int = 0,
) -> Interval:
    """The figure of the values, with the range it has over resamples of them.

    Args:
        statistic: a figure of any number of values; finite. clusters: whole ones are drawn, if given.
        method: "percentile", or Efron's BCa (Journal of the American Statistical Association 82, 1987), which is
            corrected for bias and skew.
    """
    check_level(level)
    check_numbers(values, "values", least=2)
    check_count(resamples, "resamples", least=100)
    groups = [[value] for value in values] if clusters is None else groups_of(values, clusters)
    estimate = statistic(values)
    check_finite(estimate, "statistic")
    rng = random.Random(seed)  # noqa: S311
    draws = sorted(statistic(_joined(rng.choices(groups, k=len(groups)))) for _ in range(resamples))
    tails = (1.0 - level) / 2.0, (1.0 + level) / 2.0
    if method == "bca":
        left = [statistic(_joined([*groups[:at], *groups[at + 1 :]])) for at in range(len(groups))]
        tails = _corrected(tails, draws, estimate, left)
    low, high = (draws[min(resamples - 1, max(0, round(tail * (resamples + 1)) - 1))] for tail in tails)
    count = None if clusters is None else len(groups)
    return Interval(estimate, min(low, estimate), max(high, estimate), level, f"bootstrap_{method}", len(values), count)


def _joined(groups: Sequence[Sequence[float]]) -> list[float]:
    return list(chain.from_iterable(groups))


def _corrected(
    tails: tuple[float, float], draws: Sequence[float], estimate: float, left: Sequence[float]
) -> tuple[float, float]:
    """Which quantiles of the draws to read. `left`: the figure without each of the groups in turn."""
    below = (sum(draw < estimate for draw in draws) + sum(draw <= estimate for draw in draws)) / 2.0
    # Half a resample from either end: an estimate at the edge has a bias that is not known, not an infinite one.
    share = min(len(draws) - 0.5, max(0.5, below)) / len(draws)
    bias, middle = normal_quantile(share), mean(left)
    squares = fsum((middle - one) ** 2 for one in left)
    slope = fsum((middle - one) ** 3 for one in left) / (6.0 * squares**1.5) if squares else 0.0

    def moved(tail: float) -> float:
        reach = bias + normal_quantile(tail)
        return normal_cdf(bias + reach / max(1e-6, 1.0 - slope * reach))

    return moved(tails[0]), moved(tails[1])
