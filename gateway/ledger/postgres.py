"""The ledger in PostgreSQL, for several gateways at once: each has a chain of links of its own, and its own offsets.

One commit:  people                          by themselves: unused ones do no harm
             BEGIN, hold the writer          whoever else commits for this writer (an older self, cut off) is waited for
             COPY calls, attempts, charges   nothing that other gateways wait for
             inputs that are new
             sums, link, offset, COMMIT      in one message, with feedback; each table in the order of its keys, so that
                                             gateways may wait for each other's last message, and never in a circle
"""

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import msgspec
import psycopg

from gateway.core.clock import Clock, SystemClock
from gateway.core.feedback import Feedback
from gateway.core.record import Record
from gateway.ledger.chain import link_digest
from gateway.ledger.chunks import in_chunks
from gateway.ledger.connecting import bounds_of, chain_of, writer_id
from gateway.ledger.copying import HEADER, TRAILER
from gateway.ledger.counted import Counted
from gateway.ledger.encoding import Encoded, Encoding, first_of_each, months_in
from gateway.ledger.feedback.statements import dropping, feedback_statements
from gateway.ledger.feedback.storing import people_in
from gateway.ledger.forms import Copied
from gateway.ledger.interning import People
from gateway.ledger.months import Month
from gateway.ledger.options import LedgerOptions
from gateway.ledger.partitions import Partitions, months_of
from gateway.ledger.rows import ATTEMPT_COLUMNS, CHARGE_COLUMNS, SEALED_COLUMNS, Person
from gateway.ledger.store import LedgerUnavailable
from gateway.ledger.totals import Totals
from gateway.stores.postgres import (
    Connection,
    answering_within,
    errors_named,
    place_of,
    postgres_queries,
    run,
    written,
)
from gateway.stores.postgres_migrating import connect_migrated
from gateway.stores.reading import StoreUnavailable
from gateway.stores.sqlite import MigrationError

_PACKAGE = "gateway.ledger"
TRIES = 5
HURRY_S = 5.0  # a commit is given up this much later than the server gives up its longest part
_COPY_CALLS, _COPY_ATTEMPTS, _COPY_CHARGES = (
    f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)".encode()
    for table, columns in (("calls", SEALED_COLUMNS), ("attempts", ATTEMPT_COLUMNS), ("charges", CHARGE_COLUMNS))
)


class _Held(msgspec.Struct, frozen=True):
    """The transaction under way: `link` is the number its calls get, `before` the digest of the link before;
    `erasures`: how many there were."""

    link: int
    before: bytes
    erasures: int


