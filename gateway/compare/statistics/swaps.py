"""A judge is shown each pair of answers in both orders: does it stand by its verdict?

One that changes it prefers a place, not an answer. Such a pair is a tie (Zheng et al. 2023)."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from gateway.compare.statistics.errors import NotEstimable, check_level, check_same_length
from gateway.compare.statistics.interval import Interval
from gateway.compare.statistics.proportions import wilson

Judged = Literal["candidate", "baseline", "tie"]


class Swaps(msgspec.Struct, frozen=True):
    """What both orders say together.

    Attributes:
        settled: per case, the verdict of both orders; a tie where they differ.
        consistency: the share of cases with the same verdict in both orders.
        first_place: of cases in which a place won both times, the share that the first did; 0.5 without bias, None if
            there was no such case.
    """

    settled: tuple[Judged, ...]
    consistency: Interval
    first_place: Interval | None


def swap_consistency(forward: Sequence[Judged], backward: Sequence[Judged], level: float = 0.95) -> Swaps:
    """`forward`: the verdicts with the candidate shown first; `backward`: the same cases with it shown second."""
    check_level(level)
    check_same_length("backward", forward, backward)
    if not forward:
        raise NotEstimable("forward", "there are no verdicts")
    both = list(zip(forward, backward, strict=True))
    first, second = both.count(("candidate", "baseline")), both.count(("baseline", "candidate"))
    return Swaps(
        settled=tuple(one if one == other else "tie" for one, other in both),
        consistency=wilson(sum(one == other for one, other in both), len(both), level),
        first_place=wilson(first, first + second, level) if first + second else None,
    )
