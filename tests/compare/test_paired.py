"""Two arms on the same cases: intervals and tests against published examples, and what must not depend on the data."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.compare.statistics.errors import BadArgument, NotEstimable
from gateway.compare.statistics.mcnemar import McNemar, mcnemar
from gateway.compare.statistics.paired import averaged, difference_interval, paired_difference, paired_proportions
from gateway.compare.statistics.permutation import sign_flip_p
from gateway.compare.statistics.tango import Discordance, counted, tango_limits
from gateway.compare.statistics.verdicts import decide

# Darwin's plants, crossed less self-fertilised, in eighths of an inch: Fisher, The Design of Experiments (1935), §21.
DARWIN = [49.0, -67.0, 8.0, 16.0, 6.0, 23.0, 28.0, 41.0, 14.0, 29.0, 56.0, 24.0, 75.0, 60.0, -48.0]


def test_a_published_interval() -> None:
    """Airways of 21 children before and after a transplantation: Fagerland, Lydersen & Laake, Statistics in Medicine 33
    (2014), table IV: Tango's interval is -0.517 to -0.026; the p-values are theirs of 2013: 0.070 exact, 0.039 mid-p."""
    found = paired_proportions(1, 7, 21)
    assert (found.interval.low, found.interval.high) == pytest.approx((-0.517, -0.026), abs=5e-4)
    assert (found.better, found.worse, found.same) == (1, 7, 13)
    assert found.p_value == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar(1, 7).mid == pytest.approx(0.0391, abs=5e-5)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_tangos_limits_are_where_the_score_test_stops_rejecting(b: int, c: int, same: int) -> None:
    """With the restricted likelihood maximised by search, not by Tango's formula."""
    n = b + c + same
    if not (b + c and same):
        return

    def score(difference: float) -> float:
        low, high = max(0.0, -difference), (1.0 - difference) / 2.0
        shares = np.linspace(low + 1e-9, high - 1e-9, 20_001)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = [
                count * np.log(value) if count else 0.0 * shares
                for count, value in ((b, shares + difference), (c, shares), (same, 1 - 2 * shares - difference))
            ]
        share = shares[int(np.nanargmax(sum(parts)))]
        variance = n * (2 * share + difference * (1 - difference))
        return (b - c - n * difference) / math.sqrt(max(variance, 1e-300))

    low, high = tango_limits(Discordance(b, c, n), 1.959964)
    assert low == pytest.approx(-1.0) or score(low) == pytest.approx(1.96, abs=0.02)
    assert high == pytest.approx(1.0) or score(high) == pytest.approx(-1.96, abs=0.02)


@pytest.mark.parametrize("clusters", [None, list("aabb")])
def test_cases_that_all_differ_by_the_same_tell_no_more_than_their_number(clusters: list[str] | None) -> None:
    """Two cases, or four of two sources, are no proof, however well they agree: Student's t would have no width."""
    n = 4 if clusters else 2
    for difference in (0.3, -0.05):
        found = paired_difference([0.5 + difference] * n, [0.5] * n, clusters=clusters).interval
        assert found.estimate == pytest.approx(difference)
        assert found.low < -0.5 < 0.5 < found.high
        assert decide(found, 0.1).gate == "undecided"
    # Four scores of two sources whose sums are the same, and which differ within them.
    if clusters:
        found = paired_difference([0.5, 0.6, 0.6, 0.5], [0.0] * 4, clusters=clusters).interval
        assert found.low < 0.0
    many = paired_difference([0.8] * 400, [0.5] * 400).interval
    assert 0.28 < many.low < 0.3 < many.high < 0.31


def test_without_any_discordant_case_there_is_still_a_width() -> None:
    """The limit is quantile² / (n + quantile²): some 0.037 for a hundred cases, as Wilson's for none of a hundred."""
    found = paired_proportions(0, 0, 100).interval
    assert (found.low, found.high) == pytest.approx((-3.8415 / 103.8415, 3.8415 / 103.8415), abs=1e-5)