class PostgresLedger:
    """`with PostgresLedger(options, writer) as ledger`; used from one thread at a time.

    Entering it connects to nothing: a gateway starts and serves while its database is away. After any error the next
    use connects anew.
    """

    form = "postgres"

    def __init__(self, options: LedgerOptions, writer: str, clock: Clock | None = None) -> None:
        """`writer`: the name of this gateway's chain; no other gateway's, and the same after a restart."""
        assert options.url is not None, "asked for"
        self._options = options
        self._url = options.url
        self._bounds = bounds_of(options, options.statement_timeout_s)
        self._writer = writer
        self._clock = clock or SystemClock()
        self._queries = postgres_queries(_PACKAGE)
        self._copied = Copied()
        self._connection: Connection | None = None
        self._writer_id = 0
        self._people = People(self._queries)
        self._totals = Totals(self._queries)
        self._partitions = Partitions()
        self._erasures = 0
        self.next_link = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def commit(self, records: Iterable[Record], segment: str, offset: int, feedback: Sequence[Feedback] = ()) -> int:
        fresh = first_of_each(list(records))
        with self._connected() as connection:
            self._partitions.cover(connection, months_in(fresh))
            for _ in range(TRIES):
                try:
                    self._commit(connection, fresh, segment, offset, feedback)
                except psycopg.errors.UniqueViolation:
                    run(connection, "ROLLBACK")
                    self._totals.forget()
                    fresh = self._unrecorded(connection, fresh)
                else:
                    return len(fresh)
            raise LedgerUnavailable(f"{place_of(self._url)}: others insert the same calls again and again")

    def commit_encoded(self, encoded: Encoded, segment: str, offset: int) -> bool:
        with self._connected() as connection:
            self._partitions.cover(connection, encoded.months)
            people = self._people.ids_of(connection, people_in(encoded.feedback))
            held = self._begin(connection)
            if (held.link, held.erasures) != (encoded.link, self._erasures):
                run(connection, "ROLLBACK")
                return False
            try:
                said = feedback_statements(connection, encoded.feedback, people)
                self._put(connection, held, encoded if encoded.sealed else None, segment, offset, said)
            except psycopg.errors.UniqueViolation:
                run(connection, "ROLLBACK")
                self._totals.forget()
                return False
        return True

    def people_ids(self, people: Sequence[Person]) -> list[int]:
        with self._connected() as connection:
            ids = self._people.ids_of(connection, people)
            return [ids[who] for who in people]

    def offsets(self) -> dict[str, int]:
        with self._connected() as connection:
            self._begin(connection)
            rows = run(connection, self._queries["offsets_of_writer"], {"writer": self._writer_id}).fetchall()
            run(connection, "COMMIT")
        return dict(rows)

    def forget(self, segment: str) -> None:
        with self._connected() as connection:
            # Should it be lost, the file is gone all the same, and that is found out at the next start.
            drop = written(connection, self._queries["drop_offset"], {"writer": self._writer_id, "segment": segment})
            run(connection, f"BEGIN; SET LOCAL synchronous_commit = off; {drop}; COMMIT")

    def tidy(self, now: Month, oldest: Month | None) -> bool:
        with self._connected() as connection:
            self._partitions.cover(connection, (now, now.after()))
            months = months_of(connection)
            old = [month for month in months if oldest is not None and month < oldest]
            if not old:
                return False
            held = self._begin(connection)
            self._partitions.drop(connection, old[0])
            run(connection, dropping(connection, old[0].after()))
            link = self._link(held, [], old[0].after().begin_ns)
            run(connection, self._queries["add_link"], link)
            run(connection, "COMMIT")
        return len(old) > 1

    def _commit(
        self,
        connection: Connection,
        records: list[Record],
        segment: str,
        offset: int,
        feedback: Sequence[Feedback],
    ) -> None:
        named = {(record.tenant, record.user) for record in records if record.user} | people_in(feedback)
        persons = self._people.ids_of(connection, named)
        pairs = [(record, persons[record.tenant, record.user] if record.user else 0) for record in records]
        held = self._begin(connection)
        if held.erasures != self._erasures:
            # Somebody took people out since: ids of names and of inputs that are remembered may be gone.
            self._erasures = held.erasures
            self._people.forget()
            self._totals.forget()
            run(connection, "ROLLBACK")
            self._commit(connection, records, segment, offset, feedback)
            return
        encoding = Encoding(in_chunks(pairs), held.link, self._copied)
        said = feedback_statements(connection, feedback, persons)
        self._put(connection, held, encoding if pairs else None, segment, offset, said)

    def _put(
        self,
        connection: Connection,
        held: _Held,
        encoding: Encoding | Encoded | None,
        segment: str,
        offset: int,
        said: list[str],
    ) -> None:
        """Insert and commit in the transaction that was begun; None: no calls, only what is said besides, and how far
        the segment is consumed."""
        if encoding is not None:
            said += self._totals.statements(connection, self._copy(connection, encoding))
            said.append(written(connection, self._queries["add_link"], self._link(held, encoding.seals())))
        at = {"writer": self._writer_id, "offset": offset, "segment": segment}
        said += [written(connection, self._queries["put_offset"], at), "COMMIT"]
        run(connection, ";\n".join(said))
        self.next_link = held.link + (encoding is not None)

    def _link(self, held: _Held, seals: Sequence[bytes], expired_before_ns: int | None = None) -> dict[str, Any]:
        return {
            "seq": held.link,
            "made_ns": self._clock.now_ns(),
            "calls": len(seals),
            "expired_before_ns": expired_before_ns,
            "writer": self._writer,
            "digest": link_digest(held.before, held.link, self._writer, seals, expired_before_ns),
        }

    def _begin(self, connection: Connection) -> _Held:
        """Begin a transaction that nobody else of this writer's name is in the middle of."""
        chain = chain_of(self._writer_id)
        timeout_ms = int(self._bounds.statement_timeout_s * 1000)
        statements = (
            "BEGIN ISOLATION LEVEL READ COMMITTED",
            # Not set in the session, which a pooler may hand to somebody else.
            f"SET LOCAL statement_timeout = {timeout_ms}",
            f"SET LOCAL idle_in_transaction_session_timeout = {timeout_ms}",
            "SET LOCAL synchronous_commit = on",
            self._queries["hold_writer"].format_map(chain),
            self._queries["last_link"].format_map(chain),
            self._queries["last_erasure"],
        )
        cursor = run(connection, "; ".join(statements))
        held, last, erasures = [result.fetchone() for result in cursor.results() if result.description is not None]
        if held is None:
            raise StoreUnavailable(f"{place_of(self._url)}: this gateway's chain is gone; was an older state restored?")
        seq, digest = last or (chain["first"], b"")
        return _Held(seq + 1, digest, (erasures or (0,))[0])

    def _copy(self, connection: Connection, encoding: Encoding | Encoded) -> Counted:
        """Insert calls and what is below them; what they add up to.

        The server works on one chunk of calls while the next is encoded.
        """
        with connection.cursor() as cursor:
            with cursor.copy(_COPY_CALLS) as copy:
                copy.write(HEADER)
                for calls in encoding.calls():
                    copy.write(calls)
                copy.write(TRAILER)
            with cursor.copy(_COPY_ATTEMPTS) as copy:
                copy.write(b"".join((HEADER, *encoding.attempts, TRAILER)))
            with cursor.copy(_COPY_CHARGES) as copy:
                copy.write(b"".join((HEADER, *encoding.charges, TRAILER)))
        return encoding.counted()

    def _unrecorded(self, connection: Connection, records: Sequence[Record]) -> list[Record]:
        ids = [record.id for record in records]
        known = {row[0] for row in run(connection, self._queries["recorded"], {"ids": ids})}
        return [record for record in records if record.id not in known]

    @contextmanager
    def _connected(self) -> Generator[Connection]:
        """Errors under one name; the connection goes with them, and with it whatever it had not committed."""
        try:
            with errors_named(self._url):
                connection = self._connection or self._open()
                with answering_within(connection, self._bounds.statement_timeout_s + HURRY_S):
                    yield connection
        except (StoreUnavailable, MigrationError) as error:
            self._close()
            raise LedgerUnavailable(f"the ledger cannot be used: {error}") from error
        except BaseException:
            self._close()
            raise

    def _open(self) -> Connection:
        self._connection = connection = connect_migrated(self._url, self._bounds, _PACKAGE)
        self._writer_id = writer_id(connection, self._queries, self._writer)
        return connection

    def _close(self) -> None:
        # Of another database perhaps, by the time we are back.
        self._people.forget()
        self._totals.forget()
        self._partitions.forget()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
