"""The store: SQLite, one file for all workers."""

import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec

from gateway.core.clock import Clock
from gateway.stores.sqlite import MOST, MigrationError, SqliteStore

_PACKAGE = "gateway.pairs"
DAY_NS = 86_400 * 1_000_000_000
_BODIES = ("request", "primary_answer", "mirror_answer")
_FLAGS = ("stream",)


class PairsUnavailable(Exception):
    """The store cannot be opened or changed now."""


class PairsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much is kept of mirrors with `keep: true`.

    Attributes:
        max_pairs, max_bytes: of all pairs together; the oldest go first. keep_days: none is older.
        max_body_bytes: a request or an answer that is longer is not kept.
    """

    max_pairs: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 10_000
    max_bytes: Annotated[int, msgspec.Meta(ge=0)] = 256 * 1024 * 1024
    max_body_bytes: Annotated[int, msgspec.Meta(ge=0, le=64 * 1024 * 1024)] = 1024 * 1024
    keep_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)] = 30


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two. `answer`: the bytes as they came, an event stream's too. Times since the call began."""

    target: str
    served_model: str
    ttfb_us: int | None
    duration_us: int
    cost_nano: int | None
    answer: bytes


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    id, call: of the mirror's record and of the caller's. model: the name that the caller asked for; mirror_model: the
        mirror's. request: the body as it was sent for the caller, before a target's dialect. user: who the call is for,
        if it says so; kept so that he can be forgotten.
    """

    id: str
    call: str
    at_ns: int
    tenant: str
    team: str
    route: str
    operation: str
    stream: bool
    model: str
    mirror_model: str
    request: bytes
    primary: Answered
    mirror: Answered
    prompt_id: str = ""
    user: str = ""

    @property
    def size(self) -> int:
        return len(self.request) + len(self.primary.answer) + len(self.mirror.answer)


class PairStore(SqliteStore):
    """`with PairStore(path, options, clock) as store`. Synchronous; async callers use a thread, one at a time."""

    def __init__(self, path: Path, options: PairsOptions, clock: Clock) -> None:
        super().__init__(path, _PACKAGE)
        self._options = options
        self._clock = clock

    def put(self, pairs: Sequence[Pair]) -> None:
        """Keep them all, and then no more than is to be kept.

        Raises:
            sqlite3.Error: the disk does not take them; none is kept.
        """
        options = self._options
        before_ns = self._clock.now_ns() - options.keep_days * DAY_NS
        with self._transaction():
            self._connection.executemany(self._queries["put"], [_row(pair) for pair in pairs])
            self._execute("expire", before_ns=before_ns)
            self._execute("trim", max_pairs=options.max_pairs, max_bytes=options.max_bytes)

    def page(
        self, filters: Mapping[str, str], before: tuple[int, str] | None = None, limit: int = 100
    ) -> list[dict[str, Any]]:
        """The latest first, without what was said. `filters`: `route`, `model` (the mirror's), `tenant`. `before`:
        (at_ns, id) of the last one of the page before."""
        before_ns, before_id = (MOST, "") if before is None else before
        words = {name: filters.get(name, "") for name in ("route", "model", "tenant")}
        rows = self._rows("page", **words, before_ns=before_ns, before_id=before_id, limit=limit)
        return [_shown(row) for row in rows]

    def get(self, id: str) -> dict[str, Any] | None:
        """One, with what was said, as text."""
        rows = self._rows("get", id=id)
        return _shown(rows[0]) if rows else None

    def forget(self, user: str, tenant: str | None) -> int:
        """Drop what was said by somebody, in one tenant or in all. → how many pairs."""
        # What was taken out must not stay on the disk in pages that nothing uses any more.
        self._connection.execute("PRAGMA secure_delete = ON")
        with self._transaction():
            count = self._execute("forget", user=user, tenant=tenant or "").rowcount
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return count


@contextmanager
def opened(closed: PairStore) -> Generator[PairStore]:
    """The store, open for as long as this lasts.

    Raises:
        PairsUnavailable: it cannot be opened, read or changed.
    """
    try:
        with closed as store:
            yield store
    except (sqlite3.Error, MigrationError) as error:
        raise PairsUnavailable(f"what mirrors keep cannot be read or changed: {error}") from error


def forget_pairs(closed: PairStore, user: str, tenant: str | None) -> int:
    """As `PairStore.forget`, of a store that is not open.

    Raises:
        PairsUnavailable: it cannot be opened or changed.
    """
    with opened(closed) as store:
        return store.forget(user, tenant)


def _row(pair: Pair) -> dict[str, Any]:
    row = msgspec.structs.asdict(pair)
    for name in ("primary", "mirror"):
        side = msgspec.structs.asdict(row.pop(name))
        row |= {f"{name}_{column}": value for column, value in side.items()}
    return {**row, "size": pair.size}


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    shown: dict[str, Any] = {name: row[name] for name in row.keys()}  # noqa: SIM118  a row iterates over its values
    for name in _BODIES:
        if name in shown:
            shown[name] = shown[name].decode("utf-8", "replace")
    return {name: bool(value) if name in _FLAGS else value for name, value in shown.items()}
