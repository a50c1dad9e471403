"""Better, equivalent, worse, inconclusive; and what it would take to know."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.statistics.errors import BadArgument
from gateway.compare.statistics.interval import Interval
from gateway.compare.statistics.paired import paired_proportions
from gateway.compare.statistics.verdicts import decide


def interval(low: float, high: float, n: int = 100) -> Interval:
    return Interval((low + high) / 2.0, low, high, 0.95, "hall_t", n)


@pytest.mark.parametrize(
    ("low", "high", "verdict", "gate"),
    [
        (0.01, 0.09, "better", "pass"),
        (0.001, 0.01, "better", "pass"),
        (-0.01, 0.01, "equivalent", "pass"),
        # Worse beyond doubt, and by less than matters.
        (-0.019, -0.001, "equivalent", "pass"),
        (-0.03, -0.001, "worse", "fail"),
        (-0.09, -0.05, "worse", "fail"),
        (-0.01, 0.05, "inconclusive", "pass"),
        (-0.03, 0.01, "inconclusive", "undecided"),
        (-0.05, 0.05, "inconclusive", "undecided"),
        (-0.05, 0.0, "inconclusive", "undecided"),
        (-0.02, 0.02, "inconclusive", "undecided"),
    ],
)
def test_the_rule_with_a_margin_of_two_points(low: float, high: float, verdict: str, gate: str) -> None:
    found = decide(interval(low, high), 0.02)
    assert (found.verdict, found.gate) == (verdict, gate)
    assert (found.more_cases == 0) is (verdict != "inconclusive")
    assert (found.more_for_gate == 0) is (gate != "undecided")


LIMITS = st.floats(-1.0, 1.0)


@given(LIMITS, LIMITS, st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_verdict_and_gate_say_the_same(one: float, other: float, margin: float, more: float) -> None:
    made = interval(min(one, other), max(one, other))
    found = decide(made, margin)
    if found.verdict in ("better", "equivalent"):
        assert found.gate == "pass"
    if found.verdict == "worse":
        assert found.gate == "fail"
    assert (found.gate == "pass") is (made.low > -margin)
    if found.gate == "pass":
        assert decide(made, margin + more).gate == "pass"
    if made.high < -margin:
        assert found.verdict == "worse"


@given(LIMITS, st.floats(0.001, 0.5), st.floats(0.001, 0.2))
def test_a_wider_interval_needs_more_cases(at: float, half: float, margin: float) -> None:
    narrow, wide = (decide(interval(at - reach, at + reach), margin) for reach in (half, 1.5 * half))
    if narrow.more_cases and wide.more_cases:
        assert wide.more_cases > narrow.more_cases
    if narrow.more_for_gate and wide.more_for_gate:
        assert wide.more_for_gate > narrow.more_for_gate


def test_about_so_many_more_would_decide_it() -> None:
    """Twelve better and six worse of a hundred: with as many more as said, in the same proportions, it is decided."""
    first = decide(paired_proportions(12, 6, 100).interval, 0.02)
    assert first.verdict == "inconclusive"
    assert first.more_cases is not None
    times = 1.0 + first.more_cases / 100
    later = paired_proportions(round(12 * times), round(6 * times), round(100 * times)).interval
    assert decide(later, 0.02).verdict == "better"
    # With half as many more the estimate would have to be lucky.
    half = decide(paired_proportions(12, 6, 100).interval, 0.02, power=0.5)
    assert half.more_cases is not None
    assert half.more_cases == pytest.approx(0.49 * times * 100 - 100, abs=5)


def test_what_no_number_of_cases_decides() -> None:
    found = decide(interval(-0.1, 0.1), 0.0)
    assert (found.verdict, found.more_cases, found.more_for_gate) == ("inconclusive", None, None)


def test_bad_input_is_named() -> None:
    with pytest.raises(BadArgument, match=r"^margin: must be 0 or more, in the unit of the difference, was -0.1"):
        decide(interval(-0.1, 0.1), -0.1)
    with pytest.raises(BadArgument, match=r"^power: must lie between 0 and 1"):
        decide(interval(-0.1, 0.1), 0.1, power=80)
