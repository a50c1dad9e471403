"""The distributions against scipy's, which are not ours."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.statistics.distributions import (
    beta_quantile,
    binomial_cdf,
    binomial_pmf,
    incomplete_beta,
    noncentral_t_cdf,
    normal_cdf,
    t_quantile,
    t_two_sided,
    two_sided_quantile,
)

stats = pytest.importorskip("scipy.stats")

SHAPES = (0.5, 1.0, 3.0, 40.0, 1e4, 1e6)


@pytest.mark.parametrize("a", SHAPES)
@pytest.mark.parametrize("b", SHAPES)
def test_incomplete_beta(a: float, b: float) -> None:
    for x in (1e-4, 0.01, 0.1, 0.5, 0.9, 0.999, a / (a + b), min(0.9999, 1.01 * a / (a + b))):
        assert incomplete_beta(a, b, x) == pytest.approx(stats.beta.cdf(x, a, b), abs=1e-8), (a, b, x)


@given(st.floats(0.5, 1e4), st.floats(0.5, 1e4), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_incomplete_beta_rises_from_0_to_1(a: float, b: float, x: float, y: float) -> None:
    assert 0.0 <= incomplete_beta(a, b, min(x, y)) <= incomplete_beta(a, b, max(x, y)) + 1e-9 <= 1.0 + 1e-9


@pytest.mark.parametrize("df", [1.0, 1.3, 2.0, 4.6, 29.0, 1e3, 1e6])
def test_student_t(df: float) -> None:
    for probability in (0.5, 0.6, 0.9, 0.975, 0.995, 0.99995):
        expected = stats.t.ppf(probability, df)
        assert t_quantile(probability, df) == pytest.approx(expected, rel=1e-7, abs=1e-9)
        assert t_two_sided(expected, df) == pytest.approx(2.0 * (1.0 - probability), rel=1e-6)


def test_quantiles_of_the_tables() -> None:
    assert two_sided_quantile(0.95) == pytest.approx(1.959964, abs=1e-6)
    assert two_sided_quantile(0.99) == pytest.approx(2.575829, abs=1e-6)
    assert two_sided_quantile(0.95, 29) == pytest.approx(2.04523, abs=1e-5)
    assert two_sided_quantile(0.95, 9) == pytest.approx(2.26216, abs=1e-5)


@pytest.mark.parametrize("df", [1.0, 2.0, 3.5, 30.0, 5e3])
def test_t_off_its_centre(df: float) -> None:
    for centre in (0.0, 1.0, 2.8, 6.0):
        for t in (-2.0, 0.0, 1.96, 4.0):
            assert noncentral_t_cdf(t, df, centre) == pytest.approx(stats.nct.cdf(t, df, centre), abs=1e-6)


@pytest.mark.parametrize("n", [1, 10, 1_000, 100_000])
def test_binomial(n: int) -> None:
    for p in (0.01, 0.5, 0.97):
        for k in {0, 1, n // 2, round(n * p), n - 1, n}:
            assert binomial_cdf(k, n, p) == pytest.approx(stats.binom.cdf(k, n, p), abs=1e-8)
            assert binomial_pmf(k, n, p) == pytest.approx(stats.binom.pmf(k, n, p), rel=1e-7, abs=1e-12)


def test_binomial_at_its_ends() -> None:
    assert (binomial_cdf(-1, 5, 0.5), binomial_cdf(5, 5, 0.5), binomial_pmf(6, 5, 0.5)) == (0.0, 1.0, 0.0)
    assert (binomial_pmf(0, 5, 0.0), binomial_pmf(5, 5, 1.0), binomial_pmf(4, 5, 1.0)) == (1.0, 1.0, 0.0)


@given(st.floats(0.001, 0.999), st.floats(0.5, 500.0), st.floats(0.5, 500.0))
def test_beta_quantile_undoes_the_distribution(probability: float, a: float, b: float) -> None:
    found = beta_quantile(probability, a, b)
    assert incomplete_beta(a, b, math.nextafter(found, 0) - 1e-9) <= probability + 1e-6
    assert incomplete_beta(a, b, found + 1e-9) >= probability - 1e-6


def test_normal() -> None:
    assert normal_cdf(1.959964) == pytest.approx(0.975, abs=1e-7)
    assert normal_cdf(-40.0) >= 0.0
