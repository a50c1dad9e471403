"""Strengths out of preferences: a published table, the penalty against a search, and what falls apart."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.compare.statistics.bradley_terry import Ranking, bradley_terry
from gateway.compare.statistics.errors import BadArgument, NotEstimable
from gateway.compare.statistics.matrices import cholesky, inverse, times
from gateway.compare.statistics.preferences import Outcome, Preference, comparable_groups, is_separated, tallies

# The American League's eastern division in 1987, wins of the row's team over the column's: Agresti, Categorical Data
# Analysis, table 10.10; strengths beside Baltimore's, and their errors, as R's BradleyTerry2 fits them by likelihood.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
WINS = (
    (0, 7, 9, 7, 7, 9, 11),
    (6, 0, 7, 5, 11, 9, 9),
    (4, 6, 0, 7, 7, 8, 12),
    (6, 8, 6, 0, 6, 7, 10),
    (6, 2, 6, 7, 0, 7, 12),
    (4, 4, 5, 6, 6, 0, 6),
    (2, 4, 1, 3, 1, 7, 0),
)
STRENGTHS = (1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0.0)


def games(table: tuple[tuple[int, ...], ...], names: tuple[str, ...]) -> list[Preference]:
    return [
        Preference(names[i], names[j], "first")
        for i, row in enumerate(table)
        for j, wins in enumerate(row)
        for _ in range(wins)
    ]


def relative(ranking: Ranking, to: str) -> dict[str, float]:
    strengths = {one.arm: one.strength.estimate for one in ranking.arms}
    return {arm: value - strengths[to] for arm, value in strengths.items()}


def test_a_published_table() -> None:
    ranking = bradley_terry(games(WINS, TEAMS))
    found = relative(ranking, "Baltimore")
    # The penalty takes the likelihood's bias away: some 2 % at 13 games a pair.
    assert [found[team] for team in TEAMS] == pytest.approx(STRENGTHS, rel=0.03)
    assert [one.arm for one in ranking.arms] == list(TEAMS)
    first = ranking.arms[0]
    assert (first.wins, first.losses, first.ties, first.strength.n) == (50, 28, 0, 78)
    # Against Baltimore, 0.3433 in R: the odds of the two, and the interval they imply.
    odds = ranking.preferred("Milwaukee", "Baltimore")
    error = (math.log(odds.high / (1 - odds.high)) - math.log(odds.low / (1 - odds.low))) / 2 / 1.959964
    assert error == pytest.approx(0.3433, rel=0.1)
    assert sum(one.top for one in ranking.arms) == pytest.approx(1.0)
    assert first.top > ranking.arms[1].top > ranking.arms[2].top
    assert (first.best_rank, ranking.arms[-1].worst_rank) == (1, 7)


def test_more_games_take_the_penalty_out() -> None:
    table = tuple(tuple(50 * wins for wins in row) for row in WINS)
    found = relative(bradley_terry(games(table, TEAMS), draws=100), "Baltimore")
    assert [found[team] for team in TEAMS] == pytest.approx(STRENGTHS, abs=2e-3)


def test_the_fit_is_where_the_penalised_likelihood_is_greatest() -> None:
    """Firth's penalty is Jeffreys' prior: the likelihood times the root of the information's determinant."""
    optimize = pytest.importorskip("scipy.optimize")
    table = np.array([[0, 5, 6], [2, 0, 3], [0, 4, 0]])

    def loss(free: np.ndarray) -> float:
        strengths = np.array([0.0, *free])
        chance = 1.0 / (1.0 + np.exp(strengths[None, :] - strengths[:, None]))
        information = -((table + table.T) * chance * (1 - chance))
        information -= np.diag(information.sum(axis=1))
        _, log_determinant = np.linalg.slogdet(information[1:, 1:])
        return float(-(table * np.log(chance)).sum() - log_determinant / 2)

    expected = optimize.minimize(loss, np.zeros(2), method="BFGS").x
    found = relative(bradley_terry(games(tuple(map(tuple, table.tolist())), ("a", "b", "c")), draws=100), "a")
    assert [found["b"], found["c"]] == pytest.approx(expected, abs=1e-4)


def test_an_arm_that_won_everything_is_finite_and_told() -> None:
    ranking = bradley_terry([*games(((0, 6, 5), (0, 0, 3), (0, 2, 0)), ("a", "b", "c"))])
    best = ranking.arms[0]
    assert (best.arm, ranking.separated) == ("a", (True,))
    assert 1.0 < best.strength.estimate < 4.0
    assert best.strength.standard_error is not None
    assert best.strength.standard_error > 0.7
    assert ranking.preferred("a", "b").high < 1.0


