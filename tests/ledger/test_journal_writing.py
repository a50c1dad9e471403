"""What a worker writes: whole lines, segments that can be read by themselves, and nothing lost on a full disk."""

import contextlib
import errno
import fcntl
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_parts import Desk, closed_record, kill, ledger_at, open_record

from gateway.ledger.entries import encode_closed, parse
from gateway.ledger.journal import Journal
from gateway.ledger.segments import writer_is_dead


def test_a_line_is_in_the_file_when_the_call_returns(desk: Desk) -> None:
    with desk.journal() as journal:
        journal.opened(open_record(1))
        (path,) = desk.folder.glob("*.jnl")
        batch = parse(path.read_bytes())
        assert batch.opened == [open_record(1)]
        assert journal.open_calls == 1
        journal.closed(closed_record(1))
        batch = parse(path.read_bytes())
        assert batch.closed == [closed_record(1)]
        assert journal.open_calls == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.name == "w-00000001.jnl"


def test_a_segment_is_locked_as_long_as_its_writer_lives(desk: Desk) -> None:
    with desk.journal() as journal:
        journal.opened(open_record(1))
        assert not writer_is_dead(desk.folder / "w-00000001.jnl")
    assert writer_is_dead(desk.folder / "w-00000001.jnl")


def test_a_new_segment_begins_with_the_calls_still_open(desk: Desk) -> None:
    with desk.journal(segment_bytes=1000) as journal:
        journal.opened(open_record(0))
        number = 1
        while len(desk.segments()) == 1:
            journal.opened(open_record(number))
            journal.closed(closed_record(number))
            number += 1
        first, second = (desk.folder / name for name in desk.segments())
        assert first.stat().st_size >= 1000
        batch = parse(second.read_bytes())
        assert batch.opened == [open_record(0)]
        assert not writer_is_dead(second)


def test_a_segment_ends_after_its_time_as_told_by_the_calls(desk: Desk) -> None:
    with desk.journal(segment_s=10.0) as journal:
        journal.opened(open_record(0))  # record n starts n milliseconds after record 0
        journal.opened(open_record(9_999))
        assert len(desk.segments()) == 1
        journal.opened(open_record(10_000))
        assert len(desk.segments()) == 2
        journal.opened(open_record(19_999))
        assert len(desk.segments()) == 2
        journal.opened(open_record(20_000))
        assert len(desk.segments()) == 3


def test_more_open_calls_than_fill_a_segment_do_not_mean_a_segment_per_record(desk: Desk) -> None:
    with desk.journal(segment_bytes=1000) as journal:
        for number in range(200):
            journal.opened(open_record(number))
        for number in range(200):
            journal.closed(closed_record(number))
        assert len(desk.segments()) < 10


def test_two_writers_write_beside_each_other(desk: Desk) -> None:
    with desk.journal("a") as one, desk.journal("b") as other:
        one.opened(open_record(1))
        other.opened(open_record(2))
    assert desk.segments() == ["a-00000001.jnl", "b-00000001.jnl"]


def test_synced_every_so_often_if_asked_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(os.fstat(descriptor).st_ino), real(descriptor)))
    with desk.journal(fsync_interval_s=30.0, segment_bytes=1000) as journal:
        for number in range(20):
            journal.opened(open_record(number))
            journal.closed(closed_record(number))
        segments = desk.segments()
        assert len(segments) > 2
        assert synced == [], "the writer does not wait for the disk"
    inodes = {(desk.folder / name).stat().st_ino for name in segments}
    assert inodes <= set(synced), "every segment is synced, the finished ones too"
    assert desk.folder.stat().st_ino in synced
    assert writer_is_dead(desk.folder / segments[-1]), "and its descriptors are closed, or the lock would stay"


# Full disks. A file that may grow no further (RLIMIT_FSIZE) takes part of a line, then none: as a full disk does.


class Disk:
    """The largest size a file may have, for this process."""

    def __init__(self) -> None:
        self._soft, self._hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def allow(self, size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, self._hard))

    def free(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._soft, self._hard))


@pytest.fixture
def disk() -> Iterator[Disk]:
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    disk = Disk()
    yield disk
    disk.free()
    signal.signal(signal.SIGXFSZ, before)


def fill(journal: Journal, desk: Desk, disk: Disk, room: int) -> None:
    """Leave room for so many bytes in the journal's newest file."""
    newest = desk.folder / desk.segments()[-1]
    disk.allow(newest.stat().st_size + room)


@pytest.mark.parametrize("room", [0, 1, 50, 150])
def test_a_disk_that_fills_up_loses_no_record(desk: Desk, disk: Disk, room: int) -> None:
    with desk.journal() as journal:
        journal.opened(open_record(1))
        fill(journal, desk, disk, room)
        with pytest.raises(OSError):
            journal.closed(closed_record(1))
        with pytest.raises(OSError):
            journal.closed(closed_record(2))
        assert journal.pending == 2
        disk.free()
        journal.opened(open_record(3))
        assert journal.pending == 0
        journal.closed(closed_record(3))
    path = desk.folder / "w-00000001.jnl"
    batch = parse(path.read_bytes())
    assert batch.closed == [closed_record(1), closed_record(2), closed_record(3)]
    assert batch.broken == [], "what the disk took of a line is taken back"
    assert batch.size == path.stat().st_size


def test_a_call_that_cannot_be_noted_is_not_open(desk: Desk, disk: Disk) -> None:
    with desk.journal() as journal:
        journal.opened(open_record(1))
        fill(journal, desk, disk, 20)
        with pytest.raises(OSError):
            journal.opened(open_record(2))
        assert journal.open_calls == 1
        disk.free()
        journal.closed(closed_record(1))
    desk.drain()
    assert desk.outcomes() == {open_record(1).id: "completed"}


