"""How many cases a comparison needs, and what a number of cases can see.

All of it is about the paired difference: `difference` its true mean, `variance` that of one case's difference (not of
the mean), `design_effect` how many cases one independent case is worth where they come in clusters. Two questions:
* detect: will the interval leave 0 out on the side of the true difference?
* gate: will it lie above -margin? That is what `verdicts.py` calls a pass.

For scores these are exact for normal differences (Student's t off its centre). For pass or fail `pairs_power` counts
the very rule that `paired.py` follows.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import fsum

import msgspec

from gateway.compare.statistics.distributions import (
    binomial_cdf,
    binomial_pmf,
    noncentral_t_cdf,
    normal_quantile,
    t_quantile,
)
from gateway.compare.statistics.errors import (
    BadArgument,
    NotEstimable,
    check_count,
    check_finite,
    check_level,
    check_positive,
    check_same_length,
)
from gateway.compare.statistics.paired import averaged, tells_apart

# More cases than anyone compares: there a search ends.
MOST_CASES = 10**8
EXACT_CASES = 20_000


def variance_of_pairs(better: float, worse: float) -> float:
    """Of one case's difference in passing. `better`, `worse`: shares of cases that one arm alone passes."""
    if min(better, worse) < 0.0 or better + worse > 1.0:
        raise BadArgument("better", f"and worse must be shares that add up to 1 at most, were {better!r}, {worse!r}")
    return better + worse - (better - worse) ** 2


def variance_of_scores(between: float, within_candidate: float, within_baseline: float, repeats: int = 1) -> float:
    """Of one case's difference of averages over `repeats` answers per arm (Miller 2024): what repeating cannot lessen,
    the spread of true differences between cases, and what it can, the spread of one arm's answers to one case."""
    check_count(repeats, "repeats", least=1)
    return between + (within_candidate + within_baseline) / repeats


class Components(msgspec.Struct, frozen=True):
    """The three variances that `variance_of_scores` takes."""

    between: float
    within_candidate: float
    within_baseline: float


def variance_components(candidate: Sequence[Sequence[float]], baseline: Sequence[Sequence[float]]) -> Components:
    """Out of repeated answers, two or more per case and arm: would more cases help, or more repeats?"""
    check_same_length("baseline", candidate, baseline)
    if len(candidate) < 2:
        raise NotEstimable("candidate", "needs two or more cases")
    within: list[float] = []
    lessened = 0.0
    for name, arm in (("candidate", candidate), ("baseline", baseline)):
        means = averaged(arm, name)
        if any(len(answers) < 2 for answers in arm):
            raise NotEstimable(name, "needs two or more answers to every case to see how much they vary")
        each = [
            fsum((one - mean) ** 2 for one in answers) / (len(answers) - 1)
            for answers, mean in zip(arm, means, strict=True)
        ]
        within.append(fsum(each) / len(each))
        lessened += fsum(one / len(answers) for one, answers in zip(each, arm, strict=True)) / len(each)
    pairs = zip(averaged(candidate), averaged(baseline), strict=True)
    differences = [one - other for one, other in pairs]
    mean = fsum(differences) / len(differences)
    total = fsum((d - mean) ** 2 for d in differences) / (len(differences) - 1)
    return Components(max(0.0, total - lessened), within[0], within[1])


def power(n: int, difference: float, variance: float, *, level: float = 0.95, design_effect: float = 1.0) -> float:
    """The probability that the interval over n cases leaves 0 out, on the side of `difference`."""
    check_finite(difference, "difference")
    return _power(n, abs(difference), variance, level, design_effect)


def gate_power(
    n: int,
    margin: float,
    variance: float,
    *,
    difference: float = 0.0,
    level: float = 0.95,
    design_effect: float = 1.0,
) -> float:
    """The probability that a candidate with this true difference passes the gate."""
    check_finite(difference, "difference")
    check_positive(margin, "margin")
    return _power(n, difference + margin, variance, level, design_effect)


def required_n(
    difference: float, variance: float, *, level: float = 0.95, power: float = 0.8, design_effect: float = 1.0
) -> int:
    """The fewest cases that detect this difference with this power."""
    check_finite(difference, "difference")
    if difference == 0.0:
        raise BadArgument("difference", "must not be 0: no number of cases tells nothing from nothing")
    return _required(abs(difference), variance, level, power, design_effect)


