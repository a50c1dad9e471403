"""The months that rows are kept by: an id begins with the milliseconds of its call's beginning, so ids sort by time and
a month of them is a range. Pure.

Why ranges of ids, and not of `started_ns`: a partitioned table's primary key holds what it is partitioned by, and here
that is the id itself. So an id is in the ledger once whatever else a row says, and attempts and charges, which know
their call's id and no more, stand in the same month as their call.
"""

from datetime import UTC, datetime

import msgspec

from gateway.ledger.slices import DAY_NS

TABLES = ("calls", "attempts", "charges")
_MS = 1_000_000


class Month(msgspec.Struct, frozen=True, order=True):
    """Of UTC. Its text is `2026-10`."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def suffix(self) -> str:
        return f"{self.year:04d}_{self.month:02d}"

    def after(self, months: int = 1) -> "Month":
        number = self.year * 12 + self.month - 1 + months
        return Month(number // 12, number % 12 + 1)

    @property
    def begin(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def begin_ns(self) -> int:
        return int(self.begin.timestamp()) * 1_000_000_000

    @property
    def days(self) -> dict[str, int]:
        """`first` and `after` (exclusive), in days since the epoch."""
        return {"first": self.begin_ns // DAY_NS, "after": self.after().begin_ns // DAY_NS}

    @property
    def first_id(self) -> str:
        """The least id of the month; the next month's is the first beyond."""
        return first_id(self.begin_ns)


def month_named(text: str) -> Month:
    """Raises:
    ValueError: it is no month such as 2026-10, or the last there is, which does not end.
    """
    try:
        at = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
        month = Month(at.year, at.month)
        month.after().begin  # noqa: B018  it raises if there is none
    except ValueError:
        raise ValueError(f"`{text[:40]}` is not a month such as 2026-10") from None
    return month


def first_id(ns: int) -> str:
    """The least id of a call that began in this millisecond (Unix nanoseconds) or later."""
    text = f"{ns // _MS:012x}"
    return f"{text[:8]}-{text[8:]}-0000-0000-000000000000"


def month_of_id(text: str) -> Month:
    """Raises:
    ValueError: it is no UUID, or of a year that no clock shows.
    """
    return month_of(int(text[:8] + text[9:13], 16) * _MS)


def month_of(ns: int) -> Month:
    """Of Unix nanoseconds, in UTC.

    Raises:
        ValueError: a year that no clock shows.
    """
    try:
        at = datetime.fromtimestamp(ns // 1_000_000_000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"{ns} is no time") from error
    return Month(at.year, at.month)
