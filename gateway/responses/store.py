"""The store: SQLite, one file for all workers."""

import sqlite3
from pathlib import Path

import msgspec

from gateway.core.clock import Clock
from gateway.stores.sqlite import SqliteStore

_PACKAGE = "gateway.responses"
MAX_TURNS = 1_000
DAY_S = 86_400


class ResponsesOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes:
    store: whether responses are kept at all; without it, `previous_response_id` is refused.
    keep_days: how long after it was made, or last gone on with.
    """

    store: bool = True
    keep_days: int = 30


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One response.

    Attributes:
        previous: the id of the response it goes on from, or empty. target: `provider/model` that made it.
        native: the upstream speaks the Responses API and knows the id itself.
        input: JSON array of this turn's input items. response: JSON object, as the client got it.
    """

    tenant: str
    id: str
    previous: str = ""
    target: str
    native: bool
    input: bytes
    response: bytes


class ResponseStore(SqliteStore):
    """`with ResponseStore(path, options, clock) as store`. Synchronous and short; async callers use a thread, one at a
    time."""

    def __init__(self, path: Path, options: ResponsesOptions, clock: Clock) -> None:
        super().__init__(path, _PACKAGE)
        self._keep_s = options.keep_days * DAY_S
        self._clock = clock

    def put(self, stored: Stored) -> None:
        """Keep a response; one with its id that is there already stays."""
        row = msgspec.structs.asdict(stored)
        self._execute("put", **row, expires_at=self._now() + self._keep_s)

    def get(self, tenant: str, id: str) -> Stored | None:
        rows = self._rows("get", tenant=tenant, id=id, now=self._now())
        return _stored(rows[0]) if rows else None

    def chain(self, tenant: str, id: str) -> list[Stored]:
        """The response and all it goes back to, oldest first, each kept alive anew; empty if it is not there, or if a
        part of the chain is gone."""
        if not self._rows("get", tenant=tenant, id=id, now=self._now()):
            return []
        chain = [_stored(row) for row in self._rows("chain", tenant=tenant, id=id, limit=MAX_TURNS)]
        if chain[0].previous:
            return []
        for stored in chain:
            self._execute("keep", tenant=tenant, id=stored.id, expires_at=self._now() + self._keep_s)
        return chain

    def delete(self, tenant: str, id: str) -> bool:
        """Whether it was there."""
        found = self.get(tenant, id) is not None
        self._execute("delete", tenant=tenant, id=id, now=self._now())
        return found

    def sweep(self) -> None:
        """Forget what has expired."""
        self._execute("sweep", now=self._now())

    def _now(self) -> int:
        return int(self._clock.now())


def _stored(row: sqlite3.Row) -> Stored:
    return Stored(
        tenant=row["tenant"],
        id=row["id"],
        previous=row["previous"],
        target=row["target"],
        native=bool(row["native"]),
        input=row["input"],
        response=row["response"],
    )
