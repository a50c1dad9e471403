"""Better, equivalent, worse or inconclusive: what an interval of the difference says beside a margin.

The margin, delta, is the least difference that matters, in the unit of the difference (0.02: two points of a pass
rate). `low` and `high` are those of the interval. The first that fits:

    verdict        if                                   which claims
    better         low > 0                              the candidate is better, by however little
    equivalent     low > -delta and high < delta        they differ by less than the margin, one way or the other
    worse          high < 0                             the candidate is worse, and by delta or more for all one knows
    inconclusive   otherwise                            the cases do not say

A gate asks one thing, that the candidate is not worse by delta or more (non-inferiority):

    gate           if
    pass           low > -delta
    fail           the verdict is worse
    undecided      otherwise: more cases are needed

So better and equivalent pass, worse fails, and inconclusive passes if only the upside is open. With a 95 % interval
each claim is wrong in at most 2.5 of 100 comparisons where the truth is at its edge: two one-sided tests.
"""

import math
from typing import Literal

import msgspec

from gateway.compare.statistics.distributions import normal_quantile, two_sided_quantile
from gateway.compare.statistics.errors import BadArgument, check_level
from gateway.compare.statistics.interval import Interval

Word = Literal["better", "equivalent", "worse", "inconclusive"]
Gate = Literal["pass", "fail", "undecided"]
# Beyond so many nobody will collect them.
MOST_CASES = 10**9


class Verdict(msgspec.Struct, frozen=True):
    """What may be said.

    Attributes:
        more_cases: about so many more would decide it, with the power asked for, if the difference is what it looks
            like: 0 if it is decided, None if no number would. more_for_gate: the same of the gate.
    """

    verdict: Word
    gate: Gate
    margin: float
    interval: Interval
    more_cases: int | None
    more_for_gate: int | None


def decide(interval: Interval, margin: float, *, power: float = 0.8) -> Verdict:
    """The verdict on an interval of the difference, candidate minus baseline.

    Args:
        margin: 0 or more; with 0 nothing is equivalent, and the gate asks for better. power: of `more_cases`.
    """
    if not (margin >= 0.0 and math.isfinite(margin)):
        raise BadArgument("margin", f"must be 0 or more, in the unit of the difference, was {margin!r}")
    check_level(power, "power")
    word = _word(interval, margin)
    gate: Gate = "pass" if interval.low > -margin else "fail" if word == "worse" else "undecided"
    at = interval.estimate
    # How far the estimate is from the edge that it can be told from soonest.
    verdict_room = max(abs(at), margin - abs(at))
    gate_room = max(at + margin, -at)
    return Verdict(
        verdict=word,
        gate=gate,
        margin=margin,
        interval=interval,
        more_cases=0 if word != "inconclusive" else _more(interval, verdict_room, power),
        more_for_gate=0 if gate != "undecided" else _more(interval, gate_room, power),
    )


def _word(interval: Interval, margin: float) -> Word:
    if interval.low > 0.0:
        return "better"
    if -margin < interval.low and interval.high < margin:
        return "equivalent"
    return "worse" if interval.high < 0.0 else "inconclusive"


def _more(interval: Interval, room: float, power: float) -> int | None:
    """How many cases until the interval is so narrow: its width goes with the root of their number."""
    if room <= 0.0:
        return None
    quantile = two_sided_quantile(interval.level)
    reach = interval.half_width * (1.0 + max(0.0, normal_quantile(power)) / quantile)
    needed = interval.n * (reach / room) ** 2
    return max(1, math.ceil(needed) - interval.n) if needed < MOST_CASES else None
