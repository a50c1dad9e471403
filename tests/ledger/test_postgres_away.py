"""PostgreSQL away in every way there is: journals grow, nothing is lost, nothing is there twice, and nobody hangs."""

import asyncio
import contextlib
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ledger_parts import Desk, PostgresPlace, closed_record, kill, open_record

from gateway.ledger.drain import Drainer, DrainOptions
from gateway.ledger.store import LedgerUnavailable
from tests.postgres import PostgresServer, postgres_server

# What is not about patience is patient: a round that a busy machine keeps waiting is none that fails.
PATIENT = {"connect_timeout_s": 5, "statement_timeout_s": 10, "silence_timeout_s": 5}
QUICK = {"connect_timeout_s": 2, "statement_timeout_s": 1.0, "silence_timeout_s": 2}


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """One that may be stopped and killed without others noticing."""
    with postgres_server() as server:
        yield server


class Relay:
    """A network between the gateway and its database. It is cut where `cut_when` says so of what the gateway sends:
    `before` that gets there, or `after`, when nobody will hear what became of it."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pumps: list[threading.Thread] = []
        self._ends: list[socket.socket] = []
        self.port = self._listener.getsockname()[1]
        self.cut_when: Callable[[bytes], str] = lambda _: ""

    def __enter__(self) -> "Relay":
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._ends:
            reset(end)
        for pump in self._pumps:
            pump.join(10)
        for end in self._ends:
            end.close()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        self._pumps.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._pumps[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                self._ends.append(ours)
                theirs = socket.create_connection(("127.0.0.1", self._to))
                self._ends.append(theirs)
                self._start(self._pump, ours, theirs, True)
                self._start(self._pump, theirs, ours, False)

    def _pump(self, source: socket.socket, target: socket.socket, asks: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 20):
                cut = self.cut_when(data) if asks else ""
                if cut != "before":
                    target.sendall(data)
                if cut:
                    # The server's side ends in order, so that what was sent is read; the gateway's is reset.
                    reset(source)
                    break
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def reset(end: socket.socket) -> None:
    """As a network does that has forgotten the connection."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RDWR)


def through(relay: Relay, url: str) -> PostgresPlace:
    parts = urlsplit(url)
    return PostgresPlace(parts._replace(netloc=f"postgres@127.0.0.1:{relay.port}").geturl(), **PATIENT)


@contextlib.contextmanager
def desk_at(state: Path, place: PostgresPlace) -> Iterator[Desk]:
    with place.ledger() as store:
        yield Desk(state, store, place=place)


def expect(place: PostgresPlace, numbers: range) -> None:
    """Every call once, in rows and in sums, and the chain as long as the rows say."""
    calls = place.calls()
    assert [row["id"] for row in calls] == [open_record(number).id for number in numbers]
    assert sum(row["calls"] for row in place.table("usage_hours")) == len(numbers)
    assert sum(row["calls"] for row in place.table("links")) == len(numbers)


