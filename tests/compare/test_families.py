"""Many comparisons at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.statistics.errors import BadArgument
from gateway.compare.statistics.families import benjamini_hochberg, family_level, holm

# Benjamini & Hochberg (1995), section 3.2: fifteen comparisons of two treatments of myocardial infarction.
THROMBOLYSIS = (
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0
)  # fmt: skip
P_VALUES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30)


def test_the_published_example() -> None:
    """Bonferroni rejects three of them and so does Holm; Benjamini and Hochberg's procedure rejects four."""
    assert sum(p <= 0.05 for p in holm(THROMBOLYSIS)) == 3
    assert sum(q <= 0.05 for q in benjamini_hochberg(THROMBOLYSIS)) == 4


def test_by_hand() -> None:
    assert holm([0.01, 0.02, 0.03, 0.005]) == pytest.approx((0.03, 0.04, 0.04, 0.02))
    assert benjamini_hochberg([0.01, 0.02, 0.03, 0.005]) == pytest.approx((0.02, 0.08 / 3, 0.03, 0.02))
    assert (holm([]), benjamini_hochberg([])) == ((), ())


@given(P_VALUES)
def test_benjamini_hochberg_against_scipy(p_values: list[float]) -> None:
    stats = pytest.importorskip("scipy.stats")
    assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values), abs=1e-12)


@given(P_VALUES)
def test_adjusting_keeps_the_order_and_is_bounded(p_values: list[float]) -> None:
    for adjust in (holm, benjamini_hochberg):
        found = sorted(zip(p_values, adjust(p_values), strict=True))
        assert all(p <= adjusted <= min(1.0, len(p_values) * p) for p, adjusted in found)
        assert [adjusted for _, adjusted in found] == sorted(adjusted for _, adjusted in found)
    assert all(q <= p for q, p in zip(benjamini_hochberg(p_values), holm(p_values), strict=True))


def test_intervals_that_hold_at_once() -> None:
    assert family_level(0.95, 5) == pytest.approx(0.99)
    assert family_level(0.95, 1) == pytest.approx(0.95)


def test_bad_input_is_named() -> None:
    with pytest.raises(BadArgument, match=r"^p_values: must be 0 to 1, was 1.2"):
        holm([0.1, 1.2])
    with pytest.raises(BadArgument, match=r"^count: must be a whole number, 1 or more"):
        family_level(0.95, 0)
