"""Keeps a worker's key snapshot equal to the store: polled, loaded in a thread, swapped whole.

What was last known is also kept in a file of digests, so that a start with the database away refuses nobody who was
known. `PRAGMA data_version` says whether another process has written; asking costs microseconds, so it is asked often.
"""

import asyncio
import contextlib
import logging
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from gateway.core.clock import Clock
from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.identity.keys import KeySnapshot
from gateway.stores.files import write_private
from gateway.stores.sqlite import named_queries, open_database

_log = logging.getLogger("gateway.identity")
POLL_S = 0.2
_Kept = dict[str, Principal]


class KeyFeed:
    """`async with KeyFeed(…) as feed`: `feed.keys.value` is the current snapshot.

    Attributes:
        fresh_at: monotonic time at which the snapshot was last known to be equal to the store.
        last_error: why it may not be, or empty.
    """

    def __init__(self, database: Path, snapshot: Path, clock: Clock, poll_s: float = POLL_S) -> None:
        self._database = database
        self._snapshot = snapshot
        self._clock = clock
        self._poll_s = poll_s
        self._query = named_queries("gateway.identity")["live_keys"]
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None
        self._polling: asyncio.Task[None] | None = None
        self.keys = Live(KeySnapshot())
        self.fresh_at = clock.monotonic()
        self.last_error = ""

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.refresh)
        if self.last_error and (kept := _read_kept(self._snapshot)) is not None:
            self.keys.value = kept
        self._polling = asyncio.create_task(self._poll())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
        self._close()

    @property
    def age_s(self) -> float:
        return self._clock.monotonic() - self.fresh_at

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Load the keys if the store has changed. Runs in a thread; the last snapshot stays if the store is away."""
        try:
            self._refresh()
        except (sqlite3.Error, OSError) as error:
            if not self.last_error:
                _log.error("keys cannot be read, the last known ones go on working: %s", error)
            self.last_error = str(error)
            self._close()
            return
        if self.last_error:
            _log.warning("keys can be read again")
        self.last_error = ""
        self.fresh_at = self._clock.monotonic()

    def _refresh(self) -> None:
        if self._connection is None:
            self._connection = open_database(self._database, read_only=True)
            self._version = None
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        # The file may have been replaced under us (a restore): then our handle reads a ghost.
        if version == self._version and self._same_file():
            return
        rows = self._connection.execute(self._query).fetchall()
        self.keys.value = KeySnapshot({row["digest"]: _principal(row) for row in rows})
        self._version = version
        _write_kept(self._snapshot, self.keys.value)

    def _same_file(self) -> bool:
        inode = self._database.stat().st_ino
        same = inode == getattr(self, "_inode", inode)
        self._inode = inode
        if not same:
            raise sqlite3.OperationalError("the key database was replaced")
        return True

    def _close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _principal(row: sqlite3.Row) -> Principal:
    return Principal(
        key_id=row["id"],
        tenant=row["tenant"],
        team=row["team"],
        owner=row["owner"],
        labels=msgspec.json.decode(row["labels"]),
        expires_at=row["expires_at"],
    )


def _write_kept(path: Path, snapshot: KeySnapshot) -> None:
    kept: _Kept = {digest.hex(): principal for digest, principal in snapshot.principals.items()}
    with contextlib.suppress(OSError):  # a convenience for the next start, never worth failing for
        write_private(path, msgspec.json.encode(kept).decode())


def _read_kept(path: Path) -> KeySnapshot | None:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
        return KeySnapshot({bytes.fromhex(digest): principal for digest, principal in kept.items()})
    except (OSError, ValueError, msgspec.MsgspecError):
        return None
