"""Days and moments as declared files write them: `2026-11-01` is a day in UTC, `2026-11-01T12:00:00Z` a moment."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

Moment = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d))?$",
        description="a day such as 2026-11-01 (UTC), or a moment such as 2026-11-01T12:00:00Z",
    ),
]


def date_time(text: str) -> datetime:
    """An ISO 8601 date or time; UTC if it names no zone.

    Raises:
        ValueError: it is neither.
    """
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        found.astimezone(UTC)  # the first and last hours of all are not there in every zone
    except (ValueError, OverflowError):
        raise ValueError(f"`{text[:100]}` is not an ISO 8601 date or time, such as 2026-11-01") from None
    return found


def begins(moment: str) -> float:
    """Unix seconds at which it begins: a day begins at its first midnight.

    Raises:
        ValueError: there is no such day or moment.
    """
    try:
        return date_time(moment).timestamp()
    except ValueError:
        raise ValueError(f"`{moment}` is no day or moment of the calendar") from None


def ends(moment: str) -> float:
    """Unix seconds of the first moment after it: a day lasts to its end, a moment is over when it comes.

    Raises:
        ValueError: there is no such day or moment.
    """
    at = begins(moment)
    return at if "T" in moment else at + timedelta(days=1).total_seconds()


def written(unix_s: float) -> str:
    """A moment as declared files write it, to the second."""
    return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
