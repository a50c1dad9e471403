"""Adding adjustments to the ledger: rows, roll-ups and a link of the chain, in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.ledger.adjusting.finding import PACKAGE, Wanted
from gateway.ledger.adjusting.standing import (
    Change,
    adjustment_row,
    adjustment_seal,
    charge_rows,
    charge_sums,
    late_version,
    repricing_seal,
)
from gateway.ledger.closing import closed_until
from gateway.ledger.counted import INPUTS
from gateway.ledger.slices import DAY_NS
from gateway.ledger.sums import CHARGE_SUMS, DAY_HOURS, HOUR_NS, SKU, USAGE_INPUTS, USAGE_SUMS
from gateway.ledger.writing import Transaction, add_link, added_sums, interned
from gateway.stores.reading import Reader
from gateway.stores.sqlite import named_queries

_DECISION_SUMS = ("calls", "refused", "cost_nano", "unpriced", "input_tokens", "output_tokens", "last_ns")
_MONEY = ("cost_nano", "list_nano", "unpriced")
Row = dict[str, Any]
# By the hour in which it is booked and what is summed by: what is added to the sums.
Sums = dict[tuple[int, tuple[Any, ...]], list[int]]


class Asked(msgspec.Struct, frozen=True):
    """Who asked for a correction, and why. `book`: the digest of the price book that it is by."""

    by: str
    reason: str
    book: str


class Overtaken(Exception):
    """Somebody else has changed the ledger meanwhile: the differences may be others by now, or name somebody who was
    taken out."""


class Seen(msgspec.Struct, frozen=True):
    """The last correction and the last erasure: what was found of calls is true for as long as these are the last."""

    repricing: int
    erasure: int


def seen_in(ledger: Reader | Transaction) -> Seen:
    repricing = next(iter(ledger.rows(named_queries(PACKAGE)["last_repricing"])))["id"]
    return Seen(repricing, next(iter(ledger.rows(ledger.queries["last_erasure"])))["seq"])


def book(ledger: Transaction, changes: Sequence[Change], wanted: Wanted, asked: Asked, seen: Seen, now_ns: int) -> int:
    """Add these changes; the number of the correction. `seen`: how the ledger was when they were found.

    Raises:
        Overtaken: there has been another, or an erasure, since.
    """
    if seen_in(ledger) != seen:
        raise Overtaken
    number, queries = seen.repricing + 1, named_queries(PACKAGE)
    open_ns = closed_until(ledger)
    rows: list[Row] = []
    charges: list[Row] = []
    seals: list[bytes] = []
    usage, decisions, sold = Sums(), Sums(), Sums()
    for change in sorted(changes, key=lambda one: (one.call, one.n)):
        late = change.call_ns < open_ns
        booked_ns = now_ns if late else change.call_ns
        row, below = adjustment_row(change, number, booked_ns, late), charge_rows(change, number)
        row["seal"] = adjustment_seal(row, below)
        seals.append(row["seal"])
        rows.append(row)
        charges += below
        _add_up(change, row, below, usage, decisions, sold)
    repricing: Row = {
        "id": number,
        "made_ns": now_ns,
        "made_by": asked.by,
        "reason": asked.reason,
        "book": asked.book,
        "since_ns": wanted.since_ns,
        "until_ns": wanted.until_ns,
        "provider": wanted.provider,
        "model": wanted.model,
        "adjustments": len(rows),
        "link": ledger.link_place()[0],
    }
    add_link(ledger, [repricing_seal(repricing), *seals], now_ns)
    ledger.run(queries["add_repricing"], repricing)
    ledger.run_all(queries["add_adjustment"], rows)
    ledger.run_all(queries["add_adjusted_charge"], charges)
    _roll_up(ledger, usage, decisions, sold)
    return number


def _add_up(change: Change, row: Row, below: Iterable[Row], usage: Sums, decisions: Sums, sold: Sums) -> None:
    hour = row["booked_ns"] // HOUR_NS
    if change.served:
        money = [row["nano"], row["list_nano"], row["unpriced"]]
        _add(usage, (hour, change.inputs), money)
        _add(decisions, (hour, change.decided), money)
    for charge in below:
        version = charge["price_version"]
        if row["late"]:
            version = late_version(version, change.call_ns // DAY_NS)
        provider, target, model, *terms = change.place
        rates = (charge["per"], charge["rate"], charge["list_rate"], version)
        sku = (provider, target, model, charge["meter"], *terms, *rates)
        _add(sold, (hour, (change.inputs, sku)), charge_sums(charge))


def _add(sums: Sums, key: tuple[int, tuple[Any, ...]], numbers: list[int]) -> None:
    found = sums.get(key)
    sums[key] = numbers if found is None else [one + other for one, other in zip(found, numbers, strict=True)]


def _roll_up(ledger: Transaction, usage: Sums, decisions: Sums, sold: Sums) -> None:
    inputs = _Ids(ledger, "usage_inputs", USAGE_INPUTS)
    decided, skus = _Ids(ledger, "decision_inputs", INPUTS), _Ids(ledger, "skus", SKU)
    money = dict.fromkeys(USAGE_SUMS, 0)
    for table, time, sums in (("usage_hours", "hour", usage), ("usage_days", "day", _by_day(usage))):
        rows = [
            {time: at, "inputs": inputs[key], **money, **dict(zip(_MONEY, numbers, strict=True))}
            for (at, key), numbers in sums.items()
        ]
        _upsert(ledger, table, (time, "inputs"), USAGE_SUMS, rows)
    none = dict.fromkeys(_DECISION_SUMS, 0)
    rows = [
        {"hour": at, "inputs": decided[key], **none, "cost_nano": cost, "unpriced": unpriced}
        for (at, key), (cost, _, unpriced) in decisions.items()
    ]
    _upsert(ledger, "decision_hours", ("hour", "inputs"), _DECISION_SUMS, rows)
    for table, time, sums in (("charge_hours", "hour", sold), ("charge_days", "day", _by_day(sold))):
        rows = [
            {time: at, "inputs": inputs[who], "sku": skus[what], **dict(zip(CHARGE_SUMS, numbers, strict=True))}
            for (at, (who, what)), numbers in sums.items()
        ]
        _upsert(ledger, table, (time, "inputs", "sku"), CHARGE_SUMS, rows)


def _by_day(hours: Sums) -> Sums:
    days = Sums()
    for (hour, key), numbers in hours.items():
        _add(days, (hour // DAY_HOURS, key), numbers)
    return days


def _upsert(
    ledger: Transaction, table: str, keys: Sequence[str], sums: Sequence[str], rows: Sequence[Mapping[str, int]]
) -> None:
    names = (*keys, *sums)
    query = ledger.queries["add_sums"].format(
        table=table,
        columns=", ".join(names),
        source="VALUES (" + ", ".join(f":{name}" for name in names) + ")",
        keys=", ".join(keys),
        sums=added_sums(table, sums),
    )
    ledger.run_all(query, [row for row in rows if any(row[name] for name in sums)])


class _Ids:
    """Ids of texts that many rows share, added where they are new."""

    def __init__(self, ledger: Transaction, table: str, columns: Sequence[str]) -> None:
        self._ledger, self._table, self._columns = ledger, table, columns
        self._known: dict[tuple[Any, ...], int] = {}

    def __getitem__(self, values: tuple[Any, ...]) -> int:
        found = self._known.get(values)
        if found is None:
            named = dict(zip(self._columns, values, strict=True))
            found = self._known[values] = interned(self._ledger, self._table, self._columns, named)
        return found
