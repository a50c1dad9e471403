"""Which share of the traffic each arm is to get, from how the arms did: Thompson sampling, with a floor.

An arm's share is the probability that it is the best, given the data (Thompson 1933). Worked out by integration, not by
drawing: the same counts give the same shares. The floor keeps every arm observed, however badly it began.
"""

import math
from collections.abc import Callable, Sequence

import msgspec

from gateway.compare.statistics.distributions import incomplete_beta, normal_cdf
from gateway.compare.statistics.errors import BadArgument, check_count, check_fraction

_STEPS, _REACH = 160, 8.0


class Counts(msgspec.Struct, frozen=True):
    """One arm's values, 0 to 1, as sums. Of passes, `total` and `squares` are their number.

    Attributes:
        n: values. total, squares: the sums of them and of their squares.
    """

    n: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else 0.5

    @property
    def variance(self) -> float:
        """Of one value, with a 0 and a 1 added: ten failures out of ten are no reason to be certain."""
        n = self.n + 2
        mean = (self.total + 1.0) / n
        return max(0.0, (self.squares + 1.0) / n - mean * mean)


def counted_values(values: Sequence[float]) -> Counts:
    return Counts(len(values), math.fsum(values), math.fsum(value * value for value in values))


def thompson(arms: Sequence[Counts], floor: float = 0.0) -> tuple[float, ...]:
    """The share of each arm, `floor` or more, adding up to 1.

    Arms of passes and failures have a Beta(1, 1) prior; if one has values in between, all are taken as normal.
    """
    _check_arms(arms)
    if all(arm.total == arm.squares for arm in arms):
        shapes = [(arm.total + 1.0, arm.n - arm.total + 1.0) for arm in arms]
        return with_floor(probabilities_best([_beta(a, b) for a, b in shapes]), floor)
    means = [(arm.total + 1.0) / (arm.n + 2) for arm in arms]
    return with_floor(
        probabilities_best(
            [_normal(mean, math.sqrt(arm.variance / (arm.n + 2))) for mean, arm in zip(means, arms, strict=True)]
        ),
        floor,
    )


def with_floor(shares: Sequence[float], floor: float) -> tuple[float, ...]:
    """Shares mixed with an even one, so that none is below the floor."""
    check_fraction(floor, "floor")
    if floor * len(shares) > 1.0 + 1e-12:
        raise BadArgument("floor", f"of {floor:g} for {len(shares)} arms is more than there is to share")
    left = max(0.0, 1.0 - floor * len(shares))
    return tuple(floor + left * share for share in shares)


class Belief(msgspec.Struct, frozen=True):
    """What is believed of one arm: its mean lies `at` ± some `spread`s, with this density and distribution."""

    at: float
    spread: float
    density: Callable[[float], float]
    below: Callable[[float], float]
    bounds: tuple[float, float] = (-math.inf, math.inf)


def probabilities_best(beliefs: Sequence[Belief]) -> tuple[float, ...]:
    """For each arm the probability that its mean is the greatest."""
    chances: list[float] = []
    for number, belief in enumerate(beliefs):
        low = max(belief.bounds[0], belief.at - _REACH * belief.spread)
        high = min(belief.bounds[1], belief.at + _REACH * belief.spread)
        mass = best = 0.0
        for step in range(_STEPS):
            x = low + (step + 0.5) * (high - low) / _STEPS
            density = belief.density(x)
            mass += density
            best += density * math.prod(other.below(x) for at, other in enumerate(beliefs) if at != number)
        chances.append(best / mass)
    total = math.fsum(chances)
    return tuple(chance / total for chance in chances)


def _beta(a: float, b: float) -> Belief:
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)

    def density(x: float) -> float:
        return math.exp(front + (a - 1.0) * math.log(x) + (b - 1.0) * math.log1p(-x))

    def below(x: float) -> float:
        return incomplete_beta(a, b, x)

    spread = math.sqrt(a * b / ((a + b) ** 2 * (a + b + 1.0)))
    return Belief(a / (a + b), spread, density, below, (0.0, 1.0))


def _normal(mean: float, error: float) -> Belief:
    def density(x: float) -> float:
        return math.exp(-(((x - mean) / error) ** 2) / 2.0)

    def below(x: float) -> float:
        return normal_cdf((x - mean) / error)

    return Belief(mean, error, density, below)


def _check_arms(arms: Sequence[Counts]) -> None:
    if not arms:
        raise BadArgument("arms", "must be one or more")
    for number, arm in enumerate(arms):
        check_count(arm.n, f"arms[{number}].n")
        if not 0.0 <= arm.squares <= arm.total <= arm.n:
            raise BadArgument(f"arms[{number}]", "must be sums of values between 0 and 1: squares <= total <= n")
