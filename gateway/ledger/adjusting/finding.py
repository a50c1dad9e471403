"""Which calls to upstreams would cost something else by another price book. Read, never written."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec

from gateway.core.attempt import Charge
from gateway.core.bought import Bought
from gateway.core.usage import METERS
from gateway.ledger.adjusting.standing import Change, Costed, Standing, standing_of
from gateway.ledger.counted import INPUTS
from gateway.ledger.purchases import bought_of
from gateway.ledger.sums import HOUR_NS, USAGE_INPUTS
from gateway.stores.reading import Reader
from gateway.stores.sqlite import named_queries

PACKAGE = "gateway.ledger.adjusting"
_CHARGE = Charge.__struct_fields__
_one_attempt = itemgetter("call", "n")
Row = Mapping[str, Any]
Price = Callable[[Bought], Costed]
Standings = Mapping[tuple[str, int], Standing]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be priced again: of calls that began at or after `since_ns` and before `until_ns`; empty texts: of
    every provider and model. `model`: as the provider is asked for it, or as it says that it answered.

    `take_back`: what the book has no price for is not charged any more; otherwise it stays as it is.
    """

    since_ns: int
    until_ns: int
    provider: str = ""
    model: str = ""
    take_back: bool = False


class Found(msgspec.Struct, frozen=True):
    """One call to an upstream, by the book. `kept`: the book has no price for it, so that it stays."""

    change: Change
    changed: bool
    kept: bool = False


def hours_bought(reader: Reader, wanted: Wanted) -> list[int]:
    """Hours since the epoch of the period in which anything was bought, or corrected."""
    bounds = {"first": wanted.since_ns // HOUR_NS, "last": (wanted.until_ns - 1) // HOUR_NS}
    return [row["hour"] for row in reader.rows(named_queries(PACKAGE)["hours_bought"], bounds)]


def found_in(reader: Reader, hour: int, wanted: Wanted, price: Price) -> Iterator[Found]:
    """Every call to an upstream of this hour that was billed."""
    queries = named_queries(PACKAGE)
    period = {
        "since_ns": max(hour * HOUR_NS, wanted.since_ns),
        "until_ns": min((hour + 1) * HOUR_NS, wanted.until_ns),
    }
    standing = _standings(reader, queries["standing_of_hour"], period)
    filters = " AND attempts.provider = :provider" if wanted.provider else ""
    values = {**period, "provider": wanted.provider} if wanted.provider else period
    for _, several in groupby(reader.rows(queries["bought_of_hour"].format(filters=filters), values), _one_attempt):
        rows = list(several)
        if wanted.model in ("", rows[0]["attempt_model"], rows[0]["attempt_target"].partition("/")[2]):
            yield _found(rows, standing, wanted, price)


def _standings(reader: Reader, query: str, period: Mapping[str, int]) -> Standings:
    """What the last correction of each says."""
    found: dict[tuple[str, int], Standing] = {}
    for key, several in groupby(reader.rows(query, period), _one_attempt):
        rows = list(several)
        found[key] = Standing(rows[0]["pricing"], rows[0]["price_version"], rows[0]["why"], _charges(rows))
    return found


def _charges(rows: Sequence[Row]) -> tuple[Charge, ...]:
    return tuple(Charge(*(row[name] for name in _CHARGE)) for row in rows if row["meter"] is not None)


def _found(rows: Sequence[Row], standings: Standings, wanted: Wanted, price: Price) -> Found:
    row, charges = rows[0], _charges(rows)
    recorded = Standing(row["pricing"], row["price_version"], row["unpriced"], charges)
    before = standings.get(_one_attempt(row), recorded)
    after = standing_of(price(_bought(row, charges)))
    change = Change(
        call=row["call"],
        n=row["n"],
        call_ns=row["call_ns"],
        served=bool(row["served"]),
        inputs=tuple(row[name] for name in USAGE_INPUTS),
        decided=tuple(row[name] for name in INPUTS),
        place=(
            *(row["provider"], row["attempt_target"], row["attempt_model"], row["tier"], row["region"]),
            *(row["image_size"], row["image_quality"], row["account"]),
        ),
        before=before,
        after=after,
    )
    kept = after.pricing == "unpriced" and before.pricing == "priced" and not wanted.take_back
    return Found(change, changed=not kept and not before.is_same(after), kept=kept)


def _bought(row: Row, charges: tuple[Charge, ...]) -> Bought:
    """What was used stands in the call for the attempt that served it, exactly; for another in its charges."""
    used = tuple(Charge(meter, row[meter]) for meter in METERS if row[meter]) if row["served"] else ()
    return bought_of(row, used or charges, row["attempt_target"], row["attempt_model"])
