"""Labels in the state folder: SQLite, one file for all workers of one gateway."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from gateway.stores.reading import StoreUnavailable
from gateway.stores.sqlite import MigrationError, SqliteStore

PACKAGE = "gateway.prompts.labels"


class SqliteDatabase(SqliteStore):
    """What a `Database` is; made if it is not there."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, PACKAGE)

    def __enter__(self) -> Self:
        with self._named():
            return super().__enter__()

    @contextmanager
    def writing(self) -> Generator[None]:
        with self._named(), self._transaction():
            yield

    def rows(self, query: str, **values: object) -> list[dict[str, Any]]:
        with self._named():
            return [dict(row) for row in self._rows(query, **values)]

    @contextmanager
    def _named(self) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, MigrationError) as error:
            raise StoreUnavailable(f"{self._path} cannot be used: {error}") from error