def test_a_tie_is_half_a_win_of_either() -> None:
    won = [Preference("a", "b", "first")] * 5 + [Preference("a", "b", "second")] * 5
    tied = [Preference("a", "b", "tie")] * 10
    even, draws = bradley_terry(won), bradley_terry(tied)
    assert draws.arms[0].strength.estimate == pytest.approx(even.arms[0].strength.estimate, abs=1e-9)
    # Ten ties say more clearly that the two are alike than ten games that went either way.
    assert draws.arms[0].strength.half_width < even.arms[0].strength.half_width


def test_comparisons_on_one_case_are_no_independent_evidence() -> None:
    once = [
        Preference(one, other, "first" if (at * 7 + len(one)) % 3 else "second", f"case {at}")
        for at in range(40)
        for one, other in (("a", "b"), ("b", "c"))
    ]
    twice = bradley_terry([*once, *once], draws=100)
    independent = bradley_terry([Preference(one.first, one.second, one.outcome) for one in [*once, *once]], draws=100)
    assert twice.arms[0].strength.half_width > 1.25 * independent.arms[0].strength.half_width


def test_groups_that_nothing_compares_are_told_apart() -> None:
    preferences = [
        Preference("a", "b", "first"), Preference("b", "a", "first"), Preference("b", "c", "tie"),
        Preference("x", "y", "first"), Preference("y", "x", "first"),
    ]  # fmt: skip
    ranking = bradley_terry(preferences, draws=100)
    assert ranking.groups == (("a", "b", "c"), ("x", "y"))
    assert sum(one.top for one in ranking.arms if one.group == 1) == pytest.approx(1.0)
    with pytest.raises(NotEstimable, match="nothing compares 'a' with 'x', not even by way of other arms"):
        ranking.preferred("a", "x")
    with pytest.raises(BadArgument, match=r"^arm: there is no 'z': there are"):
        ranking.preferred("z", "x")


def test_separated_groups() -> None:
    both = tallies([Preference("a", "b", "first"), Preference("b", "a", "first"), Preference("b", "c", "first")])
    assert comparable_groups(both) == [("a", "b", "c")]
    assert is_separated(("a", "b", "c"), both)
    tied = tallies([Preference("a", "b", "first"), Preference("b", "c", "first"), Preference("a", "c", "tie")])
    assert not is_separated(("a", "b", "c"), tied)
    assert is_separated(("a", "b"), tallies([Preference("a", "b", "first")]))


OUTCOMES = st.sampled_from(("first", "second", "tie"))
COMPARISONS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), OUTCOMES).filter(lambda one: one[0] != one[1]),
    min_size=1,
    max_size=40,
)


@given(COMPARISONS)
@settings(max_examples=50)
def test_whatever_was_preferred_no_figure_is_lost(drawn: list[tuple[int, int, Outcome]]) -> None:
    ranking = bradley_terry([Preference(f"m{i}", f"m{j}", outcome) for i, j, outcome in drawn], draws=100)
    assert {one.arm for one in ranking.arms} == {arm for group in ranking.groups for arm in group}
    for number in range(len(ranking.groups)):
        group = [one for one in ranking.arms if one.group == number]
        assert sum(one.strength.estimate for one in group) == pytest.approx(0.0, abs=1e-6)
        for one in group:
            assert math.isfinite(one.strength.low)
            assert math.isfinite(one.strength.high)
            assert 1 <= one.best_rank <= one.worst_rank <= len(group)


def test_the_same_seed_gives_the_same_ranking() -> None:
    preferences = games(WINS, TEAMS)
    assert bradley_terry(preferences, seed=3) == bradley_terry(preferences, seed=3)
    shuffled = random.Random(1).sample(preferences, len(preferences))
    assert bradley_terry(shuffled, draws=100).groups == bradley_terry(preferences, draws=100).groups


def test_bad_input_is_named() -> None:
    with pytest.raises(BadArgument, match=r"^preferences: comparison 0 is of 'a' with itself"):
        bradley_terry([Preference("a", "a", "tie")])
    with pytest.raises(NotEstimable, match=r"^preferences: there are none"):
        bradley_terry([])


def test_matrices() -> None:
    rng = np.random.default_rng(7)
    root = rng.normal(size=(6, 6))
    matrix = root @ root.T
    assert np.allclose(cholesky(matrix.tolist()), np.linalg.cholesky(matrix))
    assert np.allclose(inverse(matrix.tolist()), np.linalg.inv(matrix))
    assert np.allclose(times(matrix.tolist(), root.tolist()), matrix @ root)
    # One direction without variance: the factor still gives the matrix back.
    flat = root[:, :3] @ root[:, :3].T
    lower = np.array(cholesky(flat.tolist()))
    assert np.allclose(lower @ lower.T, flat, atol=1e-5)
