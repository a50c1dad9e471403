"""A keeper's transaction in PostgreSQL."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gateway.ledger.chain import CHAIN_BITS
from gateway.ledger.options import LedgerOptions
from gateway.stores.postgres import Connection, PostgresOptions, changed, errors_named, postgres_queries
from gateway.stores.postgres_migrating import connect_migrated

_PACKAGE = "gateway.ledger"


@contextmanager
def postgres_transaction(options: LedgerOptions, writer: str) -> Generator["PostgresTransaction"]:
    """Raises:
    StoreUnavailable, MigrationError: the database cannot be used.
    """
    assert options.url is not None, "asked for"
    bounds = PostgresOptions(
        connect_timeout_s=options.connect_timeout_s,
        statement_timeout_s=options.report_timeout_s,
        silence_timeout_s=options.silence_timeout_s,
    )
    connection = connect_migrated(options.url, bounds, _PACKAGE)
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

    def link_place(self) -> tuple[int, bytes]:
        name = {"name": self._writer}
        self._connection.execute(self.queries["add_writer"].encode(), name)
        found = self._connection.execute(self.queries["writer_id"].encode(), name).fetchone()
        assert found is not None, "just added"
        first = found[0] << CHAIN_BITS
        query = self.queries["last_link"].format(first=first, last=first + (1 << CHAIN_BITS) - 1)
        last = self._connection.execute(query.encode()).fetchone()
        seq, digest = last or (first, b"")
        return seq + 1, digest
