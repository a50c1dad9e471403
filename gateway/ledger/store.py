"""Where records end up: the store's protocol, and SQLite as the embedded one."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from gateway.core.record import Record
from gateway.core.usage import METERS, Usage
from gateway.stores.sqlite import named_queries, open_migrated

_PACKAGE = "gateway.ledger"
_NOTHING = Usage()
COLUMNS: tuple[str, ...] = tuple(name for name in Record.__struct_fields__ if name != "usage")
_BEFORE = COLUMNS[: COLUMNS.index("usage_source") + 1]
_AFTER = COLUMNS[COLUMNS.index("usage_source") + 1 :]


class LedgerStore(Protocol):
    """What the drainer needs of a store."""

    def commit(self, records: Sequence[Record], segment: str, offset: int) -> int:
        """Insert records not yet there and remember how far a segment is consumed, in one transaction.

        Returns:
            How many records were new.
        """
        ...

    def offset(self, segment: str) -> int:
        """How many bytes of a segment are consumed; 0 for one never seen."""
        ...

    def forget(self, segment: str) -> None:
        """The segment's file is gone."""
        ...


def row_of(record: Record) -> tuple[Any, ...]:
    """The record as a row of `calls`, in the order of the table's columns."""
    usage = record.usage or _NOTHING
    return (
        *(getattr(record, name) for name in _BEFORE),
        *(getattr(usage, meter) for meter in METERS),
        *(getattr(record, name) for name in _AFTER),
    )


class SqliteLedger:
    """`with SqliteLedger(path) as ledger`. One writer; used from one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queries = named_queries(_PACKAGE)
        self._opened: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        self._opened = open_migrated(self._path, _PACKAGE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            self._opened.close()

    @property
    def _connection(self) -> sqlite3.Connection:
        assert self._opened is not None, "the ledger is used inside `with`"
        return self._opened

    def commit(self, records: Sequence[Record], segment: str, offset: int) -> int:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            before = connection.total_changes
            connection.executemany(self._queries["insert_call"], map(row_of, records))
            new = connection.total_changes - before
            connection.execute(self._queries["put_offset"], {"segment": segment, "offset": offset})
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        return new

    def offset(self, segment: str) -> int:
        row = self._connection.execute(self._queries["get_offset"], {"segment": segment}).fetchone()
        return 0 if row is None else row["offset"]

    def forget(self, segment: str) -> None:
        self._connection.execute(self._queries["drop_offset"], {"segment": segment})
