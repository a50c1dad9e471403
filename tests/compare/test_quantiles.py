"""Quantiles and their limits; costs; and the bootstrap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.statistics.errors import BadArgument, NotEstimable
from gateway.compare.statistics.quantiles import (
    QuantileInterval,
    per_thousand,
    quantile_interval,
    required_for_quantile,
)
from gateway.compare.statistics.resampling import bootstrap_interval

VALUES = st.lists(st.floats(0.0, 100.0), min_size=1, max_size=80)


@given(VALUES, st.floats(0.01, 0.99))
def test_the_estimate_is_numpys(values: list[float], quantile: float) -> None:
    found = quantile_interval(values, quantile)
    assert found.estimate == pytest.approx(np.quantile(values, quantile), abs=1e-9)
    assert found.low is None or found.low <= found.estimate
    assert found.high is None or found.estimate <= found.high


def test_limits_lie_between_the_order_statistics_that_are_wide_enough_and_those_that_are_not() -> None:
    """Of 30 values the 10th and the 21st enclose the median with 95.7 %, the 11th and the 20th with 90.1 %: Conover,
    Practical Nonparametric Statistics, from the binomial distribution."""
    stats = pytest.importorskip("scipy.stats")
    values = list(range(1, 31))
    assert stats.binom.cdf(20, 30, 0.5) - stats.binom.cdf(9, 30, 0.5) == pytest.approx(0.957, abs=5e-4)
    found = quantile_interval(values, 0.5)
    assert found.low is not None
    assert found.high is not None
    assert 10 <= found.low < 11
    assert 20 < found.high <= 21
    assert found.low + found.high == pytest.approx(31)
    # Hettmansperger & Sheather (1986): weight (n - r) I / (r + (n - 2 r) I) on the inner one.
    outer, inner = (stats.binom.cdf(30 - r, 30, 0.5) - stats.binom.cdf(r - 1, 30, 0.5) for r in (10, 11))
    share = (outer - 0.95) / (outer - inner)
    assert found.low == pytest.approx(10 + 20 * share / (10 + 10 * share))


def test_what_values_do_not_reach_is_not_made_up() -> None:
    values = [float(value) for value in range(100)]
    found = quantile_interval(values, 0.99)
    assert found.high is None
    assert found.low is not None
    assert quantile_interval(values, 0.01).low is None
    assert quantile_interval([3.0], 0.5) == QuantileInterval(0.5, 3.0, None, None, 0.95, 1)
    least = required_for_quantile(0.99)
    assert least == 368
    assert quantile_interval([*range(least)], 0.99).high is not None
    assert quantile_interval([*range(least - 1)], 0.99).high is None


@given(VALUES, st.floats(0.05, 0.95))
def test_the_mirror_image_has_mirrored_limits(values: list[float], quantile: float) -> None:
    found, turned = quantile_interval(values, quantile), quantile_interval([-v for v in values], 1.0 - quantile)
    if found.high is not None and turned.low is not None:
        assert turned.low == pytest.approx(-found.high, abs=1e-6)


def test_cost_per_thousand() -> None:
    found = per_thousand([0.001, 0.002, 0.0015, 0.004])
    assert found.estimate == pytest.approx(2.125)
    assert found.low < 2.125 < found.high


def test_bootstrap_against_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(8).gamma(2.0, 1.0, 40)
    for method, name in (("percentile", "percentile"), ("bca", "BCa")):
        expected = stats.bootstrap(
            (values,), np.mean, n_resamples=20_000, method=name, rng=np.random.default_rng(1)
        ).confidence_interval
        found = bootstrap_interval(values.tolist(), method=method, resamples=8_000, seed=2)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.03)
        assert found.method == f"bootstrap_{method}"


def test_bootstrap_of_clusters_draws_whole_ones() -> None:
    values = [float(cluster) for cluster in range(10) for _ in range(20)]
    clusters = [cluster for cluster in range(10) for _ in range(20)]
    alone, grouped = (bootstrap_interval(values, clusters=which, resamples=500) for which in (None, clusters))
    assert grouped.half_width > 3.0 * alone.half_width
    assert (grouped.clusters, alone.clusters) == (10, None)
    assert bootstrap_interval(values, clusters=clusters, resamples=500) == grouped


def test_bootstrap_of_any_figure() -> None:
    found = bootstrap_interval([1.0, 2.0, 3.0, 4.0, 100.0] * 6, lambda some: sorted(some)[len(some) // 2])
    assert found.estimate == 3.0
    assert 2.0 <= found.low <= 3.0 <= found.high <= 4.0
    # Values that are all the same.
    same = bootstrap_interval([0.5] * 10, resamples=200)
    assert (same.low, same.high) == (0.5, 0.5)


def test_bad_input_is_named() -> None:
    with pytest.raises(BadArgument, match=r"^quantile: must lie between 0 and 1"):
        quantile_interval([1.0], 95)
    with pytest.raises(NotEstimable, match=r"^values: needs 1 or more values"):
        quantile_interval([], 0.5)
    with pytest.raises(BadArgument, match=r"^resamples: must be a whole number, 100 or more"):
        bootstrap_interval([1.0, 2.0], resamples=10)
    with pytest.raises(BadArgument, match=r"^statistic: must be a finite number, was nan"):
        bootstrap_interval([1.0, 2.0], lambda _: float("nan"))
