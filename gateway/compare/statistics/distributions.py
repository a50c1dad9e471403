"""The distributions that intervals are read from: normal, binomial, beta, Student's t, and t off its centre.

All rest on the incomplete beta function, evaluated as a continued fraction by Lentz's method (NIST DLMF 8.17.22).
Checked against scipy in the tests, to ten digits where values matter.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist

_NORMAL = NormalDist()
_TINY = 1e-300
_CLOSE = 1e-15


def normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@lru_cache(maxsize=256)
def normal_quantile(probability: float) -> float:
    return _NORMAL.inv_cdf(probability)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, for a, b > 0: the probability that Beta(a, b) is x at most."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    front = math.exp(log_front)
    if x < (a + 1.0) / (a + b + 2.0):
        return min(1.0, front * _continued_fraction(a, b, x) / a)
    return max(0.0, 1.0 - front * _continued_fraction(b, a, 1.0 - x) / b)


def _continued_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    total = d
    # As many terms as the root of a and b, and some: for a million cases about a thousand.
    for m in range(1, 200 + 8 * math.isqrt(int(a + b) + 1)):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0)),
        ):
            d = 1.0 + term * d
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = 1.0 + term / (c if abs(c) > _TINY else _TINY)
            total *= c * d
        if abs(c * d - 1.0) < _CLOSE:
            break
    return total


def beta_quantile(probability: float, a: float, b: float) -> float:
    return bisect(lambda x: incomplete_beta(a, b, x) < probability, 0.0, 1.0)


def binomial_pmf(k: int, n: int, p: float) -> float:
    if not 0 <= k <= n:
        return 0.0
    if p <= 0.0 or p >= 1.0:
        return float(k == (n if p >= 1.0 else 0))
    log_choose = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(log_choose + k * math.log(p) + (n - k) * math.log1p(-p))


def binomial_cdf(k: int, n: int, p: float) -> float:
    """The probability of k successes or fewer in n."""
    if k < 0:
        return 0.0
    return 1.0 if k >= n else incomplete_beta(n - k, k + 1.0, 1.0 - p)


def t_two_sided(t: float, df: float) -> float:
    """The probability that Student's t with df degrees of freedom is as far from 0 as this, or farther."""
    return incomplete_beta(df / 2.0, 0.5, df / (df + t * t))


@lru_cache(maxsize=4096)
def t_quantile(probability: float, df: float) -> float:
    """For probabilities of a half and more. Newton's method from the normal quantile, which lies below: the tail is
    convex there, so that no step goes too far."""
    tail, t = 2.0 * (1.0 - probability), normal_quantile(probability)
    log_front = math.lgamma((df + 1.0) / 2.0) - math.lgamma(df / 2.0) - 0.5 * math.log(df * math.pi)
    for _ in range(100):
        density = math.exp(log_front - (df + 1.0) / 2.0 * math.log1p(t * t / df))
        step = (t_two_sided(t, df) - tail) / (2.0 * density)
        t += step
        if abs(step) <= 1e-12 * t:
            break
    return t


def two_sided_quantile(level: float, df: float | None = None) -> float:
    """How many standard errors an interval reaches to either side; without `df`, by the normal distribution."""
    middle = 0.5 + level / 2.0
    return normal_quantile(middle) if df is None else t_quantile(middle, df)


@lru_cache(maxsize=4096)
def noncentral_t_cdf(t: float, df: float, centre: float) -> float:
    """P(T <= t) for T = (Z + centre) / s, with s the root of a chi-square over its df, 1 or more: Simpson's rule."""
    spread, steps = 9.0 / math.sqrt(2.0 * df), 400
    low, high = max(0.0, 1.0 - spread), 1.0 + spread
    width = (high - low) / steps
    log_front = math.log(2.0) + df / 2.0 * math.log(df / 2.0) - math.lgamma(df / 2.0)
    total = 0.0
    for step in range(steps + 1):
        s = max(low + step * width, 1e-12)
        density = math.exp(log_front + (df - 1.0) * math.log(s) - df * s * s / 2.0)
        weight = 1.0 if step in (0, steps) else 4.0 if step % 2 else 2.0
        total += weight * density * normal_cdf(t * s - centre)
    return min(1.0, max(0.0, total * width / 3.0))


def bisect(is_below: Callable[[float], bool], low: float, high: float, steps: int = 60) -> float:
    """Where a yes turns into a no, between low and high."""
    for _ in range(steps):
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        if is_below(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
