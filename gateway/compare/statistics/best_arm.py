"""Find the best of several arms with as little traffic as that takes: track and stop (Garivier & Kaufmann 2016).

*Track*: give each arm the share that makes the evidence grow fastest, as far as the arms are known. Much goes to the
best and to those close to it. *Stop*: once the likelihood ratio says, against the runner-up that is hardest to tell
apart, that the best is the best, up to `tolerance`. The threshold grows with the logarithm of the logarithm of time, so
that stopping early is allowed; the winner is wrong in `alpha` of the runs at most.

Values lie between 0 and 1. They are taken as normal with the variance seen so far, widened by a 0 and a 1
(`allocation.Counts`): true in the limit, and measured in the tests for pass rates.
"""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from gateway.compare.statistics.allocation import Counts, with_floor
from gateway.compare.statistics.distributions import bisect
from gateway.compare.statistics.errors import BadArgument, check_count, check_level

# Arms that look the same would be given the traffic of all time: gaps count as this at least.
_LEAST_GAP = 1e-3


class BestArm(msgspec.Struct, frozen=True):
    """What to do next.

    Attributes:
        action: "stop": the arm at `best` won, give it everything; "continue": with `shares`.
        evidence, threshold: the log likelihood ratio, and where it is enough.
    """

    action: Literal["stop", "continue"]
    best: int
    shares: tuple[float, ...]
    evidence: float
    threshold: float


def track_and_stop(
    arms: Sequence[Counts],
    *,
    alpha: float = 0.05,
    tolerance: float = 0.0,
    least_samples: int = 10,
    floor: float = 0.01,
) -> BestArm:
    """The next shares, or the winner.

    Args:
        alpha: the probability of a wrong winner. tolerance: an arm this much below the best is as good as the best.
        least_samples: of every arm before any can win. floor: the least share of an arm.
    """
    check_level(alpha, "alpha")
    check_count(least_samples, "least_samples", least=1)
    if tolerance < 0.0:
        raise BadArgument("tolerance", f"must be 0 or more, was {tolerance!r}")
    if len(arms) < 2:
        raise BadArgument("arms", f"must be two or more, was {len(arms)}")
    even = tuple(1.0 / len(arms) for _ in arms)
    time = sum(arm.n for arm in arms)
    threshold = math.log((len(arms) - 1) * (1.0 + math.log(max(1, time))) / alpha)
    best = max(range(len(arms)), key=lambda at: arms[at].mean)
    if min(arm.n for arm in arms) < least_samples:
        return BestArm("continue", best, with_floor(even, min(floor, even[0])), 0.0, threshold)
    evidence = min(_evidence(arms[best], arm, tolerance) for at, arm in enumerate(arms) if at != best)
    if evidence > threshold:
        return BestArm("stop", best, tuple(float(at == best) for at in range(len(arms))), evidence, threshold)
    shares = optimal_shares([arm.mean for arm in arms], [arm.variance for arm in arms], tolerance)
    return BestArm("continue", best, with_floor(shares, min(floor, even[0])), evidence, threshold)


def optimal_shares(means: Sequence[float], variances: Sequence[float], tolerance: float = 0.0) -> tuple[float, ...]:
    """The shares under which the least evidence against any rival of the best grows fastest.

    With a share w of the best, a rival gains gap² / (variance of the best / w + its variance / its share). All rivals
    gain the same, c, or some share could be spent better: that ties their shares to w and c. The gain is greatest where
    share² / variance is for the best what it is for all rivals together (Glynn & Juneja 2004). Both together are one
    equation for w / c.
    """
    best = max(range(len(means)), key=means.__getitem__)
    own = variances[best]
    rivals = [(max(_LEAST_GAP, means[best] - mean + tolerance), variances[at], at) for at, mean in enumerate(means)]
    rivals = [(gap * gap, variance, at) for gap, variance, at in rivals if at != best]

    def beside(ratio: float) -> float:
        """The rivals' sum of (share of the best's share)² / variance."""
        return sum(variance / (ratio * square - own) ** 2 for square, variance, _ in rivals)

    low = own / min(square for square, _, _ in rivals)
    high = 2.0 * low
    while beside(high) > 1.0 / own:
        high *= 2.0
    ratio = bisect(lambda t: t <= low or beside(t) > 1.0 / own, low, high)
    shares = [1.0] * len(means)
    for square, variance, at in rivals:
        shares[at] = variance / (ratio * square - own)
    total = math.fsum(shares)
    return tuple(share / total for share in shares)


def _evidence(best: Counts, rival: Counts, tolerance: float) -> float:
    """The log likelihood ratio of the best being better, up to the tolerance, than the rival."""
    gap = best.mean - rival.mean + tolerance
    return gap * gap / (2.0 * (best.variance / best.n + rival.variance / rival.n)) if gap > 0.0 else 0.0
