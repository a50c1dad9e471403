"""Where records end up: the store's protocol, and SQLite as the embedded one."""

import sqlite3
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from gateway.core.clock import Clock, SystemClock
from gateway.core.feedback import Feedback
from gateway.core.record import Record
from gateway.ledger.chain import link_digest
from gateway.ledger.encoding import Encoded
from gateway.ledger.inserting import Inserting
from gateway.ledger.months import Month
from gateway.ledger.rollup import inputs_digest
from gateway.ledger.rows import Person
from gateway.stores.sqlite import MigrationError, named_queries, open_migrated

_PACKAGE = "gateway.ledger"
PAGE_BYTES = 8_192  # of new files: a tenth less work than with half of it, and a sixth less room
WAL_BYTES = 16 * 1024 * 1024
CACHE_KB = 8_000  # a commit's pages: ids of answers come in no order, and change all that their hour's index has
DROPPED_CALLS = 2_000  # of old months, in one transaction: a fraction of a second, and of what a commit holds in memory


class LedgerUnavailable(Exception):
    """The ledger cannot be read or written now: away, locked, full, damaged, or another version's."""


class LedgerStore(Protocol):
    """What the drainer needs of a store. Every method raises LedgerUnavailable; what then became of a commit, the
    next `offsets` tells."""

    def commit(self, records: Iterable[Record], segment: str, offset: int, feedback: Sequence[Feedback] = ()) -> int:
        """Insert records and feedback not yet there, leave those that are as they are, and remember how far a segment
        is consumed: all or nothing. All records are read before that is done, and before feedback is looked at; which
        may be there before its call is.

        Returns:
            How many records were new.
        """
        ...

    def offsets(self) -> Mapping[str, int]:
        """How many bytes of each segment are consumed; segments never seen are left out."""
        ...

    def forget(self, segment: str) -> None:
        """The segment's file is gone."""
        ...

    def tidy(self, now: Month, oldest: Month | None) -> bool:
        """Be ready for calls of this month and the next, and drop calls, attempts, charges and feedback of months
        before `oldest`; what they add up to stays. A bounded part of it at a time.

        Returns:
            Whether something is left to be dropped.
        """
        ...