def gate_required_n(
    margin: float,
    variance: float,
    *,
    difference: float = 0.0,
    level: float = 0.95,
    power: float = 0.8,
    design_effect: float = 1.0,
) -> int:
    """The fewest cases with which a candidate with this true difference passes the gate with this power."""
    check_positive(margin, "margin")
    if difference <= -margin:
        raise BadArgument("difference", f"must be above -margin, {-margin:g}: such a candidate ought not to pass")
    return _required(difference + margin, variance, level, power, design_effect)


def detectable_difference(
    n: int, variance: float, *, level: float = 0.95, power: float = 0.8, design_effect: float = 1.0
) -> float:
    """The least difference that n cases detect with this power."""
    _check_plan(variance, level, power, design_effect)
    low, high = 0.0, math.sqrt(variance)
    while _power(n, high, variance, level, design_effect) < power:
        high *= 2.0
    for _ in range(40):
        middle = (low + high) / 2.0
        enough = _power(n, middle, variance, level, design_effect) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def pairs_power(n: int, better: float, worse: float, *, level: float = 0.95) -> float:
    """The probability that `paired_proportions` over n cases leaves 0 out, on the side of the true difference.

    Args:
        better, worse: the true shares of cases that the candidate alone passes, and that it alone fails.
    """
    check_count(n, "n", least=1, most=EXACT_CASES)
    check_level(level)
    variance_of_pairs(better, worse)
    fewer, discordant = min(better, worse), better + worse
    if better == worse:
        raise BadArgument("better", "must differ from worse: there is nothing to detect")
    middle, reach = n * discordant, 8.0 * math.sqrt(n * discordant * (1.0 - discordant)) + 8.0
    counts = range(max(0, int(middle - reach)), min(n, int(middle + reach)) + 1)
    return min(
        1.0,
        fsum(
            binomial_pmf(count, n, discordant) * binomial_cdf(most, count, fewer / discordant)
            for count in counts
            if (most := _most_against(count, n, level)) >= 0
        ),
    )


def pairs_required_n(better: float, worse: float, *, level: float = 0.95, power: float = 0.8) -> int:
    """The fewest cases with which `paired_proportions` detects the difference with this power."""
    guess = required_n(better - worse, variance_of_pairs(better, worse), level=level, power=power)
    if guess > EXACT_CASES // 2:
        return guess
    return _search(guess, lambda n: pairs_power(n, better, worse, level=level) >= power)


@lru_cache(maxsize=65_536)
def _most_against(discordant: int, n: int, level: float) -> int:
    """Of so many discordant cases among n, how many may speak against a difference that is still seen; -1: none."""
    low, high = -1, discordant // 2
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if tells_apart(discordant - middle, middle, n, level) else (low, middle - 1)
    return low


def _power(n: int, room: float, variance: float, level: float, design_effect: float) -> float:
    """The probability that the estimate is a whole half-width or more above an edge that the truth is `room` above."""
    _check_plan(variance, level, 0.5, design_effect)
    check_count(n, "n", least=2)
    worth = n / design_effect
    df = max(1.0, worth - 1.0)
    return 1.0 - noncentral_t_cdf(t_quantile(0.5 + level / 2.0, df), df, room * math.sqrt(worth / variance))


def _required(room: float, variance: float, level: float, power: float, design_effect: float) -> int:
    _check_plan(variance, level, power, design_effect)
    reach = normal_quantile(0.5 + level / 2.0) + normal_quantile(power)
    guess = max(0.0, reach) ** 2 * variance / room**2 * design_effect
    if guess > MOST_CASES:
        raise NotEstimable("difference", f"would need some {guess:.0e} cases")
    # By the normal distribution it comes out a few cases short.
    return _search(math.floor(guess), lambda n: _power(n, room, variance, level, design_effect) >= power)


def _search(guess: int, is_enough: Callable[[int], bool]) -> int:
    """The fewest cases that are enough, near a guess; two at least."""
    at = max(2, guess)
    while not is_enough(at):
        at += max(1, at // 200)
    while at > 2 and is_enough(at - 1):
        at -= 1
    return at


def _check_plan(variance: float, level: float, power: float, design_effect: float) -> None:
    check_level(level)
    check_level(power, "power")
    check_positive(variance, "variance")
    if not (design_effect >= 1.0 and math.isfinite(design_effect)):
        raise BadArgument("design_effect", f"must be 1 or more, was {design_effect!r}")
