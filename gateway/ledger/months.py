"""The months that rows are kept by: an id begins with the milliseconds of its call's beginning, so ids sort by time and
a month of them is a range. Pure.

Why ranges of ids, and not of `started_ns`: a partitioned table's primary key holds what it is partitioned by, and here
that is the id itself. So an id is in the ledger once whatever else a row says, and attempts and charges, which know
their call's id and no more, stand in the same month as their call.
"""

from datetime import UTC, datetime

import msgspec

TABLES = ("calls", "attempts", "charges")
_MS = 1_000_000


class Month(msgspec.Struct, frozen=True, order=True):
    year: int
    month: int

    @property
    def suffix(self) -> str:
        return f"{self.year:04d}_{self.month:02d}"

    def after(self, months: int = 1) -> "Month":
        number = self.year * 12 + self.month - 1 + months
        return Month(number // 12, number % 12 + 1)

    @property
    def begin_ns(self) -> int:
        return int(datetime(self.year, self.month, 1, tzinfo=UTC).timestamp()) * 1_000_000_000

    @property
    def first_id(self) -> str:
        """The least id of the month; the next month's is the first beyond."""
        return first_id(self.begin_ns)


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
