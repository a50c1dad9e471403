"""A keeper's transaction in PostgreSQL."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from gateway.ledger.connecting import bounds_of, chain_of, writer_id
from gateway.ledger.options import LedgerOptions
from gateway.stores.postgres import (
    Connection,
    changed,
    errors_named,
    in_psycopg,
    postgres_queries,
    run,
    written,
)
from gateway.stores.postgres_migrating import connect_migrated

_PACKAGE = "gateway.ledger"
SENT_AT_ONCE = 500  # statements


@contextmanager
def postgres_transaction(options: LedgerOptions, writer: str) -> Generator["PostgresTransaction"]:
    """Raises:
    StoreUnavailable, MigrationError: the database cannot be used.
    """
    assert options.url is not None, "asked for"
    connection = connect_migrated(options.url, bounds_of(options, options.report_timeout_s), _PACKAGE)
    try:
        with errors_named(options.url):
            connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            connection.execute(f"SET LOCAL statement_timeout = {int(options.report_timeout_s * 1000)}".encode())
            # Every commit of a drainer holds its writer's row, and so waits for this.
            connection.execute("LOCK TABLE writers IN EXCLUSIVE MODE")
            yield PostgresTransaction(connection, writer)
            connection.execute("COMMIT")
    finally:
        connection.close()


class PostgresTransaction:
    def __init__(self, connection: Connection, writer: str) -> None:
        self._connection = connection
        self._writer = writer
        self.queries: Mapping[str, str] = postgres_queries(_PACKAGE)

    def rows(self, query: str, values: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        return iter(changed(self._connection, query, values)[0])

    def run(self, query: str, values: Mapping[str, Any] | None = None) -> int:
        return changed(self._connection, query, values)[1]

    def run_all(self, query: str, rows: Sequence[Mapping[str, Any]]) -> None:
        text = in_psycopg(query)
        for first in range(0, len(rows), SENT_AT_ONCE):
            said = [written(self._connection, text, row) for row in rows[first : first + SENT_AT_ONCE]]
            self._connection.execute(";\n".join(said).encode())

    def link_place(self) -> tuple[int, bytes]:
        chain = chain_of(writer_id(self._connection, self.queries, self._writer))
        last = run(self._connection, self.queries["last_link"].format_map(chain)).fetchone()
        seq, digest = last or (chain["first"], b"")
        return seq + 1, digest
