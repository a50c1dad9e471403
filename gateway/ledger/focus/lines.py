"""What the ledger's sums say, a group of charges at a time: streamed, one period after another."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from gateway.ledger.adjusting.standing import late_day
from gateway.stores.reading import Reader
from gateway.stores.sqlite import named_queries

Bucket = Literal["hour", "day"]
_SECONDS: Mapping[Bucket, int] = {"hour": 3600, "day": 86_400}
_TABLES: Mapping[Bucket, str] = {"hour": "charge_hours", "day": "charge_days"}
_SCOPES = {"tenant": "usage_inputs.tenant", "team": "usage_inputs.team"}


class Line(msgspec.Struct, kw_only=True):
    """Charges of one period that have everything in common that a row tells.

    Attributes:
        start, end: Unix seconds, exclusive end. key_id: empty for callers whose id would name a person.
        tags: canonical JSON. account: who pays instead of the team. per, rate, list_rate: as `core/attempt.py` has it.
        charges: how many; quantity, nano, list_nano: their sums; unpriced: how many of them have no price.
        billed_at: when it was charged, where that is later than its period: an adjustment. correction: of a period
            that was closed by then.
    """

    start: int
    end: int
    tenant: str
    team: str
    key_id: str
    prompt_id: str
    agent: str
    tags: str
    provider: str
    target: str
    served_model: str
    meter: str
    tier: str
    region: str
    image_size: str
    image_quality: str
    account: str
    per: int
    rate: int | None
    list_rate: int | None
    price_version: str
    charges: int
    quantity: int
    nano: int
    list_nano: int
    unpriced: int
    billed_at: int | None = None
    correction: bool = False


class LeftOut(msgspec.Struct, frozen=True):
    """Charges without a known price, which no row tells of."""

    provider: str
    target: str
    meter: str
    charges: int
    quantity: int


class Period(msgspec.Struct, frozen=True):
    """What is exported. `scope`: only this tenant, or this team of it."""

    since: datetime
    until: datetime
    bucket: Bucket = "hour"
    scope: Mapping[str, str] = {}

    def bounds(self) -> dict[str, int]:
        """`first` and `after`, in buckets since the epoch.

        Raises:
            ValueError: it does not begin and end on whole buckets of UTC, or ends before it begins.
        """
        size = _SECONDS[self.bucket]
        first, after = (moment.astimezone(UTC).timestamp() for moment in (self.since, self.until))
        if first % size or after % size:
            raise ValueError(f"a FOCUS export by the {self.bucket} begins and ends on a whole {self.bucket} of UTC")
        if after <= first:
            raise ValueError(f"the period ends ({self.until}) before it begins ({self.since})")
        return {"first": int(first) // size, "after": int(after) // size}


def lines(reader: Reader, period: Period) -> Iterator[Line]:
    """Everything in the period that has a price. What is in memory is one period's groups.

    Raises:
        ValueError: as `Period.bounds`. StoreUnavailable: the ledger cannot be read.
    """
    size = _SECONDS[period.bucket]
    times, query = (_query(name, period) for name in ("times", "lines"))
    for time in [row["time"] for row in reader.rows(times, period.bounds())]:
        for row in reader.rows(query, {"time": time, **period.scope}):
            # What was corrected away leaves sums of nothing; what a correction takes back are fewer than none.
            if row["unpriced"] != row["charges"] or row["nano"] or row["list_nano"]:
                yield _line(row, time * size, (time + 1) * size)


def left_out(reader: Reader, period: Period) -> list[LeftOut]:
    """What the period holds that has no price."""
    rows = reader.rows(_query("unpriced", period), {**period.bounds(), **period.scope})
    return [LeftOut(**row) for row in rows]


def _query(name: str, period: Period) -> str:
    filters = "".join(f" AND {_SCOPES[word]} = :{word}" for word in period.scope)
    words = {"table": _TABLES[period.bucket], "time": period.bucket, "filters": filters}
    return named_queries("gateway.ledger.focus")[name].format(**words)


def _line(row: Mapping[str, Any], start: int, end: int) -> Line:
    """Sums of a correction of a closed month say which day it is of; they are billed where they stand."""
    late = late_day(row["price_version"])
    if late is None:
        return Line(start=start, end=end, **row)
    day, version = late
    said: dict[str, Any] = {**row, "price_version": version, "billed_at": start, "correction": True}
    return Line(start=day * _SECONDS["day"], end=(day + 1) * _SECONDS["day"], **said)
