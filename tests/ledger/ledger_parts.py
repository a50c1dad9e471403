"""What the ledger's tests share: records, a folder with its store, and ways to look at what came out."""

import contextlib
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import msgspec

from gateway.core.clock import SystemClock, uuid7
from gateway.core.feedback import Feedback
from gateway.core.record import Record
from gateway.core.usage import METERS, Usage
from gateway.ledger.journal import Journal, JournalOptions
from gateway.ledger.options import LedgerOptions
from gateway.ledger.rounds import Drained, Rounds
from gateway.ledger.store import LedgerStore, LedgerUnavailable, SqliteLedger

START_NS = 1_700_000_000_000_000_000


def open_record(number: int, **fields: Any) -> Record:
    """A call as it is when it begins. The same number is the same call."""
    started_ns = START_NS + number * 1_000_000
    known = {"tenant": "acme", "team": "blue", "key_id": "k1", "operation": "chat", "model": "small", **fields}
    return Record(id=uuid7(started_ns, lambda size: bytes(size)), started_ns=started_ns, **known)


def closed_record(number: int, **fields: Any) -> Record:
    """The same call when it has ended well."""
    ended = {
        "outcome": "completed",
        "status": 200,
        "usage": Usage(input_tokens=10, output_tokens=number),
        "usage_source": "provider",
        "pricing": "priced",
        "cost_nano": 1_500,
        **fields,
    }
    return msgspec.structs.replace(open_record(number), **ended)


class Place(Protocol):
    """Where a ledger is, and what stands in it."""

    def ledger(self, writer: str = "w") -> AbstractContextManager[LedgerStore]: ...

    def calls(self) -> list[dict[str, Any]]:
        """The calls as another process sees them, oldest first, with what the store adds of its own."""
        ...

    def table(self, name: str) -> list[dict[str, Any]]:
        """Every row of a table, in the order of its columns."""
        ...


class SqlitePlace:
    def __init__(self, state: Path) -> None:
        self.file = state / "ledger.db"

    def ledger(self, writer: str = "w") -> SqliteLedger:
        return SqliteLedger(self.file, writer=writer)

    def calls(self) -> list[dict[str, Any]]:
        return self._read("SELECT * FROM calls ORDER BY started_ns, id")

    def table(self, name: str) -> list[dict[str, Any]]:
        return sorted(self._read(f"SELECT * FROM {name}"), key=lambda row: repr(list(row.values())))

    def _read(self, query: str) -> list[dict[str, Any]]:
        with contextlib.closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query)]


class PostgresPlace:
    def __init__(self, url: str, **options: Any) -> None:
        self.url = url
        self.options = LedgerOptions(url=url, **options)

    def ledger(self, writer: str = "w") -> AbstractContextManager[LedgerStore]:
        from gateway.ledger.postgres import PostgresLedger

        return PostgresLedger(self.options, writer)

    def calls(self) -> list[dict[str, Any]]:
        return self.read("SELECT * FROM calls ORDER BY started_ns, id")

    def table(self, name: str) -> list[dict[str, Any]]:
        return sorted(self.read(f"SELECT * FROM {name}"), key=lambda row: repr(list(row.values())))

    def read(self, query: str) -> list[dict[str, Any]]:
        """Nothing while the store has not made its tables."""
        import psycopg
        from psycopg.rows import dict_row

        try:
            with psycopg.connect(self.url, row_factory=dict_row) as connection:
                found = connection.execute(query.encode()).fetchall()
        except psycopg.errors.UndefinedTable:
            return []
        return [
            {name: str(value) if isinstance(value, UUID) else value for name, value in row.items()} for row in found
        ]

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())


class Desk:
    """A state folder: its journal, its store, and a drainer that can be put in another's place at any time."""

    def __init__(self, state: Path, store: LedgerStore, folder: Path | None = None, place: Place | None = None) -> None:
        self.state = state
        self.place = place or SqlitePlace(state)
        self.folder = folder or state / "journal"
        self.store = store
        self.restart_drainer()

    def restart_drainer(self) -> None:
        self.rounds = Rounds(self.folder, self.store, SystemClock())

    def journal(self, writer: str = "w", **options: Any) -> Journal:
        return Journal(JournalOptions(**options), self.folder, writer)

    def drain(self) -> Drained:
        drained = self.rounds.drain_once()
        assert drained.error == ""
        return drained

    def segments(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("*.jnl"))

    def rows(self) -> list[dict[str, Any]]:
        """The ledger's calls, oldest first, without what the store adds of its own."""
        return own(self.place.calls())

    def outcomes(self) -> dict[str, str]:
        return {row["id"]: row["outcome"] for row in self.rows()}

    def quarantined(self) -> bytes:
        return b"".join(path.read_bytes() for path in sorted((self.folder / "quarantine").glob("*")))


class Failing:
    """A store that fails where it is told to: `before` a commit, or `after` it, when only the answer is lost."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store
        self.where = ""

    def commit(self, records: Sequence[Record], segment: str, offset: int, feedback: Sequence[Feedback] = ()) -> int:
        if self.where == "before":
            raise LedgerUnavailable("away")
        new = self._store.commit(records, segment, offset, feedback)
        if self.where == "after":
            raise LedgerUnavailable("lost")
        return new

    def offsets(self) -> Mapping[str, int]:
        if self.where == "offsets":
            raise LedgerUnavailable("away")
        return self._store.offsets()

    def forget(self, segment: str) -> None:
        if self.where == "forget":
            raise LedgerUnavailable("away")
        self._store.forget(segment)


def kill(journal: Journal) -> None:
    """What the kernel does to a journal whose process is killed: its files are closed, nothing else happens."""
    os.close(journal._descriptor)


def rows(database: Path) -> list[dict[str, Any]]:
    return own(SqlitePlace(database.parent).calls())


def own(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in STORES_OWN} for row in calls]


STORES_OWN = ("person", "link", "seal")


def as_row(record: Record) -> dict[str, Any]:
    """The row that a record should become, field by field, without the code under test."""
    row = {
        name: getattr(record, name) for name in Record.__struct_fields__ if name not in ("usage", "user", "attempts")
    }
    usage = record.usage or Usage()
    return {**row, **{meter: getattr(usage, meter) for meter in METERS}}


def ledger_at(state: Path) -> SqliteLedger:
    return SqliteLedger(state / "ledger.db")
