"""A backlog that another process encodes: the same rows, seals and sums, and every call once whatever becomes of it."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import psutil
import pytest
from keeping import call, findings
from ledger_parts import Desk, Place, PostgresPlace, SqlitePlace
from sayings import said
from test_ledger_forget import JANE, forget, token_calls
from test_postgres_ledger import SUMS, resolved, some_records

import gateway.ledger.aside as aside
import gateway.ledger.rounds as rounds
from gateway.core.record import Record
from gateway.ledger.aside import TakesEncoded
from gateway.ledger.encoding import Encoded
from gateway.ledger.postgres import PostgresLedger
from gateway.ledger.rows import ATTEMPT_COLUMNS, CALL_COLUMNS, CHARGE_COLUMNS
from gateway.ledger.store import SqliteLedger
from gateway.ledger.tail import Tail
from tests.postgres import PostgresServer

KINDS = ("sqlite", "postgres")
SEGMENT_BYTES = 20_000


class Watched:
    """Tells of encoded batches: `before` each, and how many were committed and refused."""

    before: Callable[[int], None] = staticmethod(lambda number: None)
    committed = refused = 0

    def commit_encoded(self, encoded: Encoded, segment: str, offset: int) -> bool:
        self.before(self.committed)
        done = cast(TakesEncoded, super()).commit_encoded(encoded, segment, offset)
        self.committed += done
        self.refused += not done
        return done


class WatchedSqlite(Watched, SqliteLedger):
    pass


class WatchedPostgres(Watched, PostgresLedger):
    pass


Store = WatchedSqlite | WatchedPostgres


def watched(place: Place) -> Store:
    if isinstance(place, PostgresPlace):
        return WatchedPostgres(place.options, "w")
    assert isinstance(place, SqlitePlace)
    return WatchedSqlite(place.file, writer="w")


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    with watched(place) as store:
        yield store


@pytest.fixture
def desk(tmp_path: Path, place: Place, store: Store) -> Desk:
    return Desk(tmp_path, store, place=place)


@pytest.fixture(autouse=True)
def every_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is encoded by another process, which is never far ahead."""
    monkeypatch.setattr(rounds, "ASIDE_BYTES", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(aside, "PIPE_BYTES", 4096)
    monkeypatch.setattr("gateway.stores.sqlite.BUSY_TIMEOUT_S", 0.1)


def written(desk: Desk, records: list[Record], extra: bytes = b"") -> list[str]:
    """The journal of a writer that has ended; the ids of its calls."""
    with desk.journal(segment_bytes=SEGMENT_BYTES) as journal:
        for record in records:
            journal.opened(msgspec.structs.replace(record, outcome="open", attempts=()))
            journal.closed(record)
            if extra:
                os.write(journal._descriptor, extra)
    assert len(desk.segments()) > 4
    return sorted(record.id for record in records)


def some_calls() -> list[Record]:
    return [call(number) for number in range(300)]


def in_ledger(desk: Desk) -> list[str]:
    return sorted(row["id"] for row in desk.rows())


def encoders() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "gateway.ledger.encoder" in said_by(one)]


