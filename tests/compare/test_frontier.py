"""Quality beside cost: what is dominated, what may be, and the cheapest that will do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.statistics.errors import BadArgument
from gateway.compare.statistics.frontier import Arm, Margins, cheapest_not_worse, frontier, independent_difference
from gateway.compare.statistics.interval import Interval
from gateway.compare.statistics.proportions import wilson


def about(value: float, half: float) -> Interval:
    return Interval(value, value - half, value + half, 0.95, "hall_t", 100)


BIG, MIDDLE, SMALL = (
    Arm("big", about(0.90, 0.02), about(10.0, 0.5), about(2.0, 0.1)),
    Arm("middle", about(0.89, 0.02), about(3.0, 0.2), about(1.0, 0.1)),
    Arm("small", about(0.70, 0.03), about(0.5, 0.1), about(0.4, 0.1)),
)


def test_better_costs_more() -> None:
    assert [one.place for one in frontier([BIG, MIDDLE, SMALL])] == ["efficient"] * 3


def test_a_margin_decides_whether_a_point_is_worth_the_price() -> None:
    """The cheap one is not worse by five points, so that the dear one is dominated: by cost and by latency."""
    found = frontier([BIG, MIDDLE, SMALL], Margins(quality=0.05))
    assert [(one.arm, one.place, one.by) for one in found] == [
        ("big", "dominated", ("middle",)),
        ("middle", "efficient", ()),
        ("small", "efficient", ()),
    ]
    assert found[0].better_on == ("cost", "latency")


def test_estimates_alone_dominate_only_perhaps() -> None:
    other = Arm("other", about(0.88, 0.03), about(3.1, 0.3), about(1.0, 0.2))
    found = frontier([MIDDLE, other])
    assert [(one.place, one.by) for one in found] == [("efficient", ()), ("perhaps_dominated", ("middle",))]


def test_paired_differences_are_believed_before_the_arms_own_intervals() -> None:
    cheap = Arm("cheap", about(0.89, 0.05), about(3.0, 0.2))
    dear = Arm("dear", about(0.90, 0.05), about(10.0, 0.5))
    paired = Interval(-0.01, -0.018, -0.002, 0.95, "tango", 500)
    assert [one.place for one in frontier([cheap, dear], Margins(quality=0.02))] == ["efficient", "efficient"]
    for told in ({("cheap", "dear"): paired}, {("dear", "cheap"): Interval(0.01, 0.002, 0.018, 0.95, "tango", 500)}):
        found = frontier([cheap, dear], Margins(quality=0.02), told)
        assert [one.place for one in found] == ["efficient", "dominated"]


def test_list_prices_that_are_the_same_are_as_good() -> None:
    price = Interval(1.0, 1.0, 1.0, 0.95, "list", 1)
    good, bad = Arm("good", about(0.9, 0.01), price), Arm("bad", about(0.8, 0.01), price)
    found = frontier([good, bad])
    assert [(one.place, one.better_on) for one in found] == [("efficient", ()), ("dominated", ("quality",))]


def test_the_cheapest_not_worse_than_production() -> None:
    arms = [BIG, MIDDLE, SMALL]
    assert cheapest_not_worse(arms, "big", 0.05).name == "middle"
    assert cheapest_not_worse(arms, "big", 0.01).name == "big"
    assert cheapest_not_worse(arms, "big", 0.5).name == "small"
    with pytest.raises(BadArgument, match=r"^baseline: there is no arm 'huge': there are big, middle, small"):
        cheapest_not_worse(arms, "huge", 0.05)


def test_newcombes_difference_of_independent_proportions() -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 873-890, table II (a): 56/70 less 48/80 is 0.0524 to 0.3339."""
    found = independent_difference(wilson(56, 70), wilson(48, 80))
    assert (found.estimate, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    with pytest.raises(BadArgument, match=r"^other: must have the same level: 0.95 and 0.9"):
        independent_difference(wilson(1, 2), wilson(1, 2, 0.9))


FIGURES = st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 0.2), st.floats(0.1, 9.0), st.floats(0.0, 2.0))


@given(st.lists(FIGURES, min_size=1, max_size=6))
def test_somebody_is_always_efficient(figures: list[tuple[float, float, float, float]]) -> None:
    arms = [Arm(f"a{at}", about(q, h), about(c, w)) for at, (q, h, c, w) in enumerate(figures)]
    found = frontier(arms)
    assert any(one.place != "dominated" for one in found)
    best = max(arms, key=lambda arm: (arm.quality.estimate, -arm.cost.estimate))
    assert found[arms.index(best)].place != "dominated"


def test_names_are_their_own() -> None:
    with pytest.raises(BadArgument, match=r"^arms: must have names of their own"):
        frontier([BIG, BIG])
