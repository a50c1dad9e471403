"""Confidence sequences: the arithmetic, what is kept, and that no look is one too many."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.statistics.betting import BETS, BoundedMean, SequenceState
from gateway.compare.statistics.errors import BadArgument, NotEstimable
from tests.compare.peeking import log_e_values

VALUES = st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=40)


def fed(values: list[float], bounds: tuple[float, float] = (-1.0, 1.0), null: float = 0.0) -> BoundedMean:
    made = BoundedMean(bounds, null)
    for value in values:
        made.observe(value)
    return made


@given(VALUES)
def test_the_e_value_is_what_the_bets_gained(values: list[float]) -> None:
    """Written as it is explained: capital per bet, one factor per value."""
    for null in (0.0, 0.3):
        bets = [*BETS, *(-bet for bet in BETS)]
        capital = [math.prod((1 + bet * x) / (1 + bet * null) for x in values) for bet in bets]
        found = fed(values, null=null).reading()
        assert found.e_value == pytest.approx(sum(capital) / len(bets), rel=1e-6)


def test_bulk_arithmetic_is_the_same() -> None:
    """What the false alarms are counted with."""
    rng = np.random.default_rng(9)
    drawn = rng.choice([-1.0, 0.0, 0.0, 1.0], (5, 60))
    bulk = log_e_values(drawn)
    for row, expected in zip(drawn.tolist(), bulk, strict=True):
        made = BoundedMean((-1.0, 1.0))
        for value, log_e in zip(row, expected, strict=True):
            made.observe(value)
            assert math.log(made.reading().e_value) == pytest.approx(log_e, abs=1e-9)


@given(VALUES, st.sampled_from([0.8, 0.95, 0.99]))
def test_limits_are_where_the_evidence_begins(values: list[float], level: float) -> None:
    made = fed(values)
    found, enough = made.reading(level), 2.0 / (1.0 - level)
    assert -1.0 <= found.low <= found.estimate <= found.high <= 1.0
    assert 0.0 <= found.p_value <= 1.0
    if found.low > -1.0 and found.low < found.estimate:
        assert made.evidence("above", found.low) == pytest.approx(enough, rel=1e-3)
    if found.high < 1.0 and found.high > found.estimate:
        assert made.evidence("below", found.high) == pytest.approx(enough, rel=1e-3)


@given(VALUES)
def test_the_scale_does_not_matter(values: list[float]) -> None:
    one = fed(values).reading()
    other = fed([10.0 + 5.0 * value for value in values], (5.0, 15.0), 10.0).reading()
    assert (other.low, other.high) == pytest.approx((10.0 + 5.0 * one.low, 10.0 + 5.0 * one.high), abs=1e-6)
    assert other.e_value == pytest.approx(one.e_value, rel=1e-6)
    mirrored = fed([-value for value in values]).reading()
    assert (mirrored.low, mirrored.high) == pytest.approx((-one.high, -one.low), abs=1e-9)


@given(VALUES, VALUES)
def test_what_is_kept_is_enough_to_go_on(before: list[float], after: list[float]) -> None:
    kept = msgspec.json.encode(fed(before).state)
    assert len(kept) < 1_200
    resumed = BoundedMean.resumed(msgspec.json.decode(kept, type=SequenceState))
    for value in after:
        resumed.observe(value)
    assert resumed.reading() == fed([*before, *after]).reading()


def test_the_p_value_remembers_the_best_moment() -> None:
    made = fed([1.0] * 20)
    least = made.reading().p_value
    assert least == pytest.approx(1.0 / made.reading().e_value)
    for _ in range(40):
        made.observe(-1.0)
    assert made.reading().p_value == pytest.approx(least)
    assert made.reading().e_value < 1.0 / least


def test_a_million_observations_are_no_trouble() -> None:
    state = SequenceState(
        -1.0, 1.0, 0.0, 1_000_000, 3e4,
        tuple(1e6 * 0.2 * math.log1p(bet) + 1e6 * 0.17 * math.log1p(-bet) for bet in BETS),
        tuple(1e6 * 0.2 * math.log1p(-bet) + 1e6 * 0.17 * math.log1p(bet) for bet in BETS),
    )  # fmt: skip
    found = BoundedMean.resumed(state).reading()
    assert 0.027 < found.low < 0.03 < found.high < 0.033
    assert math.isfinite(found.e_value)


def test_bad_input_is_named() -> None:
    with pytest.raises(BadArgument, match=r"^value: value 0 must be -1 to 1, was 1.5"):
        fed([1.5])
    with pytest.raises(BadArgument, match=r"^value: value 0 must be -1 to 1, was nan"):
        fed([math.nan])
    with pytest.raises(NotEstimable, match=r"^value: nothing was observed yet"):
        BoundedMean().reading()
    with pytest.raises(BadArgument, match=r"^null: value 0 must be 0 to 1, was 2"):
        BoundedMean((0.0, 1.0), 2.0)
    with pytest.raises(BadArgument, match=r"^state: must have 13 bets per side"):
        BoundedMean.resumed(SequenceState(0.0, 1.0, 0.5, above=(0.0,)))