def said_by(process: psutil.Process) -> list[str]:
    """The command line; empty where it ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # a zombie is one as well
        return []


def test_rows_seals_sums_and_chain_are_those_of_a_store_that_encodes_itself(
    desk: Desk, store: Store, postgres: PostgresServer, tmp_path: Path
) -> None:
    records = some_records()
    written(desk, records)
    assert desk.drain().records == len(records)
    assert (store.committed > 3, store.refused) == (True, 0)
    assert desk.segments() == []
    (tmp_path / "other").mkdir()
    postgres_too = isinstance(desk.place, PostgresPlace)
    other = PostgresPlace(postgres.fresh_database()) if postgres_too else SqlitePlace(tmp_path / "other")
    with other.ledger() as plain:
        plain.commit(records, "w-1.jnl", 1)
    for table, columns in (
        ("calls", (*CALL_COLUMNS, "seal")),
        ("attempts", ATTEMPT_COLUMNS),
        ("charges", CHARGE_COLUMNS),
    ):
        assert own(desk.place.table(table), columns) == own(other.table(table), columns)
    for table in SUMS:
        assert resolved(desk.place, table) == resolved(other, table)


def own(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> list[str]:
    return sorted(repr([row[name] for name in columns]) for row in rows)


def test_its_process_ends_with_the_backlog(desk: Desk, store: Store) -> None:
    seen: list[int] = []
    store.before = lambda _: seen.append(len(encoders()))
    written(desk, some_calls())
    desk.drain()
    assert seen[0] == 1
    assert max(seen) == 1  # it may have said all before the last of it is committed
    assert encoders() == []


def test_a_small_backlog_starts_none(desk: Desk, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "ASIDE_BYTES", 32 * 1024 * 1024)
    ids = written(desk, some_calls())
    desk.drain()
    assert (in_ledger(desk), store.committed) == (ids, 0)


@pytest.mark.parametrize(
    ("cores", "silent_s", "helped"),
    [(1, 60, False), (2, 60, True), (2, 0, False), (3, 0, True)],
    ids=["one core", "nobody calls", "a core for calls and one for the drain", "another core"],
)
def test_none_is_started_where_calls_would_wait_for_it(
    cores: int, silent_s: int, helped: bool, desk: Desk, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    ids = written(desk, some_calls())
    with desk.journal("x") as journal:
        journal.closed(call(1_000))
        then = time.time() - silent_s
        os.utime(desk.folder / "x-00000001.jnl", (then, then))
        assert desk.drain().records == len(ids) + 1
    assert (store.committed > 3) == helped
    assert set(ids) < set(in_ledger(desk))


def test_one_that_calls_would_wait_for_is_ended(desk: Desk, store: Store) -> None:
    ids = written(desk, some_calls())
    with desk.journal("x") as journal:
        then = time.time() - 60
        os.utime(desk.folder / "x-00000001.jnl", (then, then))
        store.before = lambda number: journal.closed(call(1_000)) if number == 2 else None
        assert desk.drain().records == len(ids) + 1
    assert (store.committed, store.refused, encoders()) == (3, 0, [])
    assert findings(desk) == []


def test_killed_it_is_done_without_and_nothing_is_lost(desk: Desk, store: Store) -> None:
    def kill(number: int) -> None:
        if number == 2:
            encoders()[0].kill()

    store.before = kill
    ids = written(desk, some_calls())
    assert desk.drain().records == len(ids)
    assert 3 <= store.committed <= 3 + aside.AHEAD, "what it had said by then"
    assert (in_ledger(desk), desk.segments()) == (ids, [])
    assert findings(desk) == []


def test_one_that_says_nothing_is_ended(desk: Desk, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "PATIENCE_S", 0.5)

    def stop(number: int) -> None:
        if number == 0:
            encoders()[0].suspend()

    store.before = stop
    ids = written(desk, some_calls())
    desk.drain()
    assert (in_ledger(desk), desk.segments(), encoders()) == (ids, [], [])


@pytest.mark.parametrize(
    "does",
    [
        pytest.param("exit 1", id="ends"),
        pytest.param("exec sleep 60", id="hangs"),
        pytest.param(r"printf '\0\0\0\3abc'; exec sleep 60", id="says what is no message"),
        pytest.param(r"printf '\0\0\0\1\1'; exec sleep 60", id="says another message"),
        pytest.param(r"printf '\0\0\0\3a'", id="ends in the middle of one"),
    ],
)
def test_one_that_is_good_for_nothing_is_done_without(
    does: str, desk: Desk, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "encoder"
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o700)
    monkeypatch.setattr(aside.sys, "executable", str(program))
    monkeypatch.setattr(aside, "PATIENCE_S", 0.5)
    ids = written(desk, some_calls())
    assert desk.drain().records == len(ids)
    assert store.committed == 0
    assert (in_ledger(desk), desk.segments(), findings(desk)) == (ids, [], [])


def test_one_that_does_not_even_listen_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "PATIENCE_S", 0.5)
    much = [Tail(tmp_path / ("x" * 200))] * 1_000
    with aside.Encoder() as encoder:
        encoder._process.send_signal(signal.SIGSTOP)
        with pytest.raises(aside.EncoderLost):
            encoder.begin(much, [0] * len(much), "sqlite", 1)


def test_lines_that_are_no_entries_are_set_aside(desk: Desk, store: Store) -> None:
    ids = written(desk, some_calls(), extra=b"no entry\n")
    assert desk.drain().quarantined == len(ids)
    assert store.committed > 3
    assert in_ledger(desk) == ids
    assert desk.quarantined() == b"no entry\n" * len(ids)


def test_calls_that_are_there_already_stay_as_they_are(desk: Desk, store: Store) -> None:
    records = some_calls()
    store.commit(records[150:160], "other.jnl", 1)
    ids = written(desk, records)
    assert desk.drain().records == len(ids) - 10
    assert store.refused == 1
    assert (in_ledger(desk), findings(desk)) == (ids, [])


def test_a_database_that_is_away_costs_time_only(desk: Desk, store: Store, postgres: PostgresServer) -> None:
    with contextlib.ExitStack() as away:

        def take_away(number: int) -> None:
            if number != 2:
                return
            if isinstance(desk.place, SqlitePlace):
                other = away.enter_context(contextlib.closing(sqlite3.connect(desk.place.file, isolation_level=None)))
                other.execute("BEGIN IMMEDIATE")
            else:
                postgres.stop(signal.SIGKILL)
                away.callback(postgres.start)

        store.before = take_away
        ids = written(desk, some_calls())
        drained = desk.rounds.drain_once()
        assert drained.error
        assert encoders() == []
    store.before = lambda _: None
    rest = desk.drain()
    assert drained.records + rest.records == len(ids)
    assert (in_ledger(desk), findings(desk)) == (ids, [])


def test_who_is_taken_out_meanwhile_stays_out(desk: Desk, store: Store) -> None:
    """The number that a person had means nobody afterwards; their later calls get another."""

    def take_out(number: int) -> None:
        if number == 2:
            assert forget(desk).calls > 0

    store.before = take_out
    ids = written(desk, token_calls(300))
    desk.drain()
    assert store.refused == 1
    assert (in_ledger(desk), findings(desk)) == (ids, [])
    named = [row["id"] for row in desk.place.table("people") if row["user"] == JANE]
    persons = {row["person"] for row in desk.place.calls()}
    assert len(named) == 1
    assert len(persons) == 3


DRAINER = textwrap.dedent(
    """
    import os
    import sys
    from pathlib import Path
    import gateway.ledger.aside as aside
    import gateway.ledger.rounds as rounds
    from gateway.core.clock import SystemClock
    from ledger_parts import PostgresPlace, SqlitePlace
    from test_aside import encoders, watched

    os.cpu_count = lambda: 2
    rounds.ASIDE_BYTES, aside.PIPE_BYTES = 0, 4096

    def tell(number):
        print(encoders()[0].pid, flush=True)
        if number == 2:
            sys.stdin.read()

    where = sys.argv[1]
    with watched(PostgresPlace(where) if where.startswith("postgres") else SqlitePlace(Path(where))) as store:
        store.before = tell
        rounds.Rounds(Path(sys.argv[2]), store, SystemClock()).drain_once()
    """
)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_drainer_that_is_killed_leaves_neither_a_process_nor_a_call_behind(desk: Desk, store: Store) -> None:
    ids = written(desk, some_calls())
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{here.parents[1]}"}
    where = desk.place.url if isinstance(desk.place, PostgresPlace) else str(desk.state)
    arguments = [sys.executable, "-c", DRAINER, where, str(desk.folder)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as drainer:
        assert drainer.stdout is not None
        pid = [int(drainer.stdout.readline()) for _ in range(3)][-1]
        drainer.kill()
    assert in_ledger(desk) != ids
    until = time.monotonic() + 30
    while is_running(pid):
        assert time.monotonic() < until
        time.sleep(0.02)
    desk.drain()
    assert (in_ledger(desk), desk.segments(), findings(desk)) == (ids, [], [])


def test_feedback_in_a_backlog_comes_with_it(desk: Desk, store: Watched) -> None:
    with desk.journal(segment_bytes=SEGMENT_BYTES) as journal:
        for number in range(300):
            journal.closed(call(number))
            journal.said(said(number, user=f"user-{number % 7}", comment="100% \\ it's"))
    assert desk.drain().records == 300
    assert (store.committed > 3, store.refused) == (True, 0)
    rows = desk.place.table("feedback")
    users = {row["id"]: row["user"] for row in desk.place.table("people")}
    expected = sorted((call(number).id, f"user-{number % 7}") for number in range(300))
    assert sorted((row["call"], users[row["person"]]) for row in rows) == expected
    assert {row["comment"] for row in rows} == {"100% \\ it's"}


def test_feedback_of_a_segment_without_calls_comes_too(desk: Desk, store: Watched) -> None:
    with desk.journal(segment_bytes=2_000) as journal:
        journal.closed(call(0))
        for number in range(100):
            journal.said(said(0, number=number))
    desk.drain()
    assert store.committed > 1
    assert (len(desk.place.table("feedback")), len(desk.rows())) == (100, 1)
    assert findings(desk) == []
