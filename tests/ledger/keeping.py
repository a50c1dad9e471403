"""What the tests of the ledger's keepers share: calls with attempts and charges, and hands that change rows."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ledger_parts import Desk, Place, PostgresPlace, SqlitePlace, closed_record

from gateway.core.attempt import Attempt, Charge, Terms
from gateway.core.record import Record
from gateway.ledger.chain import CHAIN_BITS
from gateway.ledger.closing import Period, close_month
from gateway.ledger.decisions import verify_decisions
from gateway.ledger.months import month_named
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.recounting import verify_sums
from gateway.ledger.verifying import Tally, verify_chain
from gateway.ledger.writing import ledger_transaction
from gateway.stores.reading import Reader

PEOPLE = ("", "jane@example.com", "kim@example.com")


def call(number: int, **fields: Any) -> Record:
    """A priced call of one of two teams, by one of PEOPLE, with the attempt that served and one that did not."""
    charges = (
        Charge("input_tokens", 10, 1_000_000, 100_000_000, 110_000_000, 1_000, 1_100),
        Charge("output_tokens", number, 1_000_000, 500_000_000, 500_000_000, 500, 500),
    )
    served = {"provider": "p", "target": "p/m", "served_model": "m-1", "pricing": "priced", "outcome": "completed"}
    attempts = (
        Attempt(n=1, served=True, charges=charges, raw_usage='{"x":1}', terms=Terms(tier="default"), **served),
        Attempt(n=2, role="mirror", account="gateway:mirrors", charges=charges[:1], **served),
    )
    known = {
        "model": f"m{number % 3}",
        "target": "p/m",
        "served_model": "m-1",
        "cost_nano": 1_500,
        "list_nano": 1_600,
        "user": PEOPLE[number % 3],
        "attempts": attempts,
        "tags": '{"env":"dev"}',
        "facts": "",
    }
    return closed_record(number, **{**known, **fields})


def committed(desk: Desk, *records: Record) -> None:
    """Two commits, and so two links."""
    given = records or tuple(call(number) for number in range(8))
    half = (len(given) + 1) // 2
    desk.store.commit(given[:half], "w-1.jnl", 1)
    desk.store.commit(given[half:], "w-1.jnl", 2)


def where(place: Place) -> LedgerPlace:
    """As the gateway is told of it."""
    if isinstance(place, PostgresPlace):
        return LedgerPlace(Path("/nowhere/ledger.db"), place.options)
    assert isinstance(place, SqlitePlace)
    return LedgerPlace(place.file)


def place_of(desk: Desk) -> LedgerPlace:
    return where(desk.place)


def link(desk: Desk, number: int) -> int:
    """In PostgreSQL each gateway has a chain of its own, and this is the first."""
    return number + (1 << CHAIN_BITS if isinstance(desk.place, PostgresPlace) else 0)


def close(desk: Desk, month: str, now_ns: int) -> Period:
    with ledger_transaction(place_of(desk)) as ledger:
        assert ledger is not None
        return close_month(ledger, month_named(month), "tests", now_ns)


@contextlib.contextmanager
def opened(desk: Desk) -> Iterator[Reader]:
    with ledger_reader(place_of(desk)) as reader:
        assert reader is not None
        yield reader


def findings(desk: Desk, since_ns: int = 0) -> list[str]:
    with opened(desk) as reader:
        return all_findings(reader, since_ns)


def all_findings(reader: Reader, since_ns: int = 0) -> list[str]:
    tally = Tally()
    checks = (verify_chain(reader, since_ns, tally), verify_sums(reader, since_ns, tally))
    return [*(one for check in checks for one in check), *verify_decisions(reader, since_ns)]


def edit(desk: Desk, *statements: str) -> None:
    """What somebody does who may write to the database and should not."""
    if isinstance(desk.place, PostgresPlace):
        for statement in statements:
            desk.place.execute(statement)
        return
    with contextlib.closing(sqlite3.connect(desk.place.file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement.replace("'\\x00'", "x'00'"))
