"""PostgreSQL by psycopg 3: opened one way, with every wait bounded, and errors that hold no secret and no row.

Why psycopg and not asyncpg: the ledger's one writer works in a thread, not on an event loop, so an asynchronous driver
would only bring a loop along; libpq knows every way to say where a server is and how to trust it (`sslmode`,
`service`, several hosts, `target_session_attrs`, `.pgpass`); and COPY takes bytes that the caller has encoded.

Nothing is kept in the session between transactions, so a pooler in transaction mode (PgBouncer) may stand in between.
"""

import os
import re
import socket
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Annotated, Any, Self, TypeVar

import msgspec
import psycopg
from psycopg import conninfo
from psycopg.adapt import Loader
from psycopg.rows import RowFactory, dict_row, tuple_row
from psycopg.types.string import TextLoader

from gateway.stores.reading import Reader, StoreUnavailable
from gateway.stores.sqlite import named_queries

Connection = psycopg.Connection[tuple[Any, ...]]
_Cursor = psycopg.Cursor[tuple[Any, ...]]
_Row = TypeVar("_Row")
FETCHED_ROWS = 1_000
WORK_MEM = "16MB"  # of what a report adds up; with less, PostgreSQL sorts its rows on the disk instead
_Seconds = Annotated[float, msgspec.Meta(gt=0)]


class PostgresOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    connect_timeout_s: for each host of the URL. statement_timeout_s: the server gives up after it.
    silence_timeout_s: for how long a server may not answer at all, not even the network's own questions, until the
        connection counts as dead.
    """

    connect_timeout_s: Annotated[int, msgspec.Meta(ge=1)] = 5
    statement_timeout_s: _Seconds = 20.0
    silence_timeout_s: Annotated[int, msgspec.Meta(ge=2)] = 15


def why_no_url(url: str) -> str:
    """What is wrong with a connection URL, in words that do not show it; empty if it can be read. What libpq says of
    one may hold its password."""
    if not url:
        return "is empty; is the environment variable set?"
    if not url.startswith(("postgresql://", "postgres://")):
        return "must start with postgresql://"
    try:
        conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        return "cannot be read; a URL is postgresql://user:password@host:5432/database?sslmode=verify-full"
    return ""


def place_of(url: str) -> str:
    """Host and database, for people: no user, no password."""
    if why_no_url(url):
        return "PostgreSQL"
    parts = conninfo.conninfo_to_dict(url)
    return f"PostgreSQL at {parts.get('host', 'localhost')}, database {parts.get('dbname', '')}"


def connect(url: str, options: PostgresOptions) -> Connection:
    """A connection in autocommit mode (transactions are written out), with no prepared statements.

    Raises:
        StoreUnavailable: it cannot be opened, or the database is not in UTF-8.
    """
    silence = options.silence_timeout_s
    settings: dict[str, Any] = {
        "connect_timeout": options.connect_timeout_s,
        # A server that is gone without a word: the kernel asks, and gives up on what it could not deliver.
        "keepalives": 1,
        "keepalives_idle": max(1, silence // 3),
        "keepalives_interval": max(1, silence // 6),
        "keepalives_count": 4,
        "tcp_user_timeout": silence * 1000,
        "application_name": "llm-gateway",
    }
    with errors_named(url):
        # What the URL says goes before.
        text = conninfo.make_conninfo("", **{**settings, **conninfo.conninfo_to_dict(url)})
        connection = psycopg.connect(text, autocommit=True, prepare_threshold=None)
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            connection.close()
            raise StoreUnavailable(f"{place_of(url)} is in {encoding}; make the database with ENCODING 'UTF8'")
    connection.adapters.register_loader("uuid", TextLoader)
    connection.adapters.register_loader("numeric", _WholeNumeric)
    return connection


def run(connection: Connection, query: str, values: Mapping[str, Any] | Sequence[Any] | None = None) -> _Cursor:
    """Without values, several statements at once. The text is the program's own: words of others are values."""
    return connection.execute(query.encode(), values)


def written(connection: Connection, query: str, values: Mapping[str, Any]) -> str:
    """The query with its values in it, by libpq's rules, so that several can be sent as one."""
    return psycopg.ClientCursor(connection).mogrify(query.encode(), values)


@contextmanager
def answering_within(connection: Connection, seconds: float) -> Generator[None]:
    """End the connection if what is done inside takes longer. A server that is stopped, and not dead, still has its
    kernel answer for it: neither keepalive nor the server's own timeouts end a wait for that one."""
    lock, under_way = threading.Lock(), True

    def give_up() -> None:
        with lock:
            if under_way:
                with socket.socket(fileno=os.dup(connection.fileno())) as ours:
                    ours.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            under_way = False
        timer.cancel()


