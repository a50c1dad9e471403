"""The drainer's life: alone on its folder, patient with a store that is away, and complete at exit."""

import asyncio
import contextlib
import fcntl
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from ledger_parts import Desk, closed_record, ledger_at, open_record

from gateway.core.feedback import Feedback
from gateway.core.record import Record
from gateway.ledger.drain import Drainer, DrainOptions
from gateway.ledger.rounds import Drained
from gateway.ledger.segments import AlreadyDraining

KINDS = ("sqlite", "postgres")
QUICK = DrainOptions(interval_s=0.01, max_backoff_s=0.02)
NEVER = DrainOptions(interval_s=3600)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def holder(desk: Desk) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that drains the desk's folder."""
    code = (
        "import sys; from pathlib import Path; from gateway.ledger.segments import sole_drainer\n"
        "with sole_drainer(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", code, str(desk.folder)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


async def test_records_arrive_while_writers_live(desk: Desk) -> None:
    reports: list[Drained | None] = []
    with desk.journal() as journal:
        async with Drainer(QUICK, desk.folder, desk.store, reports.append) as drainer:
            journal.closed(closed_record(1))
            await until(desk.rows)
            journal.closed(closed_record(2))
            await until(lambda: len(desk.rows()) == 2)
            assert drainer.last.error == ""
    assert None not in reports
    assert sum(drained.records for drained in reports if drained) == 2


async def test_leaving_drains_to_the_end(desk: Desk) -> None:
    reports: list[Drained | None] = []
    async with Drainer(NEVER, desk.folder, desk.store, reports.append) as drainer:
        await until(lambda: reports)
        with desk.journal() as journal:
            journal.opened(open_record(1))
            journal.closed(closed_record(2))
        assert desk.rows() == []
    assert sorted(desk.outcomes().values()) == ["completed", "interrupted"]
    assert desk.segments() == []
    assert drainer.last.lag_bytes == 0


async def test_leaving_waits_for_a_round_at_work_before_the_last_one(desk: Desk) -> None:
    """Two rounds at once would read the same lines with one connection in two threads."""

    class Slow:
        def __init__(self) -> None:
            self.entered, self.go_on, self.at_once, self.most = threading.Event(), threading.Event(), 0, 0

        def commit(
            self, records: Sequence[Record], segment: str, offset: int, feedback: Sequence[Feedback] = ()
        ) -> int:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            self.entered.set()
            self.go_on.wait(10)
            self.at_once -= 1
            return desk.store.commit(records, segment, offset, feedback)

        def offsets(self) -> Mapping[str, int]:
            return desk.store.offsets()

        def forget(self, segment: str) -> None:
            desk.store.forget(segment)

    slow = Slow()
    with desk.journal() as journal:
        journal.closed(closed_record(1))
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(Drainer(QUICK, desk.folder, slow))
            await asyncio.to_thread(slow.entered.wait, 10)
            leaving = asyncio.create_task(stack.aclose())
            await asyncio.sleep(0.05)
            assert not leaving.done()
            slow.go_on.set()
            await leaving
    assert slow.most == 1
    assert len(desk.rows()) == 1


async def test_a_locked_database_is_tried_again_with_longer_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.stores.sqlite.BUSY_TIMEOUT_S", 0.001)
    desk = Desk(tmp_path, ledger_at(tmp_path))
    desk.drain()
    desk.store.__exit__(None, None, None)
    reports: list[Drained | None] = []
    with desk.journal() as journal, contextlib.closing(sqlite3.connect(desk.state / "ledger.db")) as other:
        journal.closed(closed_record(1))
        other.execute("BEGIN IMMEDIATE")
        async with Drainer(QUICK, desk.folder, desk.store, reports.append) as drainer:
            await until(lambda: reports.count(None) >= 3)
            assert "locked" in drainer.last.error
            assert drainer.last.lag_bytes > 0
            other.execute("ROLLBACK")
            await until(lambda: drainer.last.error == "")
            assert len(desk.rows()) == 1


async def test_a_bug_in_one_round_does_not_end_draining(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    broken = iter([RuntimeError("a bug")])

    def report(drained: Drained | None) -> None:
        for error in broken:
            raise error

    with desk.journal() as journal:
        async with Drainer(QUICK, desk.folder, desk.store, report):
            await until(lambda: "broke" in caplog.text)
            journal.closed(closed_record(1))
            await until(desk.rows)


async def test_only_one_drains_a_folder(desk: Desk) -> None:
    async with Drainer(NEVER, desk.folder, desk.store):
        with pytest.raises(AlreadyDraining, match="stop it first"):
            async with Drainer(NEVER, desk.folder, desk.store):
                pass
    async with Drainer(NEVER, desk.folder, desk.store):
        pass


async def test_only_one_process_drains_a_folder(desk: Desk, holder: subprocess.Popen[bytes]) -> None:
    with pytest.raises(AlreadyDraining):
        await Drainer(NEVER, desk.folder, desk.store).__aenter__()
    holder.kill()
    await asyncio.to_thread(holder.wait)
    async with Drainer(NEVER, desk.folder, desk.store):
        pass


async def test_a_refused_drainer_leaves_the_lock_to_its_holder(desk: Desk) -> None:
    async with Drainer(NEVER, desk.folder, desk.store):
        for _ in range(2):
            with pytest.raises(AlreadyDraining):
                await Drainer(NEVER, desk.folder, desk.store).__aenter__()
        with (desk.folder / "drain.lock").open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
