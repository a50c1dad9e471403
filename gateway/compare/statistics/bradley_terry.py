"""Strengths of arms out of pairwise preferences: Bradley & Terry (1952).

The odds that one arm is preferred to another are exp(the difference of their strengths). A tie is half a win of either
(as Chatbot Arena counts it). Fitted by Newton's method with Firth's penalty (Biometrika 80, 1993; Heinze & Schemper
2002): each pair counts as if it had been played a little more, evenly, by as much as its strengths hang on it. That
takes away the first-order bias, and keeps an arm that won everything finite.

Standard errors are sandwiches over cases: several comparisons on one prompt are no independent evidence, and ties vary
less than wins. In a separated group (see `preferences.py`), where residuals say nothing, they are those of the model.
Strengths are relative to their group's mean; between groups nothing can be said, and nothing is.
"""

import math
import random
from collections.abc import Sequence

import msgspec

from gateway.compare.statistics.distributions import two_sided_quantile
from gateway.compare.statistics.errors import BadArgument, NotEstimable, check_count, check_level
from gateway.compare.statistics.interval import Interval
from gateway.compare.statistics.matrices import Matrix, cholesky, inverse, times
from gateway.compare.statistics.preferences import (
    Preference,
    Tallies,
    comparable_groups,
    is_separated,
    tallies,
)

_MOST_STEPS, _LONGEST_STEP, _CLOSE = 100, 2.0, 1e-9


class Strength(msgspec.Struct, frozen=True):
    """One arm.

    Attributes:
        strength: log-odds against an average arm of its group; times 173.7 it is Elo's scale.
        group: which of `Ranking.groups`, from 0.
        top: the probability that it is the strongest of its group, given the data.
        best_rank, worst_rank: within the group, with the ranking's level for this arm alone.
    """

    arm: str
    strength: Interval
    group: int
    wins: int
    losses: int
    ties: int
    top: float
    best_rank: int
    worst_rank: int


class Ranking(msgspec.Struct, frozen=True):
    """All arms, strongest first within their groups.

    Attributes:
        groups: arms that can be compared, the larger group first; more than one if the comparisons fall apart.
        separated: per group, whether some arm won or lost everything: its strength is the penalty's, and wide.
        covariances: of the strengths of each group, in the order of its names in `groups`.
    """

    arms: tuple[Strength, ...]
    groups: tuple[tuple[str, ...], ...]
    separated: tuple[bool, ...]
    covariances: tuple[tuple[tuple[float, ...], ...], ...]
    level: float

    def preferred(self, first: str, second: str) -> Interval:
        """The probability that the first is preferred to the second, a tie counted by half.

        Raises:
            BadArgument: no such arm. NotEstimable: nothing compares the two.
        """
        one, other = (self._arm(name) for name in (first, second))
        if one.group != other.group:
            raise NotEstimable("second", f"nothing compares {first!r} with {second!r}, not even by way of other arms")
        places = self.groups[one.group]
        i, j, covariance = places.index(first), places.index(second), self.covariances[one.group]
        error = math.sqrt(max(0.0, covariance[i][i] + covariance[j][j] - 2.0 * covariance[i][j]))
        apart = one.strength.estimate - other.strength.estimate
        reach = two_sided_quantile(self.level) * error
        limits = (_share(apart), _share(apart - reach), _share(apart + reach))
        return Interval(*limits, self.level, "bradley_terry", min(one.strength.n, other.strength.n))

    def _arm(self, name: str) -> Strength:
        found = next((one for one in self.arms if one.arm == name), None)
        if found is None:
            raise BadArgument("arm", f"there is no {name!r}: there are {', '.join(one.arm for one in self.arms)}")
        return found


def bradley_terry(
    preferences: Sequence[Preference], *, level: float = 0.95, draws: int = 4_000, seed: int = 0
) -> Ranking:
    """Rank the arms. `draws`, `seed`: of the simulation from which ranks and `top` are read."""
    check_level(level)
    check_count(draws, "draws", least=100)
    counts = tallies(preferences)
    groups = comparable_groups(counts)
    rng = random.Random(seed)  # noqa: S311
    arms: list[Strength] = []
    separated: list[bool] = []
    covariances: list[tuple[tuple[float, ...], ...]] = []
    for number, names in enumerate(groups):
        apart = is_separated(names, counts)
        strengths, information = _fitted(names, counts)
        covariance = information if apart else _sandwich(names, preferences, strengths, information)
        separated.append(apart)
        covariances.append(tuple(map(tuple, covariance)))
        arms += _told(number, names, counts, strengths, covariance, level, _ranks(strengths, covariance, draws, rng))
    return Ranking(tuple(arms), tuple(groups), tuple(separated), tuple(covariances), level)


