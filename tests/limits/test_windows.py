"""What one counter counts over time: never more than its limit, freed when it says so, in every time zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.limits.bounds import Span
from gateway.limits.document import SLIDING
from gateway.limits.periods import day_begins, period_of
from gateway.limits.windows import Sliding, counted
from tests.limits.making import START

SLIDING_SPANS = [Span("sliding", unit, *figures) for unit, figures in SLIDING.items()]
steps = st.lists(st.tuples(st.floats(0, 0.7), st.integers(1, 5)), max_size=120)


@given(st.sampled_from(SLIDING_SPANS), steps, st.integers(1, 30))
def test_a_window_never_admits_more_than_its_limit(span: Span, steps: list[tuple[float, int]], limit: int) -> None:
    """In a window aligned to the slices at most the limit; in any stretch of its length at most twice that, and in one
    that is a slice shorter never more."""
    window, now, admitted = Sliding(span), START, list[tuple[float, int]]()
    slice_s = span.seconds / span.slices
    for pause, amount in steps:
        now += pause * span.seconds
        window.roll(now)
        if window.used(now) + amount <= limit:
            window.add(window.place, amount)
            admitted.append((now, amount))

    def within(first: float, length: float) -> int:
        return sum(amount for moment, amount in admitted if first <= moment < first + length)

    def within_slices(first: float) -> int:  # by their numbers: their beginnings are rounded
        return sum(amount for moment, amount in admitted if first <= moment // slice_s < first + span.slices)

    for moment, _ in admitted:
        assert within_slices(moment // slice_s) <= limit
        assert within(moment, span.seconds) <= 2 * limit
        assert within(moment, span.seconds - slice_s) <= limit


@given(st.sampled_from(SLIDING_SPANS), steps, st.integers(1, 30))
def test_whoever_keeps_to_the_limit_for_a_slice_longer_than_the_span_is_never_refused(
    span: Span, steps: list[tuple[float, int]], limit: int
) -> None:
    window, now, taken = Sliding(span), START, list[tuple[float, int]]()
    keeps_to_s = span.seconds + span.seconds / span.slices
    for pause, amount in steps:
        now += pause * span.seconds
        window.roll(now)
        lately = sum(before for moment, before in taken if moment > now - keeps_to_s)
        if lately + amount <= limit:
            assert window.used(now) + amount <= limit + 1e-6
            window.add(window.place, amount)
            taken.append((now, amount))


@pytest.mark.parametrize("span", SLIDING_SPANS, ids=lambda span: span.unit)
def test_somebody_who_has_waited_for_the_span_waits_at_most_a_fifth_of_it_longer(span: Span) -> None:
    """Wherever the calls came: a figure is small where people try it out, and each waits for all of it."""
    for place in range(100):
        window, began = Sliding(span), START + span.seconds * place / 100
        window.roll(began)
        window.add(window.place, 2)
        assert window.wait_s(began, 1, 2) <= window.reset_s(began) <= span.seconds * 1.2
        window.roll(later := began + span.seconds * 1.2)
        assert window.used(later) + 1 <= 2


@given(st.sampled_from(SLIDING_SPANS), steps, st.integers(1, 30), st.integers(1, 30))
def test_room_comes_when_it_was_said_to_and_not_before(
    span: Span, steps: list[tuple[float, int]], limit: int, amount: int
) -> None:
    window, now = Sliding(span), START
    for pause, taken in steps:
        now += pause * span.seconds
        window.roll(now)
        if window.used(now) + taken <= limit:
            window.add(window.place, taken)
    wait_s = window.wait_s(now, amount, limit)
    if amount > limit:
        assert wait_s > 0
        return
    if wait_s > span.seconds / 1000:
        window.roll(early := now + wait_s * 0.99)
        assert window.used(early) + amount > limit - 1e-6
    window.roll(then := now + wait_s + span.seconds * 1e-9)
    assert window.used(then) + amount <= limit + 1e-3


def test_a_correction_finds_the_slice_that_it_is_of_and_none_once_that_has_gone() -> None:
    window = Sliding(Span("sliding", "hour", 3600.0, 12))
    window.roll(START)
    place = window.place
    window.add(place, 100)
    window.roll(START + 3500)
    window.add(place, -60)
    assert window.used(START + 3500) == 40
    window.roll(START + 3600 + 150)  # half of the first slice has left
    assert window.used(START + 3600 + 150) == 20
    window.roll(START + 4000)
    window.add(place, 500)
    assert window.used(START + 4000) == 0


@pytest.mark.parametrize(
    ("zone", "unit", "moment", "first", "after"),
    [
        ("UTC", "day", "2026-03-01T23:59:59+00:00", "2026-03-01T00:00+00:00", "2026-03-02T00:00+00:00"),
        ("UTC", "month", "2026-12-31T23:59:59+00:00", "2026-12-01T00:00+00:00", "2027-01-01T00:00+00:00"),
        ("Asia/Kathmandu", "day", "2026-03-01T18:20:00+00:00", "2026-03-02T00:00+05:45", "2026-03-03T00:00+05:45"),
        # 23 and 25 hours
        ("Europe/Berlin", "day", "2026-03-29T12:00:00+02:00", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),
        ("Europe/Berlin", "day", "2026-10-25T12:00:00+01:00", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
        ("Europe/Berlin", "month", "2026-03-31T23:59:59+02:00", "2026-03-01T00:00+01:00", "2026-04-01T00:00+02:00"),
        # A midnight that was skipped, one that came twice, and a day that never was
        ("America/Havana", "day", "2024-03-10T12:00:00-04:00", "2024-03-10T01:00-04:00", "2024-03-11T00:00-04:00"),
        ("America/Havana", "day", "2024-11-03T12:00:00-05:00", "2024-11-03T00:00-04:00", "2024-11-04T00:00-05:00"),
        ("Pacific/Apia", "day", "2011-12-29T12:00:00-10:00", "2011-12-29T00:00-10:00", "2011-12-31T00:00+14:00"),
    ],
)
def test_periods_are_those_of_the_calendar_there(zone: str, unit: str, moment: str, first: str, after: str) -> None:
    begins, ends = period_of(Span("calendar", unit, zone=zone), datetime.fromisoformat(moment).timestamp())
    assert datetime.fromtimestamp(begins, UTC) == datetime.fromisoformat(first)
    assert datetime.fromtimestamp(ends, UTC) == datetime.fromisoformat(after)


@given(
    st.sampled_from(
        ["UTC", "Europe/Berlin", "America/Havana", "America/Santiago", "Australia/Lord_Howe", "Asia/Tehran"]
    ),
    st.dates(date(1990, 1, 1), date(2037, 1, 1)),
)
def test_days_follow_each_other_without_gap_or_overlap(zone: str, day: date) -> None:
    there = ZoneInfo(zone)
    begins, after = day_begins(day, there), day_begins(day + timedelta(days=1), there)
    assert 22 * 3600 <= after - begins <= 26 * 3600
    assert datetime.fromtimestamp(begins, there).date() == day
    assert datetime.fromtimestamp(begins - 1, there).date() == day - timedelta(days=1)
    assert period_of(Span("calendar", "day", zone=zone), begins) == (begins, after)
    assert period_of(Span("calendar", "day", zone=zone), after - 1) == (begins, after)


def test_a_month_counts_until_it_is_over_and_a_late_truth_belongs_to_its_own_month() -> None:
    month = counted(Span("calendar", "month", zone="Europe/Berlin"))
    eve = datetime.fromisoformat("2026-10-31T23:59:00+01:00").timestamp()
    month.roll(eve)
    october = month.place
    month.add(october, 900)
    assert (month.wait_s(eve, 200, 1000), month.reset_s(eve)) == (60.0, 60.0)
    month.roll(eve + 60)
    month.add(october, -500)
    assert month.used(eve + 60) == 0
