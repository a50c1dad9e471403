"""Do two raters, a judge and a human say, agree more than by chance? Cohen's kappa (1960).

The interval is Wilson's for the observed agreement, over what chance leaves open. The textbook interval (Fleiss, Cohen
& Everitt 1969) has no width once two raters agree on everything, and over 30 labels covers as little as 78 %; its
variance serves to make this one wider where it asks for that.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from math import fsum

import msgspec

from gateway.compare.statistics.distributions import two_sided_quantile
from gateway.compare.statistics.errors import NotEstimable, check_level, check_same_length
from gateway.compare.statistics.interval import Interval
from gateway.compare.statistics.proportions import wilson_limits


class Kappa(msgspec.Struct, frozen=True):
    """`kappa`: 1 full agreement, 0 as by chance. `observed`, `expected`: the share of cases agreed on, and that of two
    raters with the same habits who do not look."""

    kappa: Interval
    observed: float
    expected: float


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable], level: float = 0.95) -> Kappa:
    """Of one label per case and rater.

    Raises:
        NotEstimable: fewer than two cases, or both raters used one and the same label throughout.
    """
    check_level(level)
    check_same_length("second", first, second)
    n = len(first)
    if n < 2:
        raise NotEstimable("first", f"needs two or more labels, was given {n}")
    one, other = Counter(first), Counter(second)
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    expected = fsum(one[label] * other[label] for label in one) / (n * n)
    if expected >= 1.0:
        raise NotEstimable("first", "both raters gave every case the same one label: agreement by chance is complete")
    room = 1.0 - expected
    kappa = (observed - expected) / room
    plain = observed * (1.0 - observed) / n
    variance = _fleiss(Counter(zip(first, second, strict=True)), one, other, n, kappa, expected)
    worth = n * min(1.0, plain / (variance * room**2)) if variance > 0.0 and plain > 0.0 else float(n)
    low, high = wilson_limits(observed, worth, two_sided_quantile(level))
    limits = (low - expected) / room, (high - expected) / room
    return Kappa(Interval(kappa, max(-1.0, limits[0]), limits[1], level, "kappa_wilson", n), observed, expected)


def _fleiss(
    cells: Counter[tuple[Hashable, Hashable]],
    one: Counter[Hashable],
    other: Counter[Hashable],
    n: int,
    kappa: float,
    expected: float,
) -> float:
    """The large-sample variance of kappa."""
    terms = [
        count / n * ((1.0 - (one[a] + other[b]) / n * (1.0 - kappa)) ** 2 if a == b else 0.0)
        + count / n * ((1.0 - kappa) ** 2 * ((one[b] + other[a]) / n) ** 2 if a != b else 0.0)
        for (a, b), count in cells.items()
    ]
    return max(0.0, fsum(terms) - (kappa - expected * (1.0 - kappa)) ** 2) / (n * (1.0 - expected) ** 2)
