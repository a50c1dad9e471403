"""Means and their intervals, alone and in clusters."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.compare.statistics.clusters import cluster_variance, groups_of
from gateway.compare.statistics.errors import BadArgument, NotEstimable
from gateway.compare.statistics.interval import scaled
from gateway.compare.statistics.means import mean_interval
from gateway.compare.statistics.proportions import wilson
from gateway.compare.statistics.skewness import moments, skew_corrected

SCORES = st.lists(st.floats(0.0, 1.0), min_size=2, max_size=60)


def test_a_symmetric_sample_has_students_interval() -> None:
    """Values placed evenly about 0.4: no skew to correct. Student's interval, by scipy."""
    stats = pytest.importorskip("scipy.stats")
    values = [0.4 + step / 40 for step in range(-10, 11)]
    found = mean_interval(values)
    expected = stats.t.interval(0.95, 20, np.mean(values), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected)
    assert (found.method, found.degrees_of_freedom) == ("hall_t", 20)
    assert found.standard_error == pytest.approx(stats.sem(values))


def test_a_skewed_sample_is_read_towards_its_tail() -> None:
    """The transform is what Hall (1992) gives, here evaluated forwards: at the limits it is the t quantile."""
    values = np.random.default_rng(1).exponential(1.0, 25).tolist()
    found, quantile = moments(values), 2.0638986
    slope = found.skew / math.sqrt(found.n)
    for limit, target in zip(skew_corrected(found, quantile), (quantile, -quantile), strict=True):
        t = (found.mean - limit) / found.error
        assert t + slope * t**2 / 3 + slope**2 * t**3 / 27 + slope / 6 == pytest.approx(target, abs=1e-6)
    made = mean_interval(values)
    assert made.high - made.estimate > 1.2 * (made.estimate - made.low)


def test_passes_and_failures_have_wilsons_interval() -> None:
    for passed in (0, 3, 50, 97, 100):
        values = [1.0] * passed + [0.0] * (100 - passed)
        found, expected = mean_interval(values, bounds=(0.0, 1.0)), wilson(passed, 100)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
        points = mean_interval([5.0 * value for value in values], bounds=(0.0, 5.0))
        assert (points.low, points.high) == pytest.approx((5 * expected.low, 5 * expected.high))


def test_clusters_of_one_size_have_the_textbook_error() -> None:
    """The sandwich times g / (g - 1), with g - 1 degrees of freedom: Miller (2024), and Inspect's `stderr(cluster=)`."""
    rng = np.random.default_rng(2)
    table = rng.normal(0.5, 0.1, (12, 4)) + rng.normal(0.0, 0.1, (12, 1))
    found = mean_interval(table.ravel().tolist(), clusters=np.repeat(np.arange(12), 4).tolist())
    sums = (table - table.mean()).sum(axis=1)
    expected = math.sqrt(12 / 11 * (sums**2).sum()) / 48
    assert found.standard_error == pytest.approx(expected)
    assert found.degrees_of_freedom == pytest.approx(11)
    assert (found.clusters, found.method) == (12, "cluster_t")
    assert found.half_width == pytest.approx(2.200985 * expected, rel=1e-5)


@pytest.mark.parametrize("sizes", [(1, 2, 3, 9), (5, 5, 5), (1, 1, 1, 40), (2, 7, 1, 1, 3, 8)])
def test_clusters_of_different_sizes_have_bell_and_mccaffreys(sizes: tuple[int, ...]) -> None:
    """With matrices, as Bell & McCaffrey (2002) and Imbens & Kolesár (2016) write it."""
    n = sum(sizes)
    rng = np.random.default_rng(sum(sizes))
    values = rng.random(n)
    which = np.repeat(np.arange(len(sizes)), sizes)
    residual_maker = np.eye(n) - np.full((n, n), 1.0 / n)
    columns = []
    for cluster in range(len(sizes)):
        own = (which == cluster).astype(float)
        columns.append(residual_maker @ own / math.sqrt(1.0 - own.sum() / n) / n)
    a = np.array(columns).T
    alike = (which[:, None] == which[None, :]).astype(float)
    expected_df = []
    for covariance in (np.eye(n), alike):
        middle = a.T @ covariance @ a
        expected_df.append(np.trace(middle) ** 2 / np.trace(middle @ middle))
    found = cluster_variance(groups_of(values.tolist(), which.tolist()))
    assert found.variance == pytest.approx(((a.T @ values) ** 2).sum())
    assert found.degrees_of_freedom == pytest.approx(max(1.0, min(expected_df)))


def test_clusters_of_one_case_change_nothing() -> None:
    values = [step / 40 for step in range(21)]
    alone, clustered = mean_interval(values), mean_interval(values, clusters=range(21))
    assert (clustered.low, clustered.high) == pytest.approx((alone.low, alone.high))


@given(SCORES, st.booleans())
@settings(max_examples=50)
def test_an_interval_holds_its_estimate_within_the_scale(values: list[float], in_clusters: bool) -> None:
    clusters = [at // 3 for at in range(len(values))] if in_clusters and len(values) > 3 else None
    found = mean_interval(values, clusters=clusters, bounds=(0.0, 1.0))
    assert 0.0 <= found.low <= found.estimate <= found.high <= 1.0
    assert not math.isnan(found.standard_error or 0.0)


@given(SCORES, st.booleans())
def test_turning_the_scale_turns_the_interval(values: list[float], in_clusters: bool) -> None:
    values = [0.02 + 0.96 * value for value in values]
    clusters = [at % 3 for at in range(len(values))] if in_clusters and len(values) > 3 else None
    found = mean_interval(values, clusters=clusters, bounds=(0.0, 1.0))
    turned = mean_interval([1.0 - value for value in values], clusters=clusters, bounds=(0.0, 1.0))
    assert (turned.low, turned.high) == pytest.approx((1.0 - found.high, 1.0 - found.low), abs=1e-6)


def test_scores_that_never_vary_are_not_certain() -> None:
    alike = mean_interval([0.5] * 2, bounds=(0.0, 1.0))
    assert alike.low < 0.1 < 0.9 < alike.high
    assert 0.49 < mean_interval([0.5] * 400, bounds=(0.0, 1.0)).low < 0.5
    clusters = mean_interval([0.4, 0.6, 0.6, 0.4], clusters=list("aabb"), bounds=(0.0, 1.0))
    assert clusters.low < 0.1
    found = mean_interval([1.0] * 30, bounds=(0.0, 1.0))
    assert (found.low, found.high) == (pytest.approx(wilson(30, 30).low), 1.0)


def test_scaled() -> None:
    found = mean_interval([1.0, 2.0, 4.0])
    thousand = scaled(found, 1_000.0)
    assert thousand.low == pytest.approx(1_000.0 * found.low)
    assert thousand.standard_error == pytest.approx(1_000.0 * (found.standard_error or 0.0))


def test_bad_input_is_named() -> None:
    with pytest.raises(NotEstimable, match=r"^values: needs 2 or more values, was given 1"):
        mean_interval([1.0])
    with pytest.raises(BadArgument, match=r"^values: value 1 must be a finite number, was nan"):
        mean_interval([1.0, math.nan])
    with pytest.raises(BadArgument, match=r"^values: value 1 must be 0 to 1, was 1.5"):
        mean_interval([1.0, 1.5], bounds=(0.0, 1.0))
    with pytest.raises(BadArgument, match=r"^bounds: must be two finite numbers, the lower one first"):
        mean_interval([1.0, 1.5], bounds=(2.0, 1.0))