def test_a_torn_line_that_cannot_be_taken_back_is_ended_and_set_aside(
    desk: Desk, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, size: int) -> None:
        raise OSError(errno.EIO, "broken disk")

    with desk.journal() as journal:
        fill(journal, desk, disk, 60)
        with monkeypatch.context() as patch:
            patch.setattr(os, "ftruncate", refuse)
            with pytest.raises(OSError):
                journal.closed(closed_record(1))
        disk.free()
        journal.closed(closed_record(2))
        # The size it goes by is the real one again: the next failure takes back its own bytes and no others.
        fill(journal, desk, disk, 60)
        with pytest.raises(OSError):
            journal.closed(closed_record(3))
        disk.free()
        journal.retry()
    drained = desk.drain()
    assert [row["id"] for row in desk.rows()] == [closed_record(number).id for number in (1, 2, 3)]
    assert drained.quarantined == 1
    assert desk.quarantined() == encode_closed(closed_record(1))[:60] + b"\n"


def test_a_record_that_only_memory_has_is_interrupted_if_the_process_dies(desk: Desk, disk: Disk) -> None:
    journal = desk.journal()
    journal.__enter__()
    journal.opened(open_record(1))
    fill(journal, desk, disk, 0)
    with pytest.raises(OSError):
        journal.closed(closed_record(1))
    assert journal.open_calls == 1
    disk.free()
    kill(journal)
    desk.drain()
    assert desk.outcomes() == {open_record(1).id: "interrupted"}


def test_memory_is_bounded_while_the_disk_takes_nothing(
    desk: Desk, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    with desk.journal(pending_records=2) as journal:
        fill(journal, desk, disk, 0)
        for number in range(5):
            with pytest.raises(OSError):
                journal.closed(closed_record(number))
        assert (journal.pending, journal.lost) == (2, 3)
    disk.free()  # before pytest writes of this test: its own output may be a file
    assert "5 records were lost" in caplog.text


def fill_to_the_bound(journal: Journal, first: int) -> int:
    """How many calls it takes until there is no room for another."""
    for number in range(first, first + 1_000):
        try:
            journal.opened(open_record(number))
        except OSError:
            return number
        journal.closed(closed_record(number))
    raise AssertionError("the journal has no bound")


def test_the_journals_of_all_workers_stay_within_their_bound_while_the_ledger_is_away(desk: Desk) -> None:
    with desk.journal("a", max_bytes=64_000) as first, desk.journal("b", max_bytes=64_000) as second:
        first.opened(open_record(0))
        end = fill_to_the_bound(first, 1)
        with pytest.raises(OSError, match="the ledger is behind"):
            second.opened(open_record(5_000))
        assert first.lost == 0
        first.closed(closed_record(0))  # a call that has begun is always recorded
        size = sum(path.stat().st_size for path in desk.folder.glob("*.jnl"))
        assert 60_000 < size < 64_000 + 2 * 2_000
    desk.drain()
    assert len(desk.rows()) == end


def test_calls_that_are_served_without_room_are_counted_as_lost(desk: Desk) -> None:
    with desk.journal(max_bytes=32_000) as journal:
        end = fill_to_the_bound(journal, 0)
        with pytest.raises(OSError):
            journal.closed(closed_record(end))
        assert (journal.lost, journal.pending) == (1, 0)


def test_there_is_room_again_when_the_ledger_has_caught_up(desk: Desk) -> None:
    with desk.journal(max_bytes=32_000, segment_bytes=4_000) as journal:
        end = fill_to_the_bound(journal, 0)
        desk.drain()
        with pytest.raises(OSError):
            journal.opened(open_record(end + 1))  # a millisecond later: not asked again yet
        journal.opened(open_record(end + 1_001))
        journal.closed(closed_record(end + 1_001))
    desk.drain()
    assert len(desk.rows()) == end + 1


def test_no_room_for_a_new_segment_keeps_the_old_one_going(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "disk full")

    with desk.journal(segment_bytes=500) as journal:
        with monkeypatch.context() as patch:
            patch.setattr(fcntl, "flock", refuse)
            for number in range(20):
                journal.closed(closed_record(number))
            assert desk.segments() == ["w-00000001.jnl"]
            assert list(desk.folder.glob("*.new")) == []
        for number in range(20, 40):
            journal.closed(closed_record(number))
        assert len(desk.segments()) > 1
    desk.drain()
    assert len(desk.rows()) == 40


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    state = tmp_path / "small"
    state.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", state], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with ledger_at(tmp_path) as store:
            desk = Desk(tmp_path, store, folder=state)
            with desk.journal() as journal:
                number = 0
                while not journal.pending:
                    number += 1
                    with contextlib.suppress(OSError):
                        journal.closed(closed_record(number))
                assert number > 100
                desk.drain()
                with pytest.raises(OSError, match="No space left"):
                    journal.opened(open_record(0))
                subprocess.run(["mount", "-o", "remount,size=256k", state], check=True)
                journal.retry()
                journal.closed(closed_record(number + 1))
            desk.drain()
            assert len(desk.rows()) == number + 1
    finally:
        subprocess.run(["umount", state], check=True)


def test_importing_the_journal_opens_nothing(tmp_path: Path) -> None:
    code = "import os, gateway.ledger.drain, gateway.ledger.journal; print(len(os.listdir('/proc/self/fd')))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert int(found.stdout) <= 4
