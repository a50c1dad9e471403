"""Corrections in a FOCUS export: of an open month its rows are right, of a closed one there are rows of Corrections."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from focus_rules import faults
from keeping import close, findings, place_of
from ledger_parts import Desk
from pricing_parts import book_of, bought, repriced

from gateway.catalogue.prices import PriceBook
from gateway.core.record import Record
from gateway.exports import focus_export
from gateway.ledger.focus.columns import VERSIONS, Version
from gateway.ledger.focus.lines import Period
from gateway.ledger.focus.naming import FocusOptions, Provided, namer
from gateway.ledger.focus.rows import Maker

KINDS = ("sqlite", "postgres")
CHEAP = book_of({"m": {"input": "1", "cached_input": "0.1", "output": "4"}})
DEAR = book_of({"m": {"input": "1.5", "cached_input": "0.1", "output": "4.123"}})
# The calls are of 14 November 2023.
NOVEMBER, DECEMBER, JANUARY = (datetime(*month, 1, tzinfo=UTC) for month in ((2023, 11), (2023, 12), (2024, 1)))
SIXTH_NS = int(datetime(2023, 12, 6, 3, tzinfo=UTC).timestamp()) * 1_000_000_000
MAKER = Maker(namer(FocusOptions(organisation="Example Bank"), {"own": Provided("openai-compatible")}), "USD")
Rows = list[dict[str, str]]


def exported(desk: Desk, since: datetime, until: datetime, version: Version = "1.4") -> Rows:
    from gateway.ledger.focus.writing import csv_pieces

    with focus_export(place_of(desk), MAKER, Period(since, until)) as export:
        found = csv.DictReader(io.StringIO(b"".join(csv_pieces(export.rows, version)).decode()))
        rows = list(found)
    assert faults(list(found.fieldnames or ()), rows, version) == []
    return rows


def billed(rows: Rows) -> Decimal:
    return sum((Decimal(row["BilledCost"]) for row in rows), Decimal(0))


def held(desk: Desk) -> list[Record]:
    records = [bought(number, CHEAP) for number in range(1, 7)]
    desk.store.commit(records, "w-1.jnl", 1)
    return records


def by(records: Sequence[Record], book: PriceBook) -> Decimal:
    """What all attempts cost by this book."""
    again = [bought(number, book, started_ns=one.started_ns) for number, one in enumerate(records, 1)]
    return sum((Decimal(one.cost_nano or 0).scaleb(-9) for record in again for one in record.attempts), Decimal(0))


def test_an_open_month_s_rows_are_those_of_the_corrected_price(desk: Desk) -> None:
    records = held(desk)
    repriced(desk, DEAR)
    rows = exported(desk, NOVEMBER, DECEMBER)
    assert billed(rows) == by(records, DEAR)
    assert {row["ChargeClass"] for row in rows} == {""}
    assert {row["x_PriceVersion"] for row in rows} == {f"{DEAR.version}/of-m"}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_closed_month_stays_and_the_next_one_has_its_corrections(desk: Desk, version: Version) -> None:
    records = held(desk)
    before = exported(desk, NOVEMBER, DECEMBER, version)
    close(desk, "2023-11", SIXTH_NS)
    repriced(desk, DEAR, SIXTH_NS)
    assert exported(desk, NOVEMBER, DECEMBER, version) == before
    corrections = exported(desk, DECEMBER, JANUARY, version)
    assert billed(corrections) == by(records, DEAR) - by(records, CHEAP)
    assert {row["ChargeClass"] for row in corrections} == {"Correction"}
    assert {row["ChargePeriodStart"][:10] for row in corrections} == {"2023-11-14"}
    assert {row["BillingPeriodStart"][:10] for row in corrections} == {"2023-12-01"}
    taken = [row for row in corrections if Decimal(row["ConsumedQuantity"]) < 0]
    assert billed(taken) == -by(records, CHEAP)
    assert findings(desk) == []
