"""How full limits on money were at the last calls."""

from gateway.limits import seen
from gateway.limits.bounds import Bound, Dimension, Level, Span
from gateway.limits.seen import SeenLevels

MONTH = Span("calendar", "month")


def bound(key: str, maximum: int = 1_000, dimension: Dimension = "cost") -> Bound:
    return Bound("limit", "cost_per_month", dimension, MONTH, maximum, (), key)


def test_the_fullest_counts_by_what_it_may_hold_now() -> None:
    levels = SeenLevels()
    levels.note([Level(bound("team"), 500, 60.0), Level(bound("key"), 799, 60.0)], 100.0)
    assert levels.used_percent([bound("team"), bound("key")], 101.0) == 79
    assert levels.used_percent([bound("team")], 101.0) == 50
    assert levels.used_percent([bound("team", maximum=250)], 101.0) == 200
    assert levels.used_percent([bound("team", maximum=0)], 101.0) == 100


def test_what_is_not_known_not_money_or_over_counts_as_nothing() -> None:
    levels = SeenLevels()
    levels.note([Level(bound("team"), 500, 60.0), Level(bound("rate", dimension="requests"), 900, 60.0)], 100.0)
    assert levels.used_percent([bound("other"), bound("rate", dimension="requests")], 101.0) == 0
    assert levels.used_percent([bound("team")], 161.0) == 0


def test_no_more_are_kept_than_so_many_and_the_oldest_go_first() -> None:
    levels = SeenLevels()
    for number in range(seen.MOST + 1):
        levels.note([Level(bound(str(number)), 500, 60.0)], 100.0)
        if number == 10:
            levels.note([Level(bound("0"), 600, 60.0)], 100.0)
    assert levels.used_percent([bound("0")], 101.0) == 60
    assert levels.used_percent([bound("1")], 101.0) == 0
