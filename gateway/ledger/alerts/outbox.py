"""What was found, once each, and to whom it is still to be sent. It survives a restart and a kill."""

import sqlite3
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from gateway.ledger.alerts.events import Event, id_of
from gateway.stores.sqlite import MigrationError, named_queries, open_migrated

_PACKAGE = "gateway.ledger.alerts"
State = Literal["pending", "delivered", "given_up"]
KEPT_S = 400 * 86_400.0


class OutboxUnavailable(Exception):
    """`alerts.db` cannot be read or written now."""


class Due(msgspec.Struct, frozen=True):
    """An event that a webhook is to be told of now. `attempts`: how often that was tried."""

    id: str
    kind: str
    body: str
    attempts: int


class Delivery(msgspec.Struct, frozen=True):
    """`due`: Unix seconds of the next attempt, or of the last. `said`: what came of the last."""

    webhook: str
    state: State
    attempts: int
    due: float
    said: str


class Told(msgspec.Struct, frozen=True):
    id: str
    kind: str
    at: float
    text: str
    deliveries: list[Delivery]


class Outbox:
    """`with Outbox(path) as outbox`. Opened on first use, and anew after an error. May be used from any thread. Every
    method raises OutboxUnavailable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queries = named_queries(_PACKAGE)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._close()

    def add(self, event: Event, webhooks: Sequence[str]) -> bool:
        """Whether it is new; then it is kept, and is to be sent to each of these. What it supersedes counts as told."""
        with self._transaction() as connection:
            if not self._put(connection, event, event.key, event.body.decode()):
                return False
            for key in event.supersedes:
                self._put(connection, event, key, "")
            for name in webhooks:
                values = {"event": event.id, "webhook": name, "due": event.at}
                connection.execute(self._queries["add_delivery"], values)
        return True

    def _put(self, connection: sqlite3.Connection, event: Event, key: str, body: str) -> bool:
        values = {"id": id_of(key), "kind": event.kind, "key": key, "at": event.at, "text": event.text, "body": body}
        return connection.execute(self._queries["add_event"], values).rowcount > 0

    def due(self, webhook: str, now: float) -> list[Due]:
        rows = self._rows("due", {"webhook": webhook, "now": now})
        return [Due(**dict(row)) for row in rows]

    def next_due(self, webhook: str) -> float | None:
        return self._rows("next_due", {"webhook": webhook})[0]["due"]

    def attempted(self, event: str, webhook: str, state: State, due: float, said: str) -> None:
        values = {"event": event, "webhook": webhook, "state": state, "due": due, "said": said}
        with self._transaction() as connection:
            connection.execute(self._queries["attempted"], values)

    def latest(self, limit: int) -> list[Told]:
        """The newest first."""
        return [
            Told(**dict(row), deliveries=self._deliveries(row["id"])) for row in self._rows("latest", {"limit": limit})
        ]

    def _deliveries(self, event: str) -> list[Delivery]:
        return [Delivery(**dict(row)) for row in self._rows("deliveries_of", {"event": event})]

    def mark(self, name: str) -> int | None:
        rows = self._rows("mark", {"name": name})
        return rows[0]["value"] if rows else None

    def put_mark(self, name: str, value: int) -> None:
        with self._transaction() as connection:
            connection.execute(self._queries["put_mark"], {"name": name, "value": value})

    def drop_old(self, now: float) -> None:
        """Longer ago than any period of a budget lasts."""
        with self._transaction() as connection:
            for query in ("drop_deliveries", "drop_events"):
                connection.execute(self._queries[query], {"before": now - KEPT_S})

    def forget(self, about: Callable[[str], bool]) -> int:
        """Drop events by their key, sent or not. → how many."""
        with self._transaction() as connection:
            keys = [row["key"] for row in connection.execute(self._queries["keys"]) if about(row["key"])]
            for key in keys:
                connection.execute(self._queries["forget_deliveries"], {"event": id_of(key)})
                connection.execute(self._queries["forget_event"], {"event": id_of(key)})
        return len(keys)

    def _rows(self, query: str, values: dict[str, Any]) -> list[sqlite3.Row]:
        with self._transaction() as connection:
            return connection.execute(self._queries[query], values).fetchall()

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = open_migrated(self._path, _PACKAGE)
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except (sqlite3.Error, MigrationError, OSError) as error:
                self._close()
                raise OutboxUnavailable(f"{self._path} cannot be used: {error}") from error
            except BaseException:
                self._close()
                raise

    def _close(self) -> None:
        """What was not committed goes with the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
