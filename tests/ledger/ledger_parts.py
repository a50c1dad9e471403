"""What the ledger's tests share: records, a folder with its store, and ways to look at what came out."""

import contextlib
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.core.clock import SystemClock, uuid7
from gateway.core.record import Record
from gateway.core.usage import METERS, Usage
from gateway.ledger.journal import Journal, JournalOptions
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


class Desk:
    """A state folder: its journal, its store, and a drainer that can be put in another's place at any time."""

    def __init__(self, state: Path, store: LedgerStore, folder: Path | None = None) -> None:
        self.state = state
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
        return rows(self.state / "ledger.db")

    def outcomes(self) -> dict[str, str]:
        return {row["id"]: row["outcome"] for row in self.rows()}

    def quarantined(self) -> bytes:
        return b"".join(path.read_bytes() for path in sorted((self.folder / "quarantine").glob("*")))


class Failing:
    """A store that fails where it is told to: `before` a commit, or `after` it, when only the answer is lost."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store
        self.where = ""

    def commit(self, records: Sequence[Record], segment: str, offset: int) -> int:
        if self.where == "before":
            raise LedgerUnavailable("away")
        new = self._store.commit(records, segment, offset)
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
    """The ledger's calls as another process sees them, oldest first, without what the store adds of its own."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute("SELECT * FROM calls ORDER BY started_ns, id")]
    return [{name: value for name, value in row.items() if name not in STORES_OWN} for row in found]


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