def test_fishers_exact_sign_flips() -> None:
    """Fisher counted 863 of the 32,768 ways to sign Darwin's differences as far to one side: 1,726 to either."""
    assert sign_flip_p(DARWIN) == 1_726 / 32_768


def test_drawn_sign_flips_are_near_the_exact_ones() -> None:
    rng = np.random.default_rng(4)
    exact = [*rng.normal(0.5, 1.0, 16).tolist()]
    p = sign_flip_p(exact)
    drawn = sign_flip_p([*exact, *([1e-13] * 20)], draws=20_000, seed=1)
    assert drawn == pytest.approx(p, abs=4 * math.sqrt(p / 20_000))
    assert sign_flip_p([1.0] * 40, draws=999) == 1 / 1_000
    assert sign_flip_p([0.0, 0.0]) == 1.0
    assert sign_flip_p([0.3]) == 1.0


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=9))
@settings(max_examples=50)
def test_sign_flips_against_scipy(differences: list[int]) -> None:
    stats = pytest.importorskip("scipy.stats")
    moved = [float(d) for d in differences if d]
    if len(moved) < 2:
        return
    result = stats.permutation_test((moved,), np.sum, permutation_type="samples", n_resamples=np.inf)
    expected = np.mean(np.abs(result.null_distribution) >= abs(sum(moved)) - 1e-9)
    assert sign_flip_p(differences) == pytest.approx(expected)


def test_mcnemar_against_the_binomial_test() -> None:
    stats = pytest.importorskip("scipy.stats")
    for b, c in ((0, 5), (1, 9), (4, 4), (30, 12), (0, 1), (150, 200)):
        expected = stats.binomtest(b, b + c).pvalue
        assert mcnemar(b, c).exact == pytest.approx(expected)
        assert 0.0 < mcnemar(b, c).mid <= expected
    # What was observed counts by half: of equal counts, from the whole of both sides.
    assert mcnemar(4, 4).mid == pytest.approx(1.0 - 70 / 256 / 2)
    assert mcnemar(0, 0) == McNemar(0, 0, 1.0, 1.0)


def test_pass_and_fail_come_out_the_same_as_counts_or_as_scores() -> None:
    candidate, baseline = [1, 1, 0, 1, 1, 0] * 10, [0, 1, 0, 1, 0, 1] * 10
    found = paired_difference(candidate, baseline)
    assert found == paired_proportions(20, 10, 60)
    assert found.test == "mcnemar_exact"
    points = paired_difference([5 * one for one in candidate], [5 * one for one in baseline], bounds=(0.0, 5.0))
    assert points.interval.low == pytest.approx(5 * found.interval.low)


def test_repeats_are_averaged_before_they_are_compared() -> None:
    answers = [[1, 1, 0, 1], [0, 0, 0, 1], [1, 1, 1, 1]]
    assert averaged(answers) == [0.75, 0.25, 1.0]
    with pytest.raises(NotEstimable, match=r"^repeats: case 1 has no answer"):
        averaged([[1.0], []])
    once = paired_difference([0.75, 0.25, 1.0] * 10, [0.5, 0.25, 0.5] * 10)
    assert once.interval.n == 30