@contextmanager
def errors_named(url: str) -> Generator[None]:
    """psycopg's errors under one name, told without the rows that a server quotes in its details."""
    try:
        yield
    except psycopg.Error as error:
        raise StoreUnavailable(f"{place_of(url)} cannot be used: {_reason(error, url)}") from None


def _reason(error: psycopg.Error, url: str) -> str:
    if error.sqlstate:
        return f"{error.diag.message_primary} ({error.sqlstate})"
    said = " ".join(str(error).split()) or type(error).__name__
    secret = conninfo.conninfo_to_dict(url).get("password")
    return said.replace(str(secret), "…") if secret else said


_WORDS = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|::|:(?P<name>[a-z_]\w*)|%", re.IGNORECASE)


def in_psycopg(query: str) -> str:
    """A query with `:name` parameters in psycopg's own form; texts, comments and casts stay as they are."""

    def form(found: re.Match[str]) -> str:
        name = found["name"]
        return f"%({name})s" if name else found[0].replace("%", "%%")

    return _WORDS.sub(form, query)


def changed(
    connection: Connection, query: str, values: Mapping[str, Any] | None = None
) -> tuple[list[dict[str, Any]], int]:
    """Run a query with `:name` parameters; its rows, whole, and how many rows it changed or found."""
    # Values are written into the query's text by libpq's rules: none needs a type then.
    with psycopg.ClientCursor(connection, row_factory=dict_row) as cursor:
        cursor.execute(in_psycopg(query).encode(), values or {})
        return [] if cursor.description is None else cursor.fetchall(), cursor.rowcount


def postgres_queries(package: str) -> Mapping[str, str]:
    """`package`'s queries, those of `queries_postgres.sql` in the place of those of the same name."""
    return {**named_queries(package), **named_queries(package, "queries_postgres.sql")}


class _WholeNumeric(Loader):
    """Sums of 64-bit numbers come as `numeric`; with nothing after the point they are whole numbers."""

    def load(self, data: Any) -> int | float:
        text = bytes(data).decode()
        return float(text) if "." in text else int(text)


class PostgresReader(Reader):
    """`with PostgresReader(url, options, package) as reader`: what a `Reader` is."""

    kind = "postgres"

    def __init__(self, url: str, options: PostgresOptions, package: str) -> None:
        self._url = url
        self._options = options
        self._connection: Connection | None = None
        self._cursors = 0
        self.queries = postgres_queries(package)

    def __enter__(self) -> Self:
        self._connection = connection = connect(self._url, self._options)
        # Values are written into the query's text by libpq's rules: `:team IS NULL` needs no type then.
        connection.cursor_factory = psycopg.ClientCursor
        timeout_ms = int(self._options.statement_timeout_s * 1000)
        try:
            with errors_named(self._url):
                run(
                    connection,
                    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                    f"SET LOCAL statement_timeout = {timeout_ms}; SET LOCAL cursor_tuple_fraction = 1;"
                    f"SET LOCAL work_mem = '{WORK_MEM}'",
                )
        except StoreUnavailable:
            connection.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def rows(self, query: str, values: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        return self._read(dict_row, query, values)

    def tuples(self, query: str, values: Mapping[str, Any] | None = None) -> Iterator[tuple[Any, ...]]:
        return self._read(tuple_row, query, values)

    def _read(self, form: RowFactory[_Row], query: str, values: Mapping[str, Any] | None) -> Iterator[_Row]:
        """By a cursor on the server, so that neither side ever holds a large answer whole."""
        assert self._connection is not None, "entered"
        self._cursors += 1
        name = f"rows_{self._cursors}"
        with errors_named(self._url), self._connection.cursor(row_factory=form) as cursor:
            cursor.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {in_psycopg(query)}".encode(), values or {})
            while True:
                rows = cursor.execute(f"FETCH {FETCHED_ROWS} FROM {name}".encode()).fetchall()
                yield from rows
                if len(rows) < FETCHED_ROWS:
                    break
            cursor.execute(f"CLOSE {name}".encode())

    def has_table(self, name: str) -> bool:
        found = self.one("SELECT to_regclass(:name) IS NOT NULL AS found", {"name": name})
        return bool(found and found["found"])

    def has_column(self, table: str, name: str) -> bool:
        query = "SELECT 1 AS found FROM pg_attribute WHERE attrelid = to_regclass(:table) AND attname = :name"
        return self.one(query, {"table": table, "name": name}) is not None
