"""SQLite: opened one way, migrated by numbered files, spoken to in named queries.

A room keeps `queries.sql` (blocks that start with `-- name: something`) and `migrations/NNNN_what.sql` beside its
code. An applied migration is never edited: its digest is kept, and a changed one is refused.
"""

import hashlib
import re
import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

BUSY_TIMEOUT_S = 5.0
PAGE_BYTES = 4_096  # SQLite's own choice
MOST = 2**63 - 1


class MigrationError(Exception):
    """The database and the program's migrations do not belong together."""


def open_database(path: Path, *, read_only: bool = False, page_bytes: int = PAGE_BYTES) -> sqlite3.Connection:
    """A connection in autocommit mode (transactions are written out), WAL, usable from one thread at a time.
    `page_bytes`: of a file that is made now; others stay as they are.

    Raises:
        sqlite3.Error: the file cannot be opened or is not a database.
    """
    target = f"file:{path}?mode=ro" if read_only else path
    connection = sqlite3.connect(
        target, uri=read_only, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        if not read_only:
            connection.execute(f"PRAGMA page_size = {page_bytes}")
            connection.execute("PRAGMA journal_mode = WAL")
            # With NORMAL a power cut may lose the last commits, never the database; a killed process loses nothing.
            connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    return connection


def open_migrated(
    path: Path,
    package: str,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    page_bytes: int = PAGE_BYTES,
) -> sqlite3.Connection:
    """A writable database of this program's own, readable by its user only, with `package`'s migrations applied.

    `functions`: what migrations call besides SQLite's own, by name; of their arguments alone. `page_bytes`: as in
    `open_database`.

    Raises:
        sqlite3.Error: it cannot be opened. MigrationError: it does not belong to this version.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = open_database(path, page_bytes=page_bytes)
    try:
        path.chmod(0o600)
        for name, function in (functions or {}).items():
            connection.create_function(name, -1, function, deterministic=True)
        migrate(connection, package)
    except BaseException:
        connection.close()
        raise
    return connection


class SqliteStore:
    """`with SqliteStore(path, package) as store`: a room's own database and its queries, from one thread at a time."""

    def __init__(self, path: Path, package: str) -> None:
        self._path = path
        self._package = package
        self._queries = named_queries(package)
        self._opened: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        """Raises:
        sqlite3.Error, MigrationError: as `open_migrated`.
        """
        self._opened = open_migrated(self._path, self._package)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            self._opened.close()

    @property
    def _connection(self) -> sqlite3.Connection:
        assert self._opened is not None, "the store is used inside `with`"
        return self._opened

    def _execute(self, query: str, **values: object) -> sqlite3.Cursor:
        return self._connection.execute(self._queries[query], values)

    def _rows(self, query: str, **values: object) -> list[sqlite3.Row]:
        return self._execute(query, **values).fetchall()

    @contextmanager
    def _transaction(self) -> Generator[None]:
        """What is done inside is done as a whole, or not at all."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # of some errors SQLite rolls back by itself
                self._connection.execute("ROLLBACK")
            raise


@cache
def named_queries(package: str, file: str = "queries.sql") -> Mapping[str, str]:
    """The queries of `package`'s queries.sql, by name."""
    text = (files(package) / file).read_text(encoding="utf-8")
    queries: dict[str, str] = {}
    for block in text.split("-- name: ")[1:]:
        name, _, query = block.partition("\n")
        assert name.strip() not in queries, f"two queries of {package} are called {name.strip()}"
        queries[name.strip()] = query.strip().rstrip(";")
    return queries


def migrate(connection: sqlite3.Connection, package: str) -> None:
    """Apply what is missing of `package`'s migrations, in order, each in a transaction of its own.

    Raises:
        MigrationError: an applied migration was edited, or the database is newer than this program.
    """
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, digest TEXT NOT NULL) STRICT")
    migrations = read_migrations(package)
    rows = connection.execute("SELECT name, digest FROM migrations").fetchall()
    for name, script, script_digest in missing_migrations(migrations, {row["name"]: row["digest"] for row in rows}):
        _apply(connection, name, script, script_digest)


def missing_migrations(migrations: Mapping[str, str], applied: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """What is still to be applied, in order: name, script, digest. `applied`: digests by name.

    Raises:
        MigrationError: an applied migration was edited, or the database is newer than this program.
    """
    unknown = sorted(set(applied) - set(migrations))
    if unknown:
        raise MigrationError(f"the database has migration {unknown[-1]}, which this version does not know: upgrade")
    missing: list[tuple[str, str, str]] = []
    for name, script in migrations.items():
        script_digest = hashlib.sha256(script.encode()).hexdigest()
        if name not in applied:
            missing.append((name, script, script_digest))
        elif applied[name] != script_digest:
            raise MigrationError(f"migration {name} was edited after it was applied; add a new one instead")
    return missing


def read_migrations(package: str, folder_name: str = "migrations") -> dict[str, str]:
    """The scripts of `package`'s numbered files, by name, in order."""
    folder = files(package) / folder_name
    found = {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".sql")}
    return dict(sorted(found.items()))


class BoundedSum:
    """SQLite's `sum` of whole numbers, but for the error when it has no room for one: it stops at the largest that it
    has room for."""

    def __init__(self) -> None:
        self._sum: int | None = None

    def step(self, value: int | None) -> None:
        if value is not None:
            self._sum = (self._sum or 0) + value

    def finalize(self) -> Any:
        return None if self._sum is None else max(-MOST, min(self._sum, MOST))


def with_bounded_sums(query: str) -> str:
    """The same with `BoundedSum`, under its name `bounded_sum`: slower, so only where it is needed."""
    return re.sub(r"\bsum\(", "bounded_sum(", query)


def is_overflow(error: sqlite3.Error) -> bool:
    """Whether a sum has more than 64 bits: of nonsense that an upstream once said."""
    return isinstance(error, sqlite3.OperationalError) and str(error) == "integer overflow"


def _apply(connection: sqlite3.Connection, name: str, script: str, script_digest: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Two processes may start together: whoever got the lock second finds the work done.
        if connection.execute("SELECT 1 FROM migrations WHERE name = ?", (name,)).fetchone() is None:
            for statement in script.split(";\n"):
                if statement.strip():
                    _execute(connection, statement)
            connection.execute("INSERT INTO migrations VALUES (?, ?)", (name, script_digest))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _execute(connection: sqlite3.Connection, statement: str) -> None:
    try:
        connection.execute(statement)
    except sqlite3.OperationalError as error:
        if not is_overflow(error):
            raise
        connection.create_aggregate("bounded_sum", 1, BoundedSum)
        connection.execute(with_bounded_sums(statement))
