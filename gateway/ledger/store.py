"""Where records end up: the store's protocol, and SQLite as the embedded one."""

import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec

from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.ledger.rollup import RollUp, inputs_digest
from gateway.stores.sqlite import MigrationError, named_queries, open_migrated

_PACKAGE = "gateway.ledger"
WAL_PAGES = 4_000  # 16 MB
_NOTHING = Usage()
_FIELDS = Record.__struct_fields__
_USAGE = _FIELDS.index("usage")
_AFTER = _FIELDS.index("usage_source") + 1


class LedgerUnavailable(Exception):
    """The ledger cannot be read or written now: away, locked, full, damaged, or another version's."""


class LedgerStore(Protocol):
    """What the drainer needs of a store. Every method raises LedgerUnavailable; what then became of a commit, the
    next `offsets` tells."""

    def commit(self, records: Sequence[Record], segment: str, offset: int) -> int:
        """Insert records not yet there, leave those that are as they are, and remember how far a segment is consumed:
        all or nothing.

        Returns:
            How many records were new.
        """
        ...

    def offsets(self) -> Mapping[str, int]:
        """How many bytes of each segment are consumed; segments never seen are left out."""
        ...

    def forget(self, segment: str) -> None:
        """The segment's file is gone."""
        ...


def row_of(record: Record) -> tuple[Any, ...]:
    """The record as a row of `calls`, in the order of `insert_call`."""
    fields = msgspec.structs.astuple(record)
    meters = msgspec.structs.astuple(record.usage or _NOTHING)
    return (*fields[:_USAGE], record.usage_source, *meters, *fields[_AFTER:])


class SqliteLedger:
    """`with SqliteLedger(path) as ledger`. One writer; used from one thread at a time.

    After any error, and when the file at `path` has been moved away or replaced, it is opened anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queries = named_queries(_PACKAGE)
        self._connection: sqlite3.Connection | None = None
        self._rollup: RollUp | None = None
        self._identity = (0, 0)

    def __enter__(self) -> Self:
        """Raises:
        LedgerUnavailable: it cannot be opened; the message says why.
        """
        with self._errors_named():
            self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def commit(self, records: Sequence[Record], segment: str, offset: int) -> int:
        with self._transaction() as connection:
            new = self._insert(connection, records)
            assert self._rollup is not None, "it comes with the connection"
            self._rollup.add(new)
            connection.execute(self._queries["put_offset"], {"segment": segment, "offset": offset})
        return len(new)

    def offsets(self) -> dict[str, int]:
        with self._transaction() as connection:
            return {row["segment"]: row["offset"] for row in connection.execute(self._queries["all_offsets"])}

    def forget(self, segment: str) -> None:
        with self._transaction() as connection:
            connection.execute(self._queries["drop_offset"], {"segment": segment})

    def _insert(self, connection: sqlite3.Connection, records: Sequence[Record]) -> Sequence[Record]:
        """Insert and return those that were not there yet: mostly all, and that is told more cheaply than which."""
        insert, before = self._queries["insert_call"], connection.total_changes
        connection.executemany(insert, map(row_of, records))
        if connection.total_changes - before == len(records):
            return records
        connection.execute("ROLLBACK")  # not to a savepoint: SQLite would copy every page that was changed since
        connection.execute("BEGIN IMMEDIATE")
        cursor = connection.cursor()
        return [record for record in records if cursor.execute(insert, row_of(record)).rowcount]

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._errors_named():
            if self._connection is None:
                self._open()
            elif self._file_identity() != self._identity:
                raise LedgerUnavailable(f"{self._path} was moved or replaced; it is opened anew")
            connection = self._connection
            assert connection is not None, "just opened"
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def _errors_named(self) -> Generator[None]:
        """Errors under one name; the connection goes with them, and with it whatever it had not committed."""
        try:
            yield
        except (sqlite3.Error, MigrationError, OSError) as error:
            self._close()
            raise LedgerUnavailable(f"the ledger {self._path} cannot be used: {error}") from error
        except BaseException:
            self._close()
            raise

    def _open(self) -> None:
        self._connection = open_migrated(self._path, _PACKAGE, {"inputs_digest": inputs_digest})
        self._rollup = RollUp(self._connection)
        self._identity = self._file_identity()
        # A journal is removed because of a commit, so a commit has to survive what the journal would have survived.
        self._connection.execute("PRAGMA synchronous = FULL")
        # Pages that many commits change (the hour's sums, the indexes' ends) are copied into the file once for all.
        self._connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")

    def _file_identity(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return (0, 0)
        return (found.st_dev, found.st_ino)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = self._rollup = None