def _fitted(names: Sequence[str], counts: Tallies) -> tuple[list[float], Matrix]:
    """Strengths that add up to 0, and the inverse of their information."""
    place = {name: at for at, name in enumerate(names)}
    pairs = [
        (place[one], place[other], tally.first_won + tally.tied / 2.0, tally.games)
        for (one, other), tally in counts.items()
        if one in place
    ]
    strengths = [0.0] * len(names)
    spread = _spread(pairs, strengths)
    for _ in range(_MOST_STEPS):
        slope = [0.0] * len(names)
        for i, j, won, games in pairs:
            chance = _share(strengths[i] - strengths[j])
            weight = games * chance * (1.0 - chance)
            leverage = weight * (spread[i][i] + spread[j][j] - 2.0 * spread[i][j])
            excess = won - games * chance + leverage * (0.5 - chance)
            slope[i] += excess
            slope[j] -= excess
        (step,) = times([slope], spread)
        longest = max(abs(one) for one in step)
        shorter = min(1.0, _LONGEST_STEP / longest) if longest else 1.0
        strengths = [value + shorter * one for value, one in zip(strengths, step, strict=True)]
        spread = _spread(pairs, strengths)
        if longest < _CLOSE:
            break
    return strengths, spread


def _spread(pairs: Sequence[tuple[int, int, float, int]], strengths: Sequence[float]) -> Matrix:
    """The inverse of the information, among strengths that add up to 0."""
    size = len(strengths)
    # All strengths may be moved together: that direction is filled in before, and taken out after.
    information: Matrix = [[1.0 / size] * size for _ in range(size)]
    for i, j, _, games in pairs:
        chance = _share(strengths[i] - strengths[j])
        weight = games * chance * (1.0 - chance)
        information[i][i] += weight
        information[j][j] += weight
        information[i][j] -= weight
        information[j][i] -= weight
    return [[value - 1.0 / size for value in row] for row in inverse(information)]


def _sandwich(
    names: Sequence[str], preferences: Sequence[Preference], strengths: Sequence[float], spread: Matrix
) -> Matrix:
    """The covariance that the residuals show, summed per case."""
    place = {name: at for at, name in enumerate(names)}
    cases: dict[str, dict[int, float]] = {}
    for index, one in enumerate(preferences):
        if one.first in place:
            i, j = place[one.first], place[one.second]
            outcome = 0.5 if one.outcome == "tie" else float(one.outcome == "first")
            residual = outcome - _share(strengths[i] - strengths[j])
            case = cases.setdefault(f"case {one.case}" if one.case else f"comparison {index}", {})
            case[i] = case.get(i, 0.0) + residual
            case[j] = case.get(j, 0.0) - residual
    size = len(names)
    middle: Matrix = [[0.0] * size for _ in range(size)]
    for case in cases.values():
        for i, one in case.items():
            for j, other in case.items():
                middle[i][j] += one * other
    # As many parameters as there are arms but one were fitted to the residuals.
    few = len(cases) / max(1, len(cases) - size + 1)
    return [[few * value for value in row] for row in times(times(spread, middle), spread)]


def _ranks(strengths: Sequence[float], covariance: Matrix, draws: int, rng: random.Random) -> list[list[int]]:
    """How often each arm came out at each rank."""
    lower, size = cholesky(covariance), len(strengths)
    counts = [[0] * size for _ in range(size)]
    for _ in range(draws):
        noise = [rng.gauss(0.0, 1.0) for _ in range(size)]
        drawn = [
            value + sum(a * b for a, b in zip(row, noise, strict=True))
            for value, row in zip(strengths, lower, strict=True)
        ]
        for rank, arm in enumerate(sorted(range(size), key=drawn.__getitem__, reverse=True)):
            counts[arm][rank] += 1
    return counts


def _told(
    group: int,
    names: Sequence[str],
    counts: Tallies,
    strengths: Sequence[float],
    covariance: Matrix,
    level: float,
    ranks: Sequence[Sequence[int]],
) -> list[Strength]:
    told: list[Strength] = []
    quantile = two_sided_quantile(level)
    for at, name in enumerate(names):
        wins = losses = ties = 0
        for (one, other), tally in counts.items():
            if name in (one, other):
                wins += tally.first_won if name == one else tally.second_won
                losses += tally.second_won if name == one else tally.first_won
                ties += tally.tied
        error, value = math.sqrt(max(0.0, covariance[at][at])), strengths[at]
        low, high = value - quantile * error, value + quantile * error
        games = wins + losses + ties
        strength = Interval(value, low, high, level, "bradley_terry", games, standard_error=error)
        total = sum(ranks[at])
        best, worst = (_rank_at(ranks[at], total * tail) for tail in ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
        told.append(Strength(name, strength, group, wins, losses, ties, ranks[at][0] / total, best, worst))
    return sorted(told, key=lambda one: -one.strength.estimate)


def _rank_at(counts: Sequence[int], least: float) -> int:
    """The first rank by which so many draws were reached, from 1."""
    reached = 0
    for rank, count in enumerate(counts, start=1):
        reached += count
        if reached >= least and reached:
            return rank
    return len(counts)


def _share(apart: float) -> float:
    """The logistic function, without overflow."""
    if apart >= 0.0:
        return 1.0 / (1.0 + math.exp(-apart))
    return math.exp(apart) / (1.0 + math.exp(apart))
