"""Periods of local time cut so that sums can be put together: whole days and hours of UTC, and parts of hours.

    since ──part──│──hours──│────────days────────│──hours──│──part── until
                whole hour  midnight UTC

Days and hours are read from the roll-ups; only the parts, half an hour at most at each end, from single calls.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from gateway.ledger.sums import DAY_HOURS, HOUR_NS

DAY_NS = DAY_HOURS * HOUR_NS
# Every zone's hours and days begin on a quarter of an hour of UTC.
QUARTER_NS = HOUR_NS // 4
LAST_NS = 2**63 - 1  # what stores can compare; nothing was recorded beyond
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Labels = tuple[str, ...]
Unit = Literal["days", "hours", "calls"]


class Part(NamedTuple):
    """`unit` says what `first` and `after` (exclusive) count since the epoch: days, hours, or nanoseconds. `sign` is
    -1 for what was counted too much with the others."""

    unit: Unit
    first: int
    after: int
    sign: int = 1


def parts(since_ns: int, until_ns: int) -> list[Part]:
    """The period, cut; together the parts are exactly it. Of an hour whose greater part is within the period, the
    whole is taken and the rest taken off again: so there is little to read at the ends, wherever they are; days too."""
    hours, calls = _fitted(since_ns, until_ns, HOUR_NS)
    if hours is None:
        return [Part("calls", since_ns, until_ns)] if since_ns < until_ns else []
    # What ends with the last moment of all ends with that hour.
    ends = [Part("calls", one, other, sign) for one, other, sign in calls if other <= LAST_NS]
    days, rest = _fitted(*hours, DAY_HOURS)
    if days is None:
        return [Part("hours", *hours), *ends]
    return [Part("days", *days), *(Part("hours", *one) for one in rest), *ends]


def _fitted(first: int, after: int, size: int) -> tuple[tuple[int, int] | None, list[tuple[int, int, int]]]:
    """The nearest whole units of this size, in units, and what is to be added or taken off at the ends, with its sign;
    None if there is no whole unit, or if those ends are more than the period itself (an hour before noon is less than
    the day without all its other hours)."""
    begin, end = (first + size // 2) // size, (after + size // 2) // size
    if begin >= end:
        return None, []
    found: list[tuple[int, int, int]] = []
    for exact, near, sign in ((first, begin * size, 1), (after, end * size, -1)):
        if exact < near:
            found.append((exact, near, sign))
        elif near < exact:
            found.append((near, exact, -sign))
    read = end - begin + sum(high - low for low, high, _ in found)
    return ((begin, end), found) if read <= after - first else (None, [])


def part_queries(
    queries: Mapping[str, str], what: Literal["usage", "charges", "own", "spent"], unit: str, **shape: str
) -> list[str]:
    """What adds `what` up in a part of this unit. Roll-ups have in them what calls were corrected by; with calls it is
    asked for apart."""
    if unit == "calls":
        return [queries[f"{what}_of_{rows}"].format(**shape) for rows in ("calls", "adjustments")]
    table = f"{'charge' if what in ('charges', 'own') else 'usage'}_{unit}"
    return [queries[f"{what}_of_sums"].format(table=table, time=unit.removesuffix("s"), **shape)]


def zone_of(name: str) -> tzinfo:
    """Raises:
    ValueError: there is no such zone.
    """
    try:
        # UTC needs no time zone database, which small systems do not have.
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"unknown time zone `{name}`; give an IANA name, such as Europe/Berlin") from None


def slices(
    times: Sequence[str], zone: tzinfo, since_ns: int, until_ns: int, days: Collection[int]
) -> Iterator[tuple[Labels, int, int]]:
    """The period by what it is grouped by (words of TIMES): the labels of each of its pieces, and where it begins and
    ends. `days`: since the epoch, on which there is anything at all; pieces without any are left out."""
    if not times:
        yield (), since_ns, until_ns
        return
    show = [_LABELS[word] for word in times]
    ends = _ENDS[next(word for word in ("hour", "day", "month") if word in times)]
    reached = since_ns
    for day in sorted(days):
        reached = max(reached, day * DAY_NS)
        end = min((day + 1) * DAY_NS, until_ns)
        while reached < end:
            local = _local(reached, zone)
            begin, reached = reached, min(max(ends(local, zone), reached + 1), until_ns)
            yield tuple(label(local) for label in show), begin, reached


def _local(at_ns: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, zone)


def _hour(at: datetime) -> str:
    text = at.replace(minute=0, second=0, microsecond=0).isoformat(timespec="minutes")
    return text.replace("+00:00", "Z") if at.tzinfo is UTC else text


_LABELS: dict[str, Callable[[datetime], str]] = {
    "month": lambda at: at.strftime("%Y-%m"),
    "day": lambda at: at.strftime("%Y-%m-%d"),
    "hour": _hour,
}


def _hour_ends(at: datetime, zone: tzinfo) -> int:
    # The hour that happens twice is two hours, so the next one begins when this one's minutes are over.
    left = timedelta(hours=1) - timedelta(minutes=at.minute, seconds=at.second)
    begin = nanoseconds(at.astimezone(UTC))
    end = begin + left // timedelta(microseconds=1) * 1000
    if _local(end, zone).utcoffset() != at.utcoffset():
        # Clocks are put forward or back by then; some (Pacific/Chatham) in the middle of an hour.
        quarters = range((begin // QUARTER_NS + 1) * QUARTER_NS, end, QUARTER_NS)
        end = next((one for one in quarters if _local(one, zone).utcoffset() != at.utcoffset()), end)
    return end


def _day_ends(at: datetime, zone: tzinfo) -> int:
    return _begins(at.date() + timedelta(days=1), zone)


def _month_ends(at: datetime, zone: tzinfo) -> int:
    return _begins((at.date().replace(day=1) + timedelta(days=32)).replace(day=1), zone)


_ENDS: dict[str, Callable[[datetime, tzinfo], int]] = {"hour": _hour_ends, "day": _day_ends, "month": _month_ends}


def _begins(day: date, zone: tzinfo) -> int:
    """The first moment of the day there. A midnight that is skipped is read with the offset from before, which is the
    moment at which the clocks are put forward."""
    return nanoseconds(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC))


def period(since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """Unix nanoseconds of the first moment and of the first after the last; None is as far as a store can compare.

    Raises:
        ValueError: a moment without a time zone, or a period that ends before it begins.
    """
    since_ns = 0 if since is None else nanoseconds(since)
    until_ns = LAST_NS if until is None else nanoseconds(until)
    if since_ns > until_ns:
        raise ValueError(f"the period ends ({until}) before it begins ({since})")
    return since_ns, until_ns


def nanoseconds(moment: datetime) -> int:
    """Unix nanoseconds, within what stores can compare.

    Raises:
        ValueError: the moment names no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} names no time zone")
    return max(0, min((moment - _EPOCH) // timedelta(microseconds=1) * 1000, LAST_NS))
