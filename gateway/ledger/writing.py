"""Changes to the ledger by its keepers (erasures, closed months, corrections), in one transaction without drainers."""

import logging
import sqlite3
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Protocol

from gateway.ledger.chain import link_digest
from gateway.ledger.options import LedgerPlace, why_not_installed
from gateway.ledger.rollup import inputs_digest
from gateway.ledger.store import LedgerUnavailable
from gateway.ledger.sums import MOST
from gateway.stores.reading import StoreUnavailable
from gateway.stores.sqlite import MigrationError, named_queries, open_migrated

_log = logging.getLogger("gateway.ledger")
_PACKAGE = "gateway.ledger"
# Whose links say what keepers changed.
WRITER = "keeper"
Values = Mapping[str, Any]


class Transaction(Protocol):
    """Attributes:
    queries: the ledger's named queries, in this database's words.
    """

    queries: Mapping[str, str]

    def rows(self, query: str, values: Values | None = None) -> Iterator[dict[str, Any]]: ...

    def run(self, query: str, values: Values | None = None) -> int:
        """How many rows it changed."""
        ...

    def run_all(self, query: str, rows: Sequence[Values]) -> None:
        """The same query with the values of each row."""
        ...

    def link_place(self) -> tuple[int, bytes]:
        """The number that a new link of keepers has, and the digest of the one before."""
        ...


def one(transaction: Transaction, query: str, values: Values | None = None) -> dict[str, Any] | None:
    return next(transaction.rows(query, values), None)


def add_link(transaction: Transaction, seals: Sequence[bytes], now_ns: int) -> int:
    """Make a link over these seals; its number."""
    seq, before = transaction.link_place()
    digest = link_digest(before, seq, WRITER, seals)
    values = {"seq": seq, "writer": WRITER, "made_ns": now_ns, "digest": digest}
    transaction.run(transaction.queries["add_keepers_link"], values)
    return seq


def interned(transaction: Transaction, table: str, columns: Sequence[str], values: Values) -> int:
    """The id of the inputs with these values, which are added if they are new. Named in `table` by their digest."""
    digest = inputs_digest(*(values[name] for name in columns))
    text = transaction.queries["add_inputs"].format(
        table=table, columns=", ".join(columns), values=", ".join(f":{name}" for name in columns)
    )
    transaction.run(text, {**{name: values[name] for name in columns}, "digest": digest})
    found = one(transaction, transaction.queries["inputs_id"].format(table=table), {"digest": digest})
    assert found is not None, "just added"
    return found["id"]


def added_sums(table: str, sums: Sequence[str]) -> str:
    """The sums of two rows, which stop at the largest that a store can hold; of moments, the later."""
    return ", ".join(
        f"{name} = CASE WHEN excluded.{name} > {table}.{name} THEN excluded.{name} ELSE {table}.{name} END"
        if name == "last_ns"
        else f"{name} = CASE WHEN excluded.{name} <= 0 THEN {table}.{name} + excluded.{name} "
        f"WHEN {table}.{name} > {MOST} - excluded.{name} THEN {MOST} ELSE {table}.{name} + excluded.{name} END"
        for name in sums
    )


@contextmanager
def ledger_transaction(place: LedgerPlace) -> Generator[Transaction | None]:
    """All or nothing; None if there is no ledger yet.

    Raises:
        LedgerUnavailable: it cannot be read or written, or somebody else writes for too long.
    """
    if why := why_not_installed(place.options):
        raise LedgerUnavailable(why)
    if place.options.url is None and not place.file.exists():
        yield None
        return
    try:
        with _transaction(place) as transaction:
            yield transaction
    except (sqlite3.Error, StoreUnavailable, MigrationError) as error:
        raise LedgerUnavailable(f"the ledger cannot be changed: {error}") from error


@contextmanager
def _transaction(place: LedgerPlace) -> Generator[Transaction]:
    if place.options.url is None:
        functions = {"inputs_digest": inputs_digest}
        with closing(open_migrated(place.file, _PACKAGE, functions)) as connection:
            # What was taken out must not stay on the disk in pages that nothing uses any more.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("BEGIN IMMEDIATE")
            yield _Sqlite(connection)
            connection.execute("COMMIT")
            if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                _log.warning(
                    "%s is being read: until it is written to again, what was taken out is still on its disk",
                    place.file,
                )
        return
    from gateway.ledger.postgres_writing import postgres_transaction  # an extra: not everybody has it

    with postgres_transaction(place.options, WRITER) as transaction:
        yield transaction


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.queries = named_queries(_PACKAGE)

    def rows(self, query: str, values: Values | None = None) -> Iterator[dict[str, Any]]:
        # Whole, because what is read is changed meanwhile.
        return iter([dict(row) for row in self._connection.execute(query, values or {}).fetchall()])

    def run(self, query: str, values: Values | None = None) -> int:
        return self._connection.execute(query, values or {}).rowcount

    def run_all(self, query: str, rows: Sequence[Values]) -> None:
        self._connection.executemany(query, rows)

    def link_place(self) -> tuple[int, bytes]:
        seq, digest = self._connection.execute(self.queries["last_link"]).fetchone() or (0, b"")
        return seq + 1, digest
