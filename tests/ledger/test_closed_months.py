"""Closed months: in their order, only when they are over, and what came late is told."""

import pytest
from keeping import call, close, opened
from ledger_parts import START_NS, Desk

from gateway.ledger.closing import CannotClose, came_late, closed_until, periods
from gateway.ledger.months import month_named

KINDS = ("sqlite", "postgres")
# START_NS is in November 2023.
DECEMBER_NS = 1_701_388_800_000_000_000
DAY_NS = 86_400_000_000_000
SECOND_NS = DECEMBER_NS + DAY_NS  # the second of December begins


def test_a_month_is_closed_with_what_it_adds_up_to(desk: Desk) -> None:
    desk.store.commit([call(1), call(2), call(3, started_ns=DECEMBER_NS)], "w-1.jnl", 1)
    with opened(desk) as reader:
        assert closed_until(reader) == 0
    period = close(desk, "2023-11", SECOND_NS)
    assert (period.calls, period.cost_nano, period.list_nano, period.unpriced) == (2, 3_000, 3_200, 0)
    with opened(desk) as reader:
        assert periods(reader) == [period]
        assert closed_until(reader) == DECEMBER_NS
        assert came_late(reader) == []


def test_only_a_month_that_is_over_and_open_is_closed_and_none_is_left_out(desk: Desk) -> None:
    desk.store.commit([call(1), call(2, started_ns=DECEMBER_NS)], "w-1.jnl", 1)
    with pytest.raises(CannotClose, match="is not over"):
        close(desk, "2023-12", SECOND_NS)
    close(desk, "2023-11", SECOND_NS)
    with pytest.raises(CannotClose, match="is closed"):
        close(desk, "2023-11", SECOND_NS)
    with pytest.raises(CannotClose, match="2023-12 is open and comes first"):
        close(desk, "2024-01", DECEMBER_NS + 90 * DAY_NS)


def test_what_comes_late_is_told(desk: Desk) -> None:
    desk.store.commit([call(1)], "w-1.jnl", 1)
    close(desk, "2023-11", SECOND_NS)
    desk.store.commit([call(2, started_ns=START_NS)], "w-1.jnl", 2)
    with opened(desk) as reader:
        (late,) = came_late(reader)
    assert late.startswith("2023-11 was closed with 1 calls")


@pytest.mark.parametrize("text", ["2023", "2023-13", "11-2023", "", "9999-12"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a month such as 2026-10"):
        month_named(text)
