"""The ledger's side: what was used of a provider, by day, model and meter, whoever pays for it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import msgspec

from gateway.ledger.adjusting.standing import late_day
from gateway.ledger.slices import DAY_NS
from gateway.stores.reading import Reader
from gateway.stores.sqlite import named_queries

PACKAGE = "gateway.ledger.reconciling"
EPOCH = date(1970, 1, 1)
NEAR_NS = 60 * 1_000_000_000  # how near midnight a call may be counted on another day than ours


class Sum(msgspec.Struct):
    """Of one meter. unpriced: how much of the quantity has no price; it is not in `nano`."""

    quantity: int = 0
    nano: int = 0
    unpriced: int = 0


class Booked(msgspec.Struct):
    """What a day's calls to one model used. `requests`: calls to the provider that it answered."""

    meters: dict[str, Sum] = msgspec.field(default_factory=dict[str, Sum])
    requests: int = 0


class Doubtful(msgspec.Struct, frozen=True):
    """A call that may explain a difference. `why`: `estimate`, `interrupted`, `inconsistent`, `cancelled`, `midnight`.
    `tokens`: as the ledger has them; 0 where it does not know."""

    day: date
    model: str
    id: str
    n: int
    upstream_id: str
    why: str
    tokens: int


# The likeliest first.
REASONS = ("estimate", "interrupted", "inconsistent", "cancelled", "midnight")
Key = tuple[date, str]


def booked(reader: Reader, provider: str, days: Iterable[date]) -> dict[Key, Booked]:
    """By day and model as the provider calls it, or as it was asked for where it does not say. A correction counts on
    the day that it is of."""
    wanted = {(day - EPOCH).days for day in days}
    found: dict[Key, Booked] = {}
    if not wanted:
        return found
    queries = named_queries(PACKAGE)
    bounds = {"provider": provider, "first": min(wanted), "after": max(wanted) + 1}
    for row in reader.rows(queries["charges_by_day"], bounds):
        day = _day_of(row["day"], row["price_version"])
        if day in wanted:
            sums = _cell(found, day, row).meters.setdefault(row["meter"], Sum())
            sums.quantity += row["quantity"]
            sums.nano += row["nano"]
            sums.unpriced += row["quantity"] if row["unpriced"] else 0
    period = {"provider": provider, "since_ns": min(wanted) * DAY_NS, "until_ns": (max(wanted) + 1) * DAY_NS}
    for row in reader.rows(queries["answers_by_day"], period):
        if row["day"] in wanted:
            _cell(found, row["day"], row).requests += row["requests"]
    return found


def doubtful(reader: Reader, provider: str, days: Iterable[date]) -> Iterator[Doubtful]:
    """Calls whose usage was not told by the provider, or not consistently, or that ended around midnight UTC."""
    wanted = {(day - EPOCH).days for day in days}
    if not wanted:
        return
    period = {
        "provider": provider,
        "since_ns": min(wanted) * DAY_NS,
        "until_ns": (max(wanted) + 1) * DAY_NS,
        "day_ns": DAY_NS,
        "near_ns": NEAR_NS,
    }
    for row in reader.rows(named_queries(PACKAGE)["doubtful"], period):
        day = row["started_ns"] // DAY_NS
        if day in wanted:
            yield Doubtful(
                day=EPOCH + timedelta(days=day),
                model=_model(row),
                id=row["call"],
                n=row["n"],
                upstream_id=row["upstream_request_id"],
                why=_why(row),
                tokens=row["tokens"],
            )


def _why(row: Mapping[str, Any]) -> str:
    if row["usage_source"] == "estimate":
        return "estimate"
    if row["outcome"] in ("interrupted", "open"):
        return "interrupted"
    if row["usage_source"] == "inconsistent":
        return "inconsistent"
    return "cancelled" if row["outcome"] == "cancelled" else "midnight"


def _day_of(day: int, version: str) -> int:
    late = late_day(version)
    return day if late is None else late[0]


def _cell(found: dict[Key, Booked], day: int, row: Mapping[str, Any]) -> Booked:
    return found.setdefault((EPOCH + timedelta(days=day), _model(row)), Booked())


def _model(row: Mapping[str, Any]) -> str:
    return row["served_model"] or row["target"].partition("/")[2]
