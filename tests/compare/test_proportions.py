"""Intervals for one proportion, against the tables they were published with."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.compare.statistics.errors import BadArgument, NotEstimable
from gateway.compare.statistics.proportions import clopper_pearson, clustered_proportion, rule_of_three, wilson

# Newcombe, Statistics in Medicine 17 (1998) 857-872, table I: methods 3 (Wilson) and 5 (Clopper-Pearson).
NEWCOMBE = [
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
    (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
    (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
    (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
]


@pytest.mark.parametrize(("passed", "n", "by_wilson", "exact"), NEWCOMBE)
def test_published_intervals(passed: int, n: int, by_wilson: tuple[float, float], exact: tuple[float, float]) -> None:
    found = wilson(passed, n)
    assert (found.low, found.high) == pytest.approx(by_wilson, abs=5e-5)
    assert (found.estimate, found.n, found.method) == (passed / n, n, "wilson")
    found = clopper_pearson(passed, n)
    assert (found.low, found.high) == pytest.approx(exact, abs=5e-5)


def test_rule_of_three() -> None:
    """Hanley & Lippman-Hand, JAMA 249 (1983): 3/n; exactly, the upper limit of the one-sided Clopper-Pearson interval."""
    assert rule_of_three(100) == pytest.approx(0.03, abs=0.001)
    assert rule_of_three(1_000) == pytest.approx(0.003, abs=1e-5)
    assert rule_of_three(50) == pytest.approx(clopper_pearson(0, 50, level=0.90).high)


@given(st.integers(1, 3_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
@settings(max_examples=50)
def test_an_interval_holds_its_estimate_within_0_and_1(counts: tuple[int, int], level: float) -> None:
    passed, n = counts
    for made in (wilson, clopper_pearson):
        found = made(passed, n, level)
        assert 0.0 <= found.low <= found.estimate <= found.high <= 1.0
        turned = made(n - passed, n, level)
        assert (turned.low, turned.high) == pytest.approx((1.0 - found.high, 1.0 - found.low), abs=1e-9)
    inner, outer = wilson(passed, n, level), clopper_pearson(passed, n, level)
    assert inner.low == 0.0 or outer.low < inner.estimate


@given(st.integers(0, 60), st.integers(2, 60))
def test_more_cases_and_lower_levels_make_it_narrower(passed: int, times: int) -> None:
    narrow, wide = wilson(passed * times, 60 * times), wilson(passed, 60)
    assert narrow.half_width < wide.half_width
    assert wilson(passed, 60, 0.8).half_width < wide.half_width


def test_cases_of_one_source_count_as_one() -> None:
    """Every document has ten questions, all passed or all failed: as many as documents is what they are worth."""
    documents = [True] * 30 + [False] * 10
    passed = [one for one in documents for _ in range(10)]
    found = clustered_proportion(passed, [number for number in range(40) for _ in range(10)])
    plain = wilson(30, 40)
    assert (found.clusters, found.n) == (40, 400)
    assert found.half_width == pytest.approx(plain.half_width, rel=0.05)
    assert found.half_width > 2.8 * wilson(300, 400).half_width


def test_independent_cases_are_not_punished_for_having_a_source() -> None:
    rng = random.Random(3)
    passed = [True] * 480 + [False] * 120
    rng.shuffle(passed)
    found = clustered_proportion(passed, [case // 3 for case in range(600)])
    assert found.half_width == pytest.approx(wilson(480, 600).half_width, rel=0.1)


def test_without_any_failure_each_source_counts_once() -> None:
    found = clustered_proportion([True] * 40, [case // 4 for case in range(40)])
    assert found.high == 1.0
    assert found.low < wilson(10, 10).low


def test_bad_input_is_named() -> None:
    with pytest.raises(BadArgument, match=r"^passed: must be 10 at most, was 11") as caught:
        wilson(11, 10)
    assert caught.value.argument == "passed"
    with pytest.raises(BadArgument, match=r"^n: must be a whole number, 1 or more, was 0"):
        wilson(0, 0)
    with pytest.raises(BadArgument, match=r"^level: must lie between 0 and 1"):
        clopper_pearson(1, 2, 95)
    with pytest.raises(BadArgument, match=r"^clusters: must name one cluster per case: 1 for 2 cases"):
        clustered_proportion([True, False], ["a"])
    with pytest.raises(NotEstimable, match=r"^clusters: all cases share one source"):
        clustered_proportion([True, False], ["a", "a"])
