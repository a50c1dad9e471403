"""How many cases it takes: against published tables, and as a function that goes the right way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.compare.statistics.errors import BadArgument, NotEstimable
from gateway.compare.statistics.paired import paired_proportions
from gateway.compare.statistics.planning import (
    detectable_difference,
    gate_power,
    gate_required_n,
    pairs_power,
    pairs_required_n,
    power,
    required_n,
    variance_components,
    variance_of_pairs,
    variance_of_scores,
)


@pytest.mark.parametrize(
    ("effect", "level", "asked", "n"),
    [(0.2, 0.95, 0.8, 199), (0.5, 0.95, 0.8, 34), (0.8, 0.95, 0.8, 15), (0.5, 0.95, 0.95, 54)],
)
def test_cases_of_a_paired_t_test(effect: float, level: float, asked: float, n: int) -> None:
    """As G*Power 3 gives them for matched pairs, two-sided (Faul et al. 2007)."""
    assert required_n(effect, 1.0, level=level, power=asked) == n
    assert power(n, effect, 1.0, level=level) >= asked > power(n - 1, effect, 1.0, level=level)


def test_millers_formula() -> None:
    """Miller (2024), section 5: n = (z + z)² (ω² + σ²_A/K_A + σ²_B/K_B) / δ²; a few more, for Student's t."""
    variance = variance_of_scores(1 / 9, 1 / 6, 1 / 6, repeats=1)
    assert variance == pytest.approx(1 / 9 + 1 / 3)
    n = required_n(0.03, variance)
    assert n == pytest.approx((1.959964 + 0.841621) ** 2 * variance / 0.03**2, abs=3)
    assert required_n(0.03, variance_of_scores(1 / 9, 1 / 6, 1 / 6, repeats=10)) < 0.35 * n


def test_the_detectable_difference_is_the_one_that_needs_so_many_cases() -> None:
    for n in (12, 50, 400):
        least = detectable_difference(n, 0.3)
        assert required_n(least, 0.3) == n


def test_clusters_take_more_cases() -> None:
    assert required_n(0.1, 0.2, design_effect=3.0) == pytest.approx(3 * required_n(0.1, 0.2), rel=0.02)


@given(st.floats(0.02, 0.5), st.floats(0.05, 1.0), st.floats(0.55, 0.95))
@settings(max_examples=25)
def test_power_rises_with_cases_and_with_the_difference(difference: float, variance: float, asked: float) -> None:
    n = required_n(difference, variance, power=asked)
    assert power(n, difference, variance) >= asked
    assert power(2 * n, difference, variance) >= power(n, difference, variance)
    assert power(n, 1.2 * difference, variance) >= power(n, difference, variance)
    assert power(n, -difference, variance) == power(n, difference, variance)
    assert required_n(difference, 2 * variance, power=asked) >= n


def test_a_gate_is_a_test_against_the_margin() -> None:
    n = gate_required_n(0.05, 0.2)
    assert gate_power(n, 0.05, 0.2) >= 0.8 > gate_power(n - 1, 0.05, 0.2)
    assert n == required_n(0.05, 0.2)
    assert gate_required_n(0.05, 0.2, difference=0.02) < n < gate_required_n(0.05, 0.2, difference=-0.02)
    # A candidate that is worse by the margin passes in 2.5 of 100 comparisons.
    assert gate_power(500, 0.05, 0.2, difference=-0.05) == pytest.approx(0.025, abs=1e-4)


@pytest.mark.parametrize(("n", "better", "worse"), [(30, 0.3, 0.05), (100, 0.15, 0.05), (60, 0.02, 0.2)])
def test_power_of_pass_and_fail_counts_every_outcome(n: int, better: float, worse: float) -> None:
    """By adding up the probability of every table whose interval leaves 0 out, on the right side."""
    stats = pytest.importorskip("scipy.stats")
    b, c = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    fits = b + c <= n
    cells = np.stack([b[fits], c[fits], n - b[fits] - c[fits]], axis=1)
    chances = stats.multinomial.pmf(cells, n, [better, worse, 1 - better - worse])
    likely = chances > 1e-7
    total = 0.0
    for (one, other, _), chance in zip(cells[likely].tolist(), chances[likely].tolist(), strict=True):
        found = paired_proportions(one, other, n).interval
        total += chance * (found.low > 0 if better > worse else found.high < 0)
    assert pairs_power(n, better, worse) == pytest.approx(total, abs=2e-3)


def test_cases_for_pass_and_fail() -> None:
    """Connor (Biometrics 43, 1987): n = (z √ψ + z √(ψ - Δ²))² / Δ², to within a few cases."""
    for better, worse in ((0.15, 0.05), (0.08, 0.04), (0.3, 0.1)):
        n = pairs_required_n(better, worse)
        shares, gap = better + worse, better - worse
        connor = (1.959964 * shares**0.5 + 0.841621 * (shares - gap**2) ** 0.5) ** 2 / gap**2
        assert n == pytest.approx(connor, rel=0.05, abs=4)
        assert pairs_power(n, better, worse) >= 0.8
    assert variance_of_pairs(0.15, 0.05) == pytest.approx(0.19)


def test_more_repeats_or_more_cases() -> None:
    """Components come back out of answers that were made with them."""
    rng = np.random.default_rng(6)
    cases, repeats = 4_000, 4
    difference = rng.normal(0.0, 0.3, (cases, 1))
    candidate = difference + rng.normal(0.0, 0.2, (cases, repeats))
    baseline = rng.normal(0.0, 0.5, (cases, repeats))
    found = variance_components(candidate.tolist(), baseline.tolist())
    assert found.between == pytest.approx(0.09, rel=0.15)
    assert found.within_candidate == pytest.approx(0.04, rel=0.05)
    assert found.within_baseline == pytest.approx(0.25, rel=0.05)
    with pytest.raises(NotEstimable, match=r"^candidate: needs two or more answers to every case"):
        variance_components([[1.0], [0.0]], [[1.0, 0.0], [1.0, 0.0]])
    with pytest.raises(NotEstimable, match=r"^candidate: needs two or more cases"):
        variance_components([[1.0, 0.0]], [[1.0, 0.0]])


def test_bad_input_is_named() -> None:
    with pytest.raises(BadArgument, match=r"^difference: must not be 0"):
        required_n(0.0, 1.0)
    with pytest.raises(BadArgument, match=r"^variance: must be a finite number above 0"):
        power(10, 0.1, 0.0)
    with pytest.raises(BadArgument, match=r"^difference: must be above -margin, -0.05"):
        gate_required_n(0.05, 0.2, difference=-0.05)
    with pytest.raises(BadArgument, match=r"^better: and worse must be shares"):
        pairs_required_n(0.7, 0.5)
    with pytest.raises(BadArgument, match=r"^better: must differ from worse"):
        pairs_power(100, 0.1, 0.1)
    with pytest.raises(BadArgument, match=r"^design_effect: must be 1 or more"):
        power(10, 0.1, 1.0, design_effect=0.5)
    with pytest.raises(NotEstimable, match=r"^difference: would need some"):
        required_n(1e-6, 1.0)
