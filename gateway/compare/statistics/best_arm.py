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

    With a share w of the best, a rival gains c per observation if its own share is its variance / (gap² / c - variance
    of the best / w). The more c, the more the rivals take: c is as large as the shares allow, and w what makes that
    largest.
    """
    best = max(range(len(means)), key=means.__getitem__)
    gaps = [max(_LEAST_GAP, means[best] - mean + tolerance) for mean in means]
    rivals = [at for at in range(len(means)) if at != best]

    def needed(own: float, gain: float) -> list[float]:
        rest = [gaps[at] ** 2 / gain - variances[best] / own for at in rivals]
        return [variances[at] / one if one > 0.0 else math.inf for at, one in zip(rivals, rest, strict=True)]

    def gain_of(own: float) -> float:
        most = min(gaps[at] ** 2 for at in rivals) * own / variances[best]
        return bisect(lambda gain: gain == 0.0 or sum(needed(own, gain)) < 1.0 - own, 0.0, most)

    low, high = 1e-6, 1.0 - 1e-6
    for _ in range(30):
        left, right = low + (high - low) / 3.0, high - (high - low) / 3.0
        low, high = (left, high) if gain_of(left) < gain_of(right) else (low, right)
    own = (low + high) / 2.0
    others = needed(own, gain_of(own) * (1.0 - 1e-9))
    shares = [0.0] * len(means)
    shares[best] = own
    for at, share in zip(rivals, others, strict=True):
        shares[at] = share
    total = math.fsum(shares)
    return tuple(share / total for share in shares)


def _evidence(best: Counts, rival: Counts, tolerance: float) -> float:
    """The log likelihood ratio of the best being better, up to the tolerance, than the rival."""
    gap = best.mean - rival.mean + tolerance
    return gap * gap / (2.0 * (best.variance / best.n + rival.variance / rival.n)) if gap > 0.0 else 0.0