class SqliteLedger:
    """`with SqliteLedger(path) as ledger`. One writer; used from one thread at a time.

    After any error, and when the file at `path` has been moved away or replaced, it is opened anew.
    """

    form = "sqlite"

    def __init__(self, path: Path, clock: Clock | None = None, writer: str = "") -> None:
        """`writer`: who seals what is committed here, for people who read the chain."""
        self._path = path
        self._clock = clock or SystemClock()
        self._writer = writer
        self._queries = named_queries(_PACKAGE)
        self._connection: sqlite3.Connection | None = None
        self._inserting: Inserting | None = None
        self._identity = (0, 0)
        self._erasures = 0
        self.next_link = 0

    def __enter__(self) -> Self:
        """Raises:
        LedgerUnavailable: it cannot be opened; the message says why.
        """
        with self._errors_named():
            self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def commit(self, records: Iterable[Record], segment: str, offset: int, feedback: Sequence[Feedback] = ()) -> int:
        with self._transaction() as connection:
            inserting = self._for_people_now_known(connection)
            last = self._last_link(connection)
            seals = inserting.insert(records, last[0] + 1)
            inserting.say(feedback)
            self._finish(connection, last, seals, segment, offset)
        return len(seals)

    def commit_encoded(self, encoded: Encoded, segment: str, offset: int) -> bool:
        with self._transaction() as connection:
            last = self._last_link(connection)
            fits = (encoded.link, self._erasures) == (last[0] + 1, self._last_erasure(connection))
            if not fits or not self._remembering().insert_encoded(encoded):
                connection.execute("ROLLBACK")
                return False
            self._finish(connection, last, encoded.sealed, segment, offset)
        return True

    def people_ids(self, people: Sequence[Person]) -> list[int]:
        """As they are remembered: if somebody was taken out since, what is encoded with them will not fit."""
        with self._transaction():
            return [self._remembering().person(who) for who in people]

    def offsets(self) -> dict[str, int]:
        with self._transaction() as connection:
            return {row["segment"]: row["offset"] for row in connection.execute(self._queries["offsets_of_all"])}

    def forget(self, segment: str) -> None:
        with self._transaction() as connection:
            connection.execute(self._queries["drop_offset"], {"segment": segment})

    def tidy(self, now: Month, oldest: Month | None) -> bool:
        del now  # a table has room for any month
        if oldest is None:
            return False
        with self._transaction() as connection:
            asked = {"before": oldest.first_id, "limit": DROPPED_CALLS}
            last: str | None = connection.execute(self._queries["oldest_calls"], asked).fetchone()["last"]
            if last is None:
                connection.execute(self._queries["drop_feedback"], {"before": oldest.first_id})
                return False
            told = connection.execute(self._queries["expired_before_ns"]).fetchone()["expired_before_ns"]
            if told < oldest.begin_ns:
                self._add_link(connection, self._last_link(connection), [], oldest.begin_ns)
            for query in ("drop_charges", "drop_attempts", "drop_feedback_of_calls", "drop_calls"):
                connection.execute(self._queries[query], {"last": last})
        return True

    def _last_link(self, connection: sqlite3.Connection) -> tuple[int, bytes]:
        seq, digest = connection.execute(self._queries["last_link"]).fetchone() or (0, b"")
        return seq, digest

    def _finish(
        self,
        connection: sqlite3.Connection,
        last: tuple[int, bytes],
        seals: Sequence[bytes],
        segment: str,
        offset: int,
    ) -> None:
        """What comes with calls that were inserted, and how far they were read."""
        if seals:
            self._add_link(connection, last, seals)
        connection.execute(self._queries["put_offset"], {"segment": segment, "offset": offset})
        self.next_link = last[0] + 1 + bool(seals)

    def _add_link(
        self,
        connection: sqlite3.Connection,
        last: tuple[int, bytes],
        seals: Sequence[bytes],
        expired_before_ns: int | None = None,
    ) -> None:
        seq = last[0] + 1
        digest = link_digest(last[1], seq, self._writer, seals, expired_before_ns)
        link = (seq, self._writer, self._clock.now_ns(), len(seals), digest, expired_before_ns)
        connection.execute(self._queries["add_link"], link)

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._errors_named():
            if self._connection is None:
                self._open()
            elif self._file_identity() != self._identity:
                raise LedgerUnavailable(f"{self._path} was moved or replaced; it is opened anew")
            connection = self._connection
            assert connection is not None, "just opened"
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            if connection.in_transaction:
                connection.execute("COMMIT")

    def _remembering(self) -> Inserting:
        assert self._inserting is not None, "it comes with the connection"
        return self._inserting

    def _for_people_now_known(self, connection: sqlite3.Connection) -> Inserting:
        """Somebody else may have taken people out: ids of names and of inputs that are remembered may be gone."""
        erasures = self._last_erasure(connection)
        if erasures != self._erasures:
            self._erasures = erasures
            self._inserting = Inserting(connection)
        return self._remembering()

    def _last_erasure(self, connection: sqlite3.Connection) -> int:
        (erasures,) = connection.execute(self._queries["last_erasure"]).fetchone()
        return erasures

    @contextmanager
    def _errors_named(self) -> Generator[None]:
        """Errors under one name; the connection goes with them, and with it whatever it had not committed."""
        try:
            yield
        except (sqlite3.Error, MigrationError, OSError) as error:
            self._close()
            raise LedgerUnavailable(f"the ledger {self._path} cannot be used: {error}") from error
        except BaseException:
            self._close()
            raise

    def _open(self) -> None:
        self._connection = open_migrated(self._path, _PACKAGE, {"inputs_digest": inputs_digest}, PAGE_BYTES)
        self._inserting = Inserting(self._connection)
        self._identity = self._file_identity()
        # A journal is removed because of a commit, so a commit has to survive what the journal would have survived.
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")
        # Pages that many commits change (the hour's sums, the indexes' ends) are copied into the file once for all.
        (page_bytes,) = self._connection.execute("PRAGMA page_size").fetchone()
        self._connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_BYTES // page_bytes}")

    def _file_identity(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return (0, 0)
        return (found.st_dev, found.st_ino)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = self._inserting = None
