"""Cases that share a source are worth less than as many on their own: the variance of their mean.

Cluster-robust, "CR2": with clusters of one size it is the sandwich times g/(g - 1), with g - 1 degrees of freedom
(Miller 2024 recommends it, Inspect computes it). With clusters of different sizes that is too small, by as much as half
where few large ones carry the mean; so each cluster's residual is divided by the root of 1 - its share of the cases
(Bell & McCaffrey 2002), and the degrees of freedom are those of Imbens & Kolesár (2016), worked out for cases
independent of each other and for clusters of identical cases: the fewer of the two count.
"""

from collections.abc import Hashable, Sequence
from math import fsum

import msgspec

from gateway.compare.statistics.errors import BadArgument, NotEstimable, check_numbers

# Cases of one source may differ more than those of several, but a lower figure is more often chance.
LEAST_DESIGN_EFFECT = 0.5


class ClusterVariance(msgspec.Struct, frozen=True):
    """A mean over clustered cases.

    Attributes:
        variance: of the mean. degrees_of_freedom: for Student's t.
        design_effect: `variance` by that of as many independent cases; `greatest_design_effect`: what it would be if
            all cases of a cluster were the same. The first equals the second if the cases do not differ at all.
    """

    mean: float
    variance: float
    degrees_of_freedom: float
    design_effect: float
    greatest_design_effect: float
    n: int
    clusters: int


def groups_of(values: Sequence[float], clusters: Sequence[Hashable]) -> list[list[float]]:
    """The values of each cluster, in the order of their first cases."""
    check_numbers(values, "values")
    if len(values) != len(clusters):
        raise BadArgument("clusters", f"must name one cluster per case: {len(clusters)} for {len(values)} cases")
    groups: dict[Hashable, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        groups.setdefault(cluster, []).append(value)
    if len(groups) < 2:
        raise NotEstimable("clusters", "all cases share one source: how sources differ cannot be seen from one")
    return list(groups.values())


def cluster_variance(groups: Sequence[Sequence[float]]) -> ClusterVariance:
    """Of two clusters or more."""
    n = sum(len(group) for group in groups)
    mean = fsum(value for group in groups for value in group) / n
    residuals = [fsum(value - mean for value in group) for group in groups]
    variance = fsum(e * e / (1.0 - len(group) / n) for e, group in zip(residuals, groups, strict=True)) / n**2
    plain = fsum((value - mean) ** 2 for group in groups for value in group) / n**2
    sizes = [len(group) for group in groups]
    greatest = sum(size * size for size in sizes) / n
    return ClusterVariance(
        mean=mean,
        variance=variance,
        degrees_of_freedom=_degrees_of_freedom(sizes, n),
        # The same value everywhere, but for rounding, tells nothing of how alike a cluster's cases are.
        design_effect=variance / plain if plain > 1e-24 * (1.0 + mean * mean) / n else greatest,
        greatest_design_effect=greatest,
        n=n,
        clusters=len(groups),
    )


def shrunk_design_effect(spread: ClusterVariance, telling: int) -> float:
    """The design effect to count on, if in so many clusters only a case differs from the usual.

    One failure, or three in one cluster, say next to nothing of how alike the cases of a cluster are. Without any, each
    cluster counts as one case; from a handful on the measured figure stands. (As measured, intervals covered down to
    78 % where failures are rare and clustered; so shrunk, 94 % or more.)
    """
    doubt = 1.0 / (1.0 + telling * telling / 2.0)
    return max(LEAST_DESIGN_EFFECT, (1.0 - doubt) * spread.design_effect + doubt * spread.greatest_design_effect)


def _degrees_of_freedom(sizes: Sequence[int], n: int) -> float:
    """Satterthwaite's, 1 at least: the variance estimate is a sum of squares, whose matrix has this trace by its own
    square's trace. Both sums are written out, so that they take as long as there are clusters and no longer."""
    shares = [size / n for size in sizes]
    u = [size * size / (1.0 - share) for size, share in zip(sizes, shares, strict=True)]
    total = fsum(u)
    independent = n * n / (fsum(s * s for s in sizes) + (total * total - fsum(x * x for x in u)) / n**2)
    squares = fsum(share * share for share in shares)
    alone = [1.0 - 2.0 * share + squares for share in shares]
    own = fsum(x * x * (a * a - (a - 1.0) ** 2) for x, a in zip(u, alone, strict=True))
    first = fsum(x * (squares - share) ** 2 for x, share in zip(u, shares, strict=True))
    mixed = fsum(x * (squares - share) for x, share in zip(u, shares, strict=True))
    tilted = fsum(x * share for x, share in zip(u, shares, strict=True))
    last = fsum(x * share * share for x, share in zip(u, shares, strict=True))
    trace = fsum(x * a for x, a in zip(u, alone, strict=True))
    identical = trace * trace / (own + total * first - 2.0 * mixed * tilted + total * last)
    return max(1.0, min(independent, identical))
