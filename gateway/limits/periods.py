"""Calendar days and months of a time zone, as Unix seconds.

A day begins at the first moment that the zone's clocks call by its date. That is midnight nearly always; where clocks
are put forward at midnight there is none, and the day begins when they have been. A day has 23 to 25 hours then.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.limits.bounds import Span


def period_of(span: Span, now: float) -> tuple[float, float]:
    """Begin and end (exclusive) of the day or month that `now` is in."""
    zone = ZoneInfo(span.zone)
    today = datetime.fromtimestamp(now, zone).date()
    if span.unit == "month":
        first = today.replace(day=1)
        after = (first + timedelta(days=32)).replace(day=1)
    else:
        first, after = today, today + timedelta(days=1)
    return day_begins(first, zone), day_begins(after, zone)


def day_begins(day: date, zone: ZoneInfo) -> float:
    """The first moment of the day there."""
    # Of a midnight that comes twice the first is meant (fold 0). One that is skipped is read with the offset from
    # before the clocks were moved, which is the very moment at which they are.
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).timestamp()