def test_the_method_follows_the_data() -> None:
    rng = np.random.default_rng(5)
    dense, sparse = rng.uniform(-0.3, 0.3, 60), np.where(rng.random(60) < 0.2, rng.uniform(-1, 1, 60), 0.0)
    sources = (np.arange(60) // 3).tolist()
    assert difference_interval(dense.tolist()).method == "hall_t"
    assert difference_interval(sparse.tolist()).method == "tango_t"
    assert difference_interval(dense.tolist(), clusters=sources).method == "cluster_t"
    assert difference_interval(sparse.tolist(), clusters=sources).method == "cluster_tango_t"


def test_scores_counted_as_whole_ones_keep_mean_and_variance() -> None:
    differences = [0.5, -0.25, 1.0, 0.0, 0.0, 0.25]
    found = counted(differences, 1.0, 6.0)
    mean = (found.better - found.worse) / found.n * found.size
    square = (found.better + found.worse) / found.n * found.size**2
    assert mean == pytest.approx(np.mean(differences))
    assert square == pytest.approx(np.mean(np.square(differences)))
    assert counted([1.0, -1.0, 0.0], 1.0, 3.0) == Discordance(1.0, 1.0, 3.0, 1.0)
    assert counted([0.0, 0.0], 0.5, 2.0) == Discordance(0.0, 0.0, 2.0, 0.5)


SCORES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=40)


@given(SCORES, st.booleans())
@settings(max_examples=50)
def test_swapping_the_arms_turns_every_sign(pairs: list[tuple[int, int]], in_clusters: bool) -> None:
    first, second = ([one / 6 for one in column] for column in zip(*pairs, strict=True))
    clusters = [at % 3 for at in range(len(pairs))] if in_clusters and len(pairs) > 3 else None
    found = paired_difference(first, second, clusters=clusters).interval
    turned = paired_difference(second, first, clusters=clusters).interval
    assert (turned.estimate, turned.low, turned.high) == pytest.approx(
        (-found.estimate, -found.high, -found.low), abs=1e-9
    )


@given(SCORES, st.booleans())
@settings(max_examples=50)
def test_an_interval_holds_its_estimate_within_the_scale(pairs: list[tuple[int, int]], in_clusters: bool) -> None:
    first, second = ([one / 6 for one in column] for column in zip(*pairs, strict=True))
    clusters = [at % 3 for at in range(len(pairs))] if in_clusters and len(pairs) > 3 else None
    found = paired_difference(first, second, clusters=clusters)
    assert -1.0 <= found.interval.low <= found.interval.estimate <= found.interval.high <= 1.0
    assert 0.0 < found.p_value <= 1.0
    assert found.better + found.worse + found.same == len(pairs)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 200), st.sampled_from([0.9, 0.95, 0.99]))
def test_interval_and_test_agree_about_no_difference(b: int, c: int, same: int, level: float) -> None:
    """What the exact test rejects the interval leaves out; what it leaves out, the mid-p test rejects."""
    found, test = paired_proportions(b, c, b + c + same, level), mcnemar(b, c)
    if test.exact <= 1.0 - level:
        assert not found.interval.holds(0.0)
    if not found.interval.holds(0.0):
        assert test.mid <= 1.0 - level


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 60))
def test_one_more_better_case_moves_the_limits_up(b: int, c: int, same: int) -> None:
    n = b + c + same + 1
    before, after = (tango_limits(Discordance(one, c, n), 1.96) for one in (b, b + 1))
    assert before[0] <= after[0] + 1e-9
    assert before[1] <= after[1] + 1e-9


def test_bad_input_is_named() -> None:
    with pytest.raises(BadArgument, match=r"^baseline: must have as many entries as there are cases: 2 and 1"):
        paired_difference([1, 0], [1])
    with pytest.raises(BadArgument, match=r"^candidate: value 0 must be 0 to 1, was 3"):
        paired_difference([3, 0], [1, 0])
    with pytest.raises(BadArgument, match=r"^worse: must be 7 at most, was 8"):
        paired_proportions(3, 8, 10)
    with pytest.raises(NotEstimable, match="needs 2 or more values"):
        paired_difference([0.5], [0.4])
    with pytest.raises(BadArgument, match=r"^differences: value 0 must be -0.5 to 0.5"):
        difference_interval([0.7, 0.1], most=0.5)
    with pytest.raises(BadArgument, match=r"^draws: must be a whole number, 99 or more"):
        sign_flip_p([1.0], draws=3)
