"""The parts of live comparisons: runs of calls, units that count once, quantiles in little memory."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.live.comparing import Comparison
from gateway.compare.live.contrasts import FIRST, Contrast, Scale
from gateway.compare.live.designs import Went, values_of
from gateway.compare.live.measures import measure_of
from gateway.compare.live.pairing import MOST, Pairing
from gateway.compare.live.sketch import Sketch
from gateway.compare.live.units import Seen, Units
from gateway.compare.statistics.betting import BoundedMean

SUCCESS = measure_of("success", {}, 0.05, primary=True)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1))))
def test_a_run_is_of_neighbours_and_depends_on_arms_alone(calls: Sequence[tuple[bool, float]]) -> None:
    pairing, other = Pairing(), Pairing()
    for candidate, value in calls:
        found = pairing.add(value, candidate=candidate)
        # Whatever the values are, runs end at the same calls.
        assert (other.add(1.0, candidate=candidate) is None) is (found is None)
        assert found is None or all(0.0 <= one <= 1.0 for one in found)


def test_of_an_arm_that_waits_the_last_calls_count() -> None:
    pairing = Pairing()
    for value in [0.0] * 100 + [1.0] * MOST:
        assert pairing.add(value, candidate=False) is None
    assert pairing.add(0.5, candidate=True) is None
    assert pairing.add(0.5, candidate=True) == (0.5, 1.0)


def test_a_unit_counts_once_by_the_mean_of_its_time() -> None:
    units = Units(window_ns=10)

    def seen(arm: str, unit: str | None, at: int, value: float) -> list[Seen]:
        return list(units.add(Seen(arm, unit, at, (value, None))))

    assert seen("a", "u", 0, 1.0) == []
    assert seen("b", None, 1, 0.5) == [Seen("b", None, 1, (0.5, None))]
    assert seen("a", "u", 5, 0.0) == []
    assert seen("b", "u", 6, 1.0) == []  # he has moved on; he counts for where he began
    assert seen("a", "v", 10, 1.0) == [Seen("a", "u", 0, (0.5, None))]
    assert seen("a", "u", 12, 1.0) == []
    assert list(units.until(19)) == []
    assert list(units.until(20)) == [Seen("a", "v", 10, (1.0, None))]


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=60), st.randoms())
def test_many_values_at_once_come_to_the_same_as_one_by_one(values: list[float], order: random.Random) -> None:
    one, other = BoundedMean((-1.0, 1.0)), BoundedMean((-1.0, 1.0))
    for value in values:
        one.observe(value)
    for value in set(values):
        other.observe(value, values.count(value))
    assert (one.n, round(one.estimate, 9)) == (other.n, round(other.estimate, 9))
    assert abs(one.limit("above", 0.05) - other.limit("above", 0.05)) < 1e-9
    assert abs(one.e_value / other.e_value - 1) < 1e-9


@given(st.lists(st.floats(1e-4, 1e4), min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_quantiles_are_within_two_percent_of_a_value(values: list[float], share: float) -> None:
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    exact = sorted(values)[max(1, -int(-share * len(values) // 1)) - 1]
    assert abs(sketch.quantile(share) / exact - 1) < 0.02


def test_a_scale_is_found_from_the_first_calls_and_cuts_what_is_beyond() -> None:
    scale = Scale(measure_of("latency", {}, None, primary=False))
    assert [scale.fitted(1.0) for _ in range(FIRST)] == [None] * FIRST
    assert (scale.fitted(1.5), scale.fitted(900.0), scale.limit) == (1.5, 2.0, 2.0)


HALVES = {"a": 0.5, "b": 0.5}


def test_a_call_counts_by_the_inverse_of_its_arms_share_and_a_time_as_a_part_of_the_bases() -> None:
    latency = measure_of("latency", {}, 0.2, primary=False)
    comparison = Comparison([SUCCESS, latency], "a", ["b"], least_share=0.2)
    die, shares = random.Random(5), {"a": 0.8, "b": 0.2}
    for _ in range(8_000):
        arm = "b" if die.random() < shares["b"] else "a"
        comparison.see_weighted(
            arm, (float(die.random() < (0.9 if arm == "a" else 0.6)), die.uniform(0.9, 1.1)), shares
        )
    (one,) = comparison.differences()
    assert one.interval is not None
    assert abs(one.interval.estimate + 0.3) < 0.03
    assert (one.word, one.guards[0].state) == ("worse", "kept")


@pytest.mark.parametrize(("least", "word"), [(100, "worse"), (101, "inconclusive")])
def test_nothing_is_claimed_of_fewer_than_it_must_be(least: int, word: str) -> None:
    comparison = Comparison([SUCCESS], "a", ["b"], least=least)
    for number in range(400):
        comparison.see("ab"[number % 2], (float(number % 2 == 0),))
    (one,) = comparison.differences()
    assert (one.word, one.pairs) == (word, 100)


def test_whoever_hung_up_does_not_say_how_it_would_have_ended() -> None:
    measures = [SUCCESS, *(measure_of(name, {}, None, primary=False) for name in ("error_rate", "latency", "cost"))]
    assert set(values_of(Went("cancelled", "", 0, 1_000, 2_000, 5), measures)) == {None}
    assert values_of(Went("failed", "", 0, None, 2_000, 5), measures) == (0.0, 1.0, None, None)
    assert values_of(Went("completed", "", 0, None, 2_000_000, 5, own=False), measures) == (0.0, 1.0, 2.0, 5.0)


def test_of_an_arm_that_nothing_is_known_of_nothing_is_claimed_by_shares_either() -> None:
    cost = measure_of("cost", {}, 0.2, primary=False)
    comparison = Comparison([SUCCESS, cost], "a", ["b"], least_share=0.5)
    for number in range(2_000):
        arm = "ab"[number % 2]
        comparison.see_weighted(arm, (1.0, 1.0 + number % 7 if arm == "a" else None), HALVES)
    (one,) = comparison.differences()
    assert (one.pairs, one.guards[0].state, one.guards[0].pairs) == (1_000, "open", 0)


def test_who_says_more_of_one_arms_answers_keeps_no_guard_from_being_judged() -> None:
    thumbs = measure_of("thumbs", {}, 0.02, primary=True)
    errors = measure_of("error_rate", {}, 0.02, primary=False)
    comparison = Comparison([thumbs, errors], "a", ["b"], least_share=0.5)
    for number in range(4_000):
        arm = "ab"[number % 2]
        comparison.see_weighted(arm, (None, float(arm == "b" and number % 4 == 1)), HALVES)
    for number in range(1_000):
        comparison.see_weighted("aaab"[number % 4], (1.0, None), HALVES)
    (one,) = comparison.differences()
    assert (one.judged, one.word, comparison.fits(0), comparison.fits(1)) == (False, "inconclusive", False, True)
    assert one.guards[0].state == "broken"


def test_costs_that_are_all_nothing_are_no_trouble() -> None:
    scale = Scale(measure_of("cost", {}, None, primary=False))
    for _ in range(FIRST):
        scale.fitted(0.0)
    assert scale.fitted(0.0) == 0.0
    assert scale.limit == 1.0


def test_the_better_side_is_the_metrics_own() -> None:
    latency = Contrast(measure_of("latency", {}, 0.1, primary=True), (0.0, 2.0))
    success = Contrast(SUCCESS, (0.0, 1.0))
    for _ in range(400):
        latency.add(0.5, 1.0)
        success.add(0.5, 1.0)
    assert latency.is_better(0.01)
    assert latency.is_beyond(0.01, better=True)
    assert latency.is_within(0.01, better=False)
    assert success.is_worse(0.01)
    assert success.is_beyond(0.01, better=False)
    assert not success.is_within(0.01, better=False)
