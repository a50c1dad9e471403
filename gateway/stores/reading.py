"""Reading a database of either kind by the same named queries: read-only, from one snapshot, a row at a time.

A query is written once, for SQLite and PostgreSQL alike: parameters are `:name`, conditions are counted with
`count(*) FILTER (WHERE …)`, `"user"` and `"offset"` stand in quotes. Where the two cannot agree, a block of the same
name in `queries_postgres.sql` takes the place of the one in `queries.sql`.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from gateway.stores.sqlite import BoundedSum, is_overflow, named_queries, open_database, with_bounded_sums

CACHE_KIB = 8 * 1024  # of SQLite's pages: what a report sorts at a time fits in as well


class StoreUnavailable(Exception):
    """The database cannot be read or written now; the message says why, and holds no secret and no row."""


class Reader(Protocol):
    """`with reader:` one snapshot of the database: what is written meanwhile is not seen.

    Attributes:
        kind: `sqlite` or `postgres`.
        queries: the package's named queries, in this database's words.
    """

    kind: str
    queries: Mapping[str, str]

    def __enter__(self) -> Self:
        """Raises:
        StoreUnavailable: it cannot be opened.
        """
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def rows(self, query: str, values: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """The rows of a query, given by its text, as they come: several may be read by turns. Values are whole
        numbers, texts, bytes or None; sums come as whole numbers; SQLite's stop
        at 64 bits.

        Raises:
            StoreUnavailable: it cannot be read, or takes longer than it may.
        """
        ...

    def tuples(self, query: str, values: Mapping[str, Any] | None = None) -> Iterator[tuple[Any, ...]]:
        """The same, of each row its values only: quicker where there are many."""
        ...

    def one(self, query: str, values: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """The first row, or None."""
        return next(self.rows(query, values), None)

    def has_table(self, name: str) -> bool: ...

    def has_column(self, table: str, name: str) -> bool: ...


class SqliteReader(Reader):
    """`functions`: what queries call besides SQLite's own, by name, each of its arguments alone."""

    kind = "sqlite"

    def __init__(self, path: Path, package: str, functions: Mapping[str, Callable[..., Any]] | None = None) -> None:
        self._path = path
        self._functions = functions or {}
        self._connection: sqlite3.Connection | None = None
        self.queries = named_queries(package)

    def __enter__(self) -> Self:
        try:
            self._connection = open_database(self._path, read_only=True)
            for name, function in self._functions.items():
                self._connection.create_function(name, -1, function, deterministic=True)
            self._connection.create_aggregate("bounded_sum", 1, BoundedSum)
            self._connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self._connection.execute("BEGIN")
        except sqlite3.Error as error:
            self.__exit__(None, None, None)
            raise StoreUnavailable(f"{self._path} cannot be read: {error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def rows(self, query: str, values: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        names: list[str] = []
        for row in self._read(query, values):
            # A row's own lookup by name compares with each of its columns.
            names = names or row.keys()
            yield dict(zip(names, row, strict=True))

    def tuples(self, query: str, values: Mapping[str, Any] | None = None) -> Iterator[tuple[Any, ...]]:
        return map(tuple, self._read(query, values))

    def _read(self, query: str, values: Mapping[str, Any] | None) -> Iterator[sqlite3.Row]:
        assert self._connection is not None, "entered"
        came = 0
        try:
            try:
                for row in self._connection.execute(query, values or {}):
                    yield row
                    came += 1
            except sqlite3.OperationalError as error:
                if not is_overflow(error):
                    raise
                again = self._connection.execute(with_bounded_sums(query), values or {})
                yield from islice(again, came, None)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self._path} cannot be read: {error}") from error

    def has_table(self, name: str) -> bool:
        found = self.one("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :name", {"name": name})
        return found is not None

    def has_column(self, table: str, name: str) -> bool:
        query = "SELECT 1 FROM pragma_table_info(:table) WHERE name = :name"
        return self.one(query, {"table": table, "name": name}) is not None