def test_a_killed_server_is_waited_for_and_taken_up_where_it_was_left(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    place = PostgresPlace(own_server.fresh_database(), **PATIENT)
    with desk_at(tmp_path, place) as desk, desk.journal(segment_bytes=3_000) as journal:
        for number in range(40):
            journal.closed(closed_record(number))
            if number == 10:
                desk.drain()
                own_server.stop(signal.SIGKILL)
            if number > 10 and number % 7 == 0:
                drained = desk.rounds.drain_once()
                assert drained.error
                assert drained.lag_bytes > 0
        own_server.start()
        desk.drain()
    expect(place, range(40))


def test_a_stopped_server_holds_a_round_no_longer_than_is_set(own_server: PostgresServer, tmp_path: Path) -> None:
    """Its kernel goes on answering for it, so only a clock can tell."""
    place = PostgresPlace(own_server.fresh_database(), **QUICK)
    with desk_at(tmp_path, place) as desk, desk.journal() as journal:
        journal.closed(closed_record(0))
        desk.drain()
        own_server.signal(signal.SIGSTOP)
        try:
            for number in range(1, 4):
                journal.closed(closed_record(number))
                began = time.monotonic()
                assert "cannot be used" in desk.rounds.drain_once().error
                assert time.monotonic() - began < 30
        finally:
            own_server.signal(signal.SIGCONT)
        desk.drain()
    expect(place, range(4))


def test_a_stopped_server_that_goes_on_with_an_old_commit_makes_nothing_twice(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    """The commit lies in its ears, unheard, while the gateway gives up on it and comes again."""
    with Relay(own_server.port) as relay:
        place = through(relay, own_server.fresh_database())
        with desk_at(tmp_path, place) as desk, desk.journal() as journal:
            journal.closed(closed_record(0))
            desk.drain()
            journal.closed(closed_record(1))

            def stop_at_commit(data: bytes) -> str:
                if b"COMMIT" in data:
                    relay.cut_when = lambda _: ""
                    own_server.signal(signal.SIGSTOP)
                    return "after"
                return ""

            relay.cut_when = stop_at_commit
            assert desk.rounds.drain_once().error
            own_server.signal(signal.SIGCONT)
            desk.drain()
        expect(place, range(2))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_network_that_is_reset_in_a_commit(own_server: PostgresServer, tmp_path: Path, when: str) -> None:
    """`after`: the server has committed, and only its answer is lost. Where that is so, the offset tells."""
    with Relay(own_server.port) as relay:
        place = through(relay, own_server.fresh_database())
        with desk_at(tmp_path, place) as desk, desk.journal(segment_bytes=2_000) as journal:
            failed = 0
            for number in range(30):
                journal.closed(closed_record(number))
                if number % 3 == 0:
                    relay.cut_when = lambda data: when if b"COMMIT" in data else ""
                    failed += bool(desk.rounds.drain_once().error)
                    relay.cut_when = lambda _: ""
            assert failed >= 10
            desk.drain()
        expect(place, range(30))


def test_a_network_that_is_reset_anywhere(own_server: PostgresServer, tmp_path: Path) -> None:
    """At every message of a commit in turn, from the first to the last."""
    with Relay(own_server.port) as relay:
        place = through(relay, own_server.fresh_database())
        with desk_at(tmp_path, place) as desk, desk.journal() as journal:
            number = failed = 0
            while True:
                left = [number]

                def count(data: bytes, left: list[int] = left) -> str:
                    left[0] -= 1
                    return "before" if left[0] < 0 else ""

                journal.closed(closed_record(number))
                relay.cut_when = count
                error = desk.rounds.drain_once().error
                relay.cut_when = lambda _: ""
                number += 1
                if not error:
                    break
                failed += 1
            desk.drain()
        assert failed > 3
        expect(place, range(number))


def test_two_gateways_with_the_same_state_do_not_lose_or_double_anything(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    """A state folder that was copied: the same writer's name, the same journals, drained by both."""
    place = PostgresPlace(own_server.fresh_database(), **PATIENT)
    desks = [Desk(tmp_path / name, place.ledger(), place=place) for name in ("first", "second")]
    for desk in desks:
        with desk.journal() as journal:
            for number in range(20):
                journal.opened(open_record(number))
                journal.closed(closed_record(number))
    with contextlib.ExitStack() as stack:
        for desk in desks:
            stack.callback(desk.store.__exit__, None, None, None)  # type: ignore[attr-defined]
        threads = [threading.Thread(target=desk.rounds.drain_once) for desk in desks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        for desk in desks:
            desk.drain()
    expect(place, range(20))


def test_a_dead_drainer_leaves_its_work_to_the_next(own_server: PostgresServer, tmp_path: Path) -> None:
    place = PostgresPlace(own_server.fresh_database(), **PATIENT)
    with desk_at(tmp_path, place) as desk:
        journal = desk.journal().__enter__()
        for number in range(10):
            journal.opened(open_record(number))
        journal.closed(closed_record(0))
        desk.drain()
        kill(journal)
    with desk_at(tmp_path, place) as desk:
        assert desk.drain().interrupted == 9
    expect(place, range(10))


async def test_a_drainer_begins_while_the_database_is_away(tmp_path: Path, own_server: PostgresServer) -> None:
    place = PostgresPlace(own_server.fresh_database(), **PATIENT)
    own_server.stop(signal.SIGKILL)
    reports: list[Any] = []
    with desk_at(tmp_path, place) as desk:
        with desk.journal() as journal:
            journal.closed(closed_record(0))
        options = DrainOptions(interval_s=0.01, max_backoff_s=0.05)
        async with Drainer(options, desk.folder, desk.store, reports.append) as drainer:
            while reports.count(None) < 3:
                await asyncio.sleep(0.01)
            assert "refused" in drainer.last.error
            own_server.start()
    expect(place, range(1))


def test_a_statement_that_takes_too_long_is_given_up_and_tried_again(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    """Somebody holds the tables: an operator in the middle of something."""
    import psycopg

    place = PostgresPlace(own_server.fresh_database(), **QUICK)
    with desk_at(tmp_path, place) as desk, desk.journal() as journal:
        journal.closed(closed_record(0))
        desk.drain()
        journal.closed(closed_record(1))
        with psycopg.connect(place.url) as other:
            other.execute("LOCK TABLE calls")
            assert "timeout" in desk.rounds.drain_once().error
        desk.drain()
    expect(place, range(2))


def test_a_restored_database_that_does_not_know_this_gateway_is_begun_anew(own_server: PostgresServer) -> None:
    place = PostgresPlace(own_server.fresh_database(), **PATIENT)
    with place.ledger() as store:
        store.commit([closed_record(0)], "w-1.jnl", 1)
        place.execute("DELETE FROM writers")
        with pytest.raises(LedgerUnavailable, match="restored"):
            store.commit([closed_record(1)], "w-1.jnl", 2)
        assert store.commit([closed_record(1)], "w-1.jnl", 2) == 1
