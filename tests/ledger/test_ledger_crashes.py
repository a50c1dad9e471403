"""Exactly once, whatever happens in whatever order: the room's promise, as a property and with real kills."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_parts import Desk, Failing, Place, PostgresPlace, SqlitePlace, closed_record, kill, open_record

from gateway.ledger.entries import encode_closed, encode_opened
from gateway.ledger.journal import Journal
from tests.postgres import PostgresServer

KINDS = ("sqlite", "postgres")
# What can happen next. The numbers choose which open call, or where a line is cut.
STEPS = st.one_of(
    st.just(("open", 0)),
    st.tuples(st.just("close"), st.integers(0, 5)),
    st.just(("drain", 0)),
    st.tuples(st.just("drain, the store failing"), st.integers(0, 3)),
    st.just(("restart the drainer", 0)),
    st.just(("stop the worker", 0)),
    st.just(("kill the worker", 0)),
    st.tuples(st.just("kill the worker in an opened line"), st.integers(1, 10_000)),
    st.tuples(st.just("kill the worker in a closed line"), st.integers(1, 10_000)),
)


class History:
    """One worker after another and one drainer, with a plain account of what must be in the ledger at the end."""

    def __init__(self, desk: Desk, segment_bytes: int) -> None:
        self.desk = desk
        desk.store = self.store = Failing(desk.store)
        desk.restart_drainer()
        self.options = {"segment_bytes": segment_bytes}
        self.number = 0
        self.expected: dict[str, str] = {}
        self.open: list[int] = []
        self.start_worker()

    def start_worker(self) -> None:
        self.number += 1
        self.journal: Journal = self.desk.journal(f"w{self.number}", **self.options).__enter__()

    def worker_is_gone(self) -> None:
        self.expected |= {open_record(number).id: "interrupted" for number in self.open}
        self.open.clear()
        self.start_worker()

    def step(self, what: str, choice: int) -> None:
        if what == "open":
            self.number += 1
            self.journal.opened(open_record(self.number))
            self.open.append(self.number)
        elif what == "close" and self.open:
            number = self.open.pop(choice % len(self.open))
            self.journal.closed(closed_record(number))
            self.expected[open_record(number).id] = "completed"
        elif what == "drain":
            self.desk.drain()
        elif what == "drain, the store failing":
            self.store.where = ("offsets", "before", "after", "forget")[choice]
            self.desk.rounds.drain_once()
            self.store.where = ""
        elif what == "restart the drainer":
            self.desk.restart_drainer()
        elif what == "stop the worker":
            self.journal.__exit__(None, None, None)
            self.worker_is_gone()
        elif what.startswith("kill the worker"):
            self.tear(what, choice)
            kill(self.journal)
            self.worker_is_gone()

    def tear(self, what: str, choice: int) -> None:
        """The worker dies within a `write`: the kernel has taken only the first bytes of the line."""
        line = b""
        if what.endswith("opened line"):
            line = encode_opened(open_record(self.number + 1_000_000))
        elif what.endswith("closed line") and self.open:
            line = encode_closed(closed_record(self.open[0]))
        os.write(self.journal._descriptor, line[: choice % len(line)] if line else b"")

    def end(self) -> None:
        self.journal.__exit__(None, None, None)
        self.expected |= {open_record(number).id: "interrupted" for number in self.open}
        self.desk.drain()


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=40), st.sampled_from([200, 1000, 10**6]))
def test_every_call_is_in_the_ledger_exactly_once(steps: list[tuple[str, int]], segment_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_history(steps, segment_bytes, Path(folder), SqlitePlace(Path(folder)))


@settings(max_examples=20, deadline=None)
@given(st.lists(STEPS, max_size=40), st.sampled_from([200, 1000, 10**6]))
def test_and_in_postgres(postgres: PostgresServer, steps: list[tuple[str, int]], segment_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_history(steps, segment_bytes, Path(folder), PostgresPlace(postgres.fresh_database()))


def check_history(steps: list[tuple[str, int]], segment_bytes: int, folder: Path, place: Place) -> None:
    with place.ledger() as store:
        desk = Desk(folder, store, place=place)
        history = History(desk, segment_bytes)
        for what, choice in steps:
            history.step(what, choice)
        history.end()
        assert desk.outcomes() == history.expected
        assert desk.segments() == []
        assert desk.quarantined() == b""
        assert store.offsets() == {}


WORKER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from ledger_parts import closed_record, open_record
    from gateway.ledger.journal import Journal, JournalOptions

    folder, writer, first = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    with Journal(JournalOptions(segment_bytes=20_000), folder, writer) as journal:
        number = first
        while True:
            journal.opened(open_record(number))
            journal.opened(open_record(number + 1))
            journal.closed(closed_record(number))
            # The answer's last byte: whoever reads this number has been answered.
            sys.stdout.write(f"{number}\\n")
            sys.stdout.flush()
            number += 2
    """
)


def test_killed_at_any_moment_every_answered_call_is_in_the_ledger_once(desk: Desk) -> None:
    """Workers are killed with -9 while they write and rotate and while a drainer reads; then each number that came out
    of one stands for an answer that a client has seen."""
    chance = random.Random(7)
    answered: set[int] = set()
    here = Path(__file__).parent
    for turn in range(5):
        arguments = [sys.executable, "-c", WORKER, str(desk.folder), f"w{turn}", str(turn * 1_000_000)]
        environment = {**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{here.parents[1]}"}
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment) as worker:
            assert worker.stdout is not None
            for _ in range(chance.randrange(50, 800)):
                answered.add(int(worker.stdout.readline()))
                if chance.random() < 0.01:
                    desk.drain()
            worker.send_signal(signal.SIGKILL)
            whole, _, _ = worker.stdout.read().rpartition(b"\n")
            answered.update(int(number) for number in whole.split(b"\n") if number)
        if turn % 2:
            desk.restart_drainer()
    desk.drain()
    rows = desk.rows()
    found = {row["id"]: row["outcome"] for row in rows}
    assert len(rows) == len(found)
    assert {number for number in answered if found.get(open_record(number).id) != "completed"} == set()
    # Of every pair of calls the second is never closed.
    second = [msgspec.structs.replace(open_record(number + 1)).id for number in answered]
    assert {found[call] for call in second} == {"interrupted"}
    assert desk.segments() == []
    assert desk.quarantined() == b""
