"""Keeps a process's knowledge of labels equal to the store: asked often, because asking is cheap.

What was last known stays while the store is away, and is kept in a file for the next start.
"""

import contextlib
import logging
import os
import sqlite3
import threading
from pathlib import Path
from typing import Protocol

import msgspec

from gateway.core.clock import Clock
from gateway.prompts.labels.moves import Positions, place_of, place_text
from gateway.prompts.labels.sqlite import PACKAGE
from gateway.prompts.labels.store import positions_in
from gateway.stores.files import write_private
from gateway.stores.reading import StoreUnavailable
from gateway.stores.sqlite import named_queries, open_database

_log = logging.getLogger("gateway.prompts")
_Kept = list[tuple[str, str, str]]


class Source(Protocol):
    """A store that is looked at.

    Attributes:
        poll_s: how often it may be asked.
    """

    poll_s: float

    def look(self) -> Positions | None:
        """Where labels stand; None: as when they were last told.

        Raises:
            StoreUnavailable: it cannot be read; the next look begins anew.
        """
        ...

    def is_there(self) -> bool:
        """False: nothing was ever written to it, as far as can be seen."""
        ...

    def close(self) -> None: ...


class LabelFollower:
    """Attributes:
    positions: where labels stand, as last known.
    fresh_at: monotonic time at which that was last known to be equal to the store.
    last_error: why it may not be, or empty.
    """

    def __init__(self, source: Source, snapshot: Path, clock: Clock) -> None:
        self._source = source
        self._snapshot = snapshot
        self._clock = clock
        self._begun = False
        self._lock = threading.Lock()
        self.positions: Positions = {}
        self.fresh_at = clock.monotonic()
        self.last_error = ""

    @property
    def poll_s(self) -> float:
        return self._source.poll_s

    @property
    def age_s(self) -> float:
        return self._clock.monotonic() - self.fresh_at

    def refresh(self) -> bool:
        """Look, in a thread; whether positions were replaced."""
        with self._lock:
            return self._refresh()

    def _refresh(self) -> bool:
        kept = self._begin()
        try:
            if not self._source.is_there() and not self.positions:
                return kept  # no label was ever moved
            found = self._source.look()
        except StoreUnavailable as error:
            if not self.last_error:
                _log.error("labels of prompts cannot be read, those last known stay: %s", error)
            self.last_error = str(error)
            return kept
        if self.last_error:
            _log.warning("labels of prompts can be read again")
        self.last_error = ""
        self.fresh_at = self._clock.monotonic()
        if found is None:
            return kept
        changed = found != self.positions
        self.positions = found
        if changed:
            self._write()
        return changed or kept

    def close(self) -> None:
        """Waits for a look that is under way: what it reads must not be closed under it."""
        with self._lock:
            self._source.close()

    def _begin(self) -> bool:
        """What an earlier process knew, so that a start with the store away moves no label."""
        if self._begun:
            return False
        self._begun = True
        try:
            kept = msgspec.json.decode(self._snapshot.read_bytes(), type=_Kept)
            found = {(prompt, label): place_of(place) for prompt, label, place in kept}
        except (OSError, ValueError, msgspec.MsgspecError):
            return False
        self.positions = {key: position for key, position in found.items() if position is not None}
        return bool(self.positions)

    def _write(self) -> None:
        kept: _Kept = [(prompt, label, place_text(at)) for (prompt, label), at in self.positions.items()]
        with contextlib.suppress(OSError):  # a convenience for the next start, never worth failing for
            write_private(self._snapshot, msgspec.json.encode(kept))


class SqliteSource:
    """`PRAGMA data_version` says whether another process has written; asking costs microseconds."""

    poll_s = 0.2

    def __init__(self, path: Path) -> None:
        self._path = path
        self._query = named_queries(PACKAGE)["positions"]
        self._connection: sqlite3.Connection | None = None
        self._seen: tuple[int, int] | None = None

    def is_there(self) -> bool:
        return self._path.exists()

    def look(self) -> Positions | None:
        try:
            return self._look()
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreUnavailable(f"{self._path} cannot be read: {error}") from error

    def _look(self) -> Positions | None:
        # The file may be replaced under us (a restore): then our handle reads a ghost.
        inode = os.stat(self._path).st_ino
        if self._connection is not None and self._seen is not None and self._seen[0] != inode:
            self.close()
        if self._connection is None:
            self._connection = open_database(self._path, read_only=True)
        seen = (inode, self._connection.execute("PRAGMA data_version").fetchone()[0])
        if seen == self._seen:
            return None
        found = positions_in([dict(row) for row in self._connection.execute(self._query)])
        self._seen = seen
        return found

    def close(self) -> None:
        self._seen = None
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
