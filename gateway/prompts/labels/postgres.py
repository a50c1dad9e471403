"""Labels in PostgreSQL: one place for several gateways. Its tables may stand beside the ledger's."""

from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from gateway.prompts.labels.moves import Positions
from gateway.prompts.labels.sqlite import PACKAGE
from gateway.prompts.labels.store import positions_in
from gateway.stores.postgres import (
    Connection,
    PostgresOptions,
    answering_within,
    changed,
    errors_named,
    place_of,
    run,
)
from gateway.stores.postgres_migrating import connect_migrated
from gateway.stores.reading import StoreUnavailable
from gateway.stores.sqlite import MigrationError, named_queries

MIGRATIONS_TABLE = "prompt_migrations"
# Two writers at once could commit in the other order of their numbers, and whoever follows would miss one.
_ONE_WRITER = "LOCK TABLE label_moves IN SHARE ROW EXCLUSIVE MODE"


class PostgresDatabase:
    """What a `Database` is. Connects when it is first asked; after an error, anew."""

    def __init__(self, url: str, options: PostgresOptions) -> None:
        self._url, self._options = url, options
        self._queries = named_queries(PACKAGE)
        self._connection: Connection | None = None
        self._writing = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    @contextmanager
    def writing(self) -> Generator[None]:
        timeout_ms = int(self._options.statement_timeout_s * 1000)
        with self._connected() as connection, connection.transaction():
            run(connection, f"SET LOCAL statement_timeout = {timeout_ms}; {_ONE_WRITER}")
            self._writing = True
            try:
                yield
            finally:
                self._writing = False

    def rows(self, query: str, **values: object) -> list[dict[str, Any]]:
        with self._connected() as connection:
            return changed(connection, self._queries[query], values)[0]

    @contextmanager
    def _connected(self) -> Generator[Connection]:
        if self._writing and self._connection is not None:  # within a transaction, whose errors are its own to handle
            yield self._connection
            return
        try:
            with errors_named(self._url):
                connection = self._connection or self._open()
                with answering_within(connection, self._options.statement_timeout_s):
                    yield connection
        except StoreUnavailable:
            self._close()
            raise
        except MigrationError as error:
            self._close()
            raise StoreUnavailable(f"{place_of(self._url)} cannot be used: {error}") from error

    def _open(self) -> Connection:
        self._connection = connect_migrated(self._url, self._options, PACKAGE, MIGRATIONS_TABLE)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class PostgresSource:
    """Followed by the number of the last move: one writer at a time makes them in order."""

    poll_s = 1.0

    def __init__(self, url: str, options: PostgresOptions) -> None:
        self._database = PostgresDatabase(url, options)
        self._newest: int | None = None

    def is_there(self) -> bool:
        return True

    def look(self) -> Positions | None:
        try:
            # Asked first: what is written in between is seen again by the next look.
            newest = self._database.rows("newest_move")[0]["id"]
            if newest == self._newest:
                return None
            found = positions_in(self._database.rows("positions"))
        except StoreUnavailable:
            self._newest = None
            raise
        self._newest = newest
        return found

    def close(self) -> None:
        self._newest = None
        self._database.__exit__(None, None, None)
