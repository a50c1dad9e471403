"""Tango's score interval for a paired difference of proportions (Statistics in Medicine 17, 1998), and its use for
scores.

Two arms answer the same n cases. In b of them the first alone passes, in c the second alone: the difference is
(b - c)/n, and the interval holds every difference that a score test does not reject. It covers 94 to 97 % from thirty
cases on, where the textbook interval covers nothing once b = c = 0.

Nothing in it needs whole numbers. Scores most of whose differences are 0 (two good models, most cases scored the same)
have the same trouble as rare discordant pairs: a t interval over 100 cases of which 5 differ covers 85 to 90 %. Their
differences are counted as so many whole ones of a size s, the size-weighted mean: s = sum of squares by sum of sizes.
Then mean and variance are those of the scores, and for pass or fail it is Tango's interval itself.
"""

import math
from collections.abc import Sequence
from math import fsum

import msgspec

from gateway.compare.statistics.distributions import bisect


class Discordance(msgspec.Struct, frozen=True):
    """Differences as whole ones of one size: `better` and `worse` count them, whole numbers or not, among `n`."""

    better: float
    worse: float
    n: float
    size: float = 1.0


def tango_limits(found: Discordance, quantile: float) -> tuple[float, float]:
    """The lower and the upper limit, within ±size. `quantile`: standard errors to either side."""
    b, c, n = found.better, found.worse, found.n
    difference = (b - c) / n
    low = bisect(lambda d: _score(b, c, n, d) > quantile, -1.0, difference)
    high = bisect(lambda d: _score(b, c, n, d) >= -quantile, difference, 1.0)
    return low * found.size, high * found.size


def counted(differences: Sequence[float], most: float, worth: float) -> Discordance:
    """Differences as whole ones.

    Args:
        most: the greatest difference there can be: one not seen yet may be of that size. worth: how many independent
            cases they are worth.
    """
    up = fsum(d for d in differences if d > 0.0)
    down = fsum(-d for d in differences if d < 0.0)
    squares = fsum(d * d for d in differences)
    size = squares / (up + down) if squares else most
    share = worth / len(differences)
    return Discordance(up / size * share, down / size * share, worth, size)


def _score(b: float, c: float, n: float, difference: float) -> float:
    """How many standard errors the counts are from this difference, by the variance that it would have if it were true
    (the likelihood's root for the share of cases in which the second alone passes, in closed form)."""
    distance = b - c - n * difference
    linear = (2.0 * n - b + c) * difference - b - c
    root = math.sqrt(max(0.0, linear * linear + 8.0 * n * c * difference * (1.0 - difference)))
    share = (root - linear) / (4.0 * n)
    variance = n * (2.0 * share + difference * (1.0 - difference))
    # Rounding leaves some 1e-16 n of a variance that is none.
    return distance / math.sqrt(variance) if variance > 1e-12 * n else math.copysign(math.inf, distance)
