"""From journals into the store: once each, interrupted where a writer died, and nothing removed too early."""

import contextlib
import logging
import os
import sqlite3
import time
from pathlib import Path

import msgspec
import pytest
from keeping import call, findings
from ledger_parts import Desk, Failing, as_row, closed_record, kill, ledger_at, open_record

import gateway.ledger.rounds as rounds
import gateway.ledger.tail as tail
from gateway.core.record import Record
from gateway.core.usage import METERS, Usage
from gateway.ledger.entries import encode_closed
from gateway.ledger.segments import ABANDONED_S, writer_is_dead

KINDS = ("sqlite", "postgres")
FULL = Usage(**{meter: number for number, meter in enumerate(METERS, start=1)})


def ids(*numbers: int) -> list[str]:
    return [open_record(number).id for number in numbers]


def test_a_closed_call_is_in_the_ledger_with_every_field(desk: Desk) -> None:
    numbers = ("status", "cost_nano", "ttfb_us", "duration_us", "queued_us", "bytes_in", "bytes_out")
    words = [name for name in Record.__struct_fields__ if isinstance(getattr(closed_record(1), name), str)]
    fields = {name: name for name in words if name not in ("id", "outcome", "usage_source", "pricing")}
    fields |= {name: 1000 + index for index, name in enumerate(numbers)}
    record = closed_record(1, usage=FULL, stream=True, **fields)
    with desk.journal() as journal:
        journal.closed(record)
        desk.drain()
    assert desk.rows() == [as_row(record)]


def test_a_call_is_drained_once_however_often_the_journal_is_read(desk: Desk) -> None:
    with desk.journal() as journal:
        for number in range(10):
            journal.opened(open_record(number))
            journal.closed(closed_record(number))
            assert desk.drain().records == 1
            assert desk.drain().records == 0
            desk.restart_drainer()
        assert desk.drain().records == 0
    assert [row["id"] for row in desk.rows()] == ids(*range(10))


def test_calls_that_are_there_already_are_told_apart_wherever_they_come_again(desk: Desk) -> None:
    """In a commit before, and in the same one, near and far; the others are inserted, sealed and counted."""
    calls = [call(number) for number in range(400)]
    desk.store.commit(calls[150:160], "other.jnl", 1)
    first = {record.id: record.bytes_out for record in calls[150:160]}
    with desk.journal() as journal:
        sent = [*calls[:210], calls[205], *calls[210:], calls[5], calls[399], calls[155]]
        for place, record in enumerate(sent, start=1):
            journal.closed(msgspec.structs.replace(record, bytes_out=place))
            first.setdefault(record.id, place)
    assert desk.drain().records == 390
    assert {row["id"]: row["bytes_out"] for row in desk.rows()} == first
    assert findings(desk) == []


def test_a_living_writers_segment_stays_and_its_open_calls_stay_open(desk: Desk) -> None:
    with desk.journal() as journal:
        journal.opened(open_record(1))
        drained = desk.drain()
        assert (drained.interrupted, drained.removed, drained.lag_bytes) == (0, 0, 0)
        assert desk.segments() == ["w-00000001.jnl"]
        assert desk.rows() == []
        journal.closed(closed_record(1))
    desk.drain()
    assert desk.outcomes() == {open_record(1).id: "completed"}
    assert desk.segments() == []


def test_a_dead_writers_open_calls_were_interrupted(desk: Desk) -> None:
    with desk.journal() as journal:
        journal.opened(open_record(1))
        journal.opened(open_record(2, stream=True))
        journal.closed(closed_record(1))
    drained = desk.drain()
    assert (drained.records, drained.interrupted, drained.removed) == (1, 1, 1)
    _, row = desk.rows()
    expected = open_record(2, stream=True, outcome="interrupted", blame="own", error_code="gateway_died")
    assert row == as_row(expected)
    assert (row["usage_source"], row["pricing"], row["cost_nano"]) == ("none", "none", None)
    assert desk.segments() == []
    assert desk.store.offsets() == {}


def test_open_calls_are_known_to_a_drainer_that_starts_in_the_middle(desk: Desk) -> None:
    with desk.journal() as journal:
        journal.opened(open_record(1))
        journal.opened(open_record(2))
        journal.closed(closed_record(2))
        desk.drain()
        desk.restart_drainer()
    assert desk.drain().interrupted == 1
    assert desk.outcomes() == dict(zip(ids(1, 2), ["interrupted", "completed"], strict=True))


def test_a_call_over_several_segments_is_closed_or_interrupted_once(desk: Desk) -> None:
    with desk.journal(segment_bytes=300) as journal:
        journal.opened(open_record(0))
        journal.opened(open_record(1))
        for number in range(2, 12):
            journal.opened(open_record(number))
            journal.closed(closed_record(number))
        journal.closed(closed_record(1))
        assert len(desk.segments()) > 3
        assert desk.drain().interrupted == 0
        assert len(desk.segments()) == 1, "finished segments go, the newest stays"
    desk.drain()
    assert desk.outcomes() == dict.fromkeys(ids(*range(1, 12)), "completed") | {ids(0)[0]: "interrupted"}


def test_the_last_line_of_a_dead_writer_may_be_torn(desk: Desk) -> None:
    with desk.journal() as journal:
        journal.opened(open_record(1))
    with (desk.folder / "w-00000001.jnl").open("ab") as file:
        file.write(encode_closed(closed_record(1))[:-1])
    drained = desk.drain()
    assert (drained.records, drained.interrupted, drained.torn, drained.quarantined) == (0, 1, 1, 0)
    assert desk.segments() == []


def test_a_torn_line_of_a_living_writer_is_waited_for(desk: Desk) -> None:
    with desk.journal() as journal:
        line = encode_closed(closed_record(1))
        os.write(journal._descriptor, line[:50])
        drained = desk.drain()
        assert (drained.records, drained.torn, drained.lag_bytes) == (0, 0, 50)
        os.write(journal._descriptor, line[50:])
        assert desk.drain().records == 1


def test_a_corrupt_line_is_set_aside_and_blocks_nothing(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with desk.journal() as journal:
        journal.closed(closed_record(1))
        os.write(journal._descriptor, b"\x00\x01 not an entry\n")
        journal.closed(closed_record(2))
        with caplog.at_level(logging.ERROR):
            drained = desk.drain()
        assert (drained.records, drained.quarantined) == (2, 1)
        assert desk.drain().quarantined == 0
    assert desk.quarantined() == b"\x00\x01 not an entry\n"
    assert "w-00000001.jnl" in caplog.text


def test_numbers_that_no_call_can_have_are_set_aside(desk: Desk) -> None:
    with desk.journal() as journal:
        journal.closed(closed_record(1, usage=Usage(input_tokens=10**30)))
        journal.closed(closed_record(2))
        drained = desk.drain()
    assert (drained.records, drained.quarantined) == (1, 1)
    assert b"1000000000000000000000000000000" in desk.quarantined()


def test_a_line_longer_than_what_is_read_at_once_blocks_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "READ_BYTES", 2000)
    with desk.journal() as journal:
        os.write(journal._descriptor, b"x" * 5000 + b"\n")
        journal.closed(closed_record(1))
        drained = desk.drain()
        assert drained.records == 1
        assert drained.quarantined >= 1
        assert desk.quarantined().count(b"x") == 5000
        desk.restart_drainer()
        journal.closed(closed_record(2))
        assert desk.drain().records == 1


def test_what_is_read_at_once_is_bounded_and_lines_may_end_anywhere(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "READ_BYTES", 777)
    with desk.journal() as journal:
        for number in range(50):
            journal.opened(open_record(number))
            journal.closed(closed_record(number))
    assert desk.drain().records == 50


def test_a_file_that_cannot_be_read_keeps_no_other_writer_waiting(desk: Desk) -> None:
    (desk.folder / "a-00000001.jnl").mkdir(parents=True)
    with desk.journal("b") as journal:
        journal.closed(closed_record(1))
        drained = desk.rounds.drain_once()
    assert drained.records == 1
    assert "a-00000001.jnl" in drained.error


def test_lines_that_cannot_be_set_aside_keep_no_other_writer_waiting(desk: Desk) -> None:
    with desk.journal("a") as journal:
        journal.closed(closed_record(1))
        os.write(journal._descriptor, b"no entry\n")
    with desk.journal("b") as journal:
        journal.closed(closed_record(2))
    (desk.folder / "quarantine").touch()
    drained = desk.rounds.drain_once()
    assert "cannot be read or set aside" in drained.error
    assert (drained.records, drained.quarantined) == (1, 0)
    assert [row["id"] for row in desk.rows()] == ids(2)
    (desk.folder / "quarantine").unlink()
    assert (desk.drain().records, desk.quarantined()) == (1, b"no entry\n")


def test_segments_that_were_never_finished_are_cleared_away_when_they_are_old(desk: Desk) -> None:
    desk.folder.mkdir()
    old, young = desk.folder / "a-00000001.new", desk.folder / "b-00000001.new"
    old.touch()
    young.touch()
    long_ago = time.time() - ABANDONED_S - 1
    os.utime(old, (long_ago, long_ago))
    desk.drain()
    assert sorted(desk.folder.glob("*.new")) == [young]


def test_what_a_writer_writes_just_before_it_dies_is_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It dies between the drainer's listing and its asking whether the writer lives: the worst moment there is."""
    journal = desk.journal()
    journal.__enter__()
    journal.opened(open_record(1))

    def write_and_die(path: Path) -> bool:
        journal.closed(closed_record(1))
        kill(journal)
        return writer_is_dead(path)

    monkeypatch.setattr(rounds, "writer_is_dead", write_and_die)
    desk.drain()
    assert desk.outcomes() == {open_record(1).id: "completed"}


def test_a_writer_that_begins_a_new_segment_meanwhile_is_not_dead(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its old segment is unlocked, and was the newest when the drainer listed them."""
    with desk.journal(segment_bytes=1) as journal:
        journal.opened(open_record(1))

        def go_on(path: Path) -> bool:
            journal.closed(closed_record(2))
            assert len(desk.segments()) == 2
            return writer_is_dead(path)

        with monkeypatch.context() as patch:
            patch.setattr(rounds, "writer_is_dead", go_on)
            assert desk.drain().interrupted == 0
        desk.drain()
        journal.closed(closed_record(1))
    desk.drain()
    assert desk.outcomes() == dict.fromkeys(ids(1, 2), "completed")


# When the store fails.


@pytest.fixture
def failing(desk: Desk) -> Failing:
    desk.store = failing = Failing(desk.store)
    desk.restart_drainer()
    return failing


@pytest.mark.parametrize("where", ["offsets", "before", "after"])
def test_a_segment_is_there_until_the_commit_that_consumed_it_is_known(
    desk: Desk, failing: Failing, where: str
) -> None:
    with desk.journal(segment_bytes=300) as journal:
        for number in range(4):
            journal.closed(closed_record(number))
    before = desk.segments()
    assert len(before) == 3
    failing.where = where
    drained = desk.rounds.drain_once()
    assert drained.error
    assert (drained.records, drained.removed) == (0, 0)
    assert desk.segments() == before
    failing.where = ""
    desk.drain()
    assert [row["id"] for row in desk.rows()] == ids(*range(4))
    assert desk.segments() == []


def test_a_store_that_is_away_shows_how_much_is_waiting(desk: Desk, failing: Failing) -> None:
    with desk.journal() as journal:
        journal.closed(closed_record(1))
        desk.drain()
        failing.where = "before"
        journal.closed(closed_record(2))
        assert desk.rounds.drain_once().lag_bytes == len(encode_closed(closed_record(2)))
        assert desk.rounds.drain_once().lag_bytes == len(encode_closed(closed_record(2)))


def test_trying_again_sets_a_corrupt_line_aside_once(desk: Desk, failing: Failing) -> None:
    with desk.journal() as journal:
        os.write(journal._descriptor, b"not an entry\n")
        failing.where = "before"
        for _ in range(3):
            assert desk.rounds.drain_once().quarantined == 0
        failing.where = ""
        assert desk.drain().quarantined == 1
    assert desk.quarantined() == b"not an entry\n"


def test_an_offset_whose_segment_is_gone_is_forgotten(desk: Desk, failing: Failing) -> None:
    with desk.journal() as journal:
        journal.closed(closed_record(1))
    failing.where = "forget"
    assert desk.rounds.drain_once().error
    assert desk.segments() == []
    assert len(desk.store.offsets()) == 1
    failing.where = ""
    desk.drain()
    assert desk.store.offsets() == {}
    assert len(desk.rows()) == 1


def test_a_database_that_somebody_else_has_locked_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.stores.sqlite.BUSY_TIMEOUT_S", 0.01)
    with ledger_at(tmp_path) as store:
        desk = Desk(tmp_path, store)
        with desk.journal() as journal:
            journal.closed(closed_record(1))
            with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                assert "locked" in desk.rounds.drain_once().error
                assert "locked" in desk.rounds.drain_once().error
                other.execute("ROLLBACK")
            assert desk.drain().records == 1
            journal.closed(closed_record(2))
            assert desk.drain().records == 1


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    """What the journals still hold is in the new one too: better twice in two files than in neither."""
    with ledger_at(tmp_path) as store:
        desk = Desk(tmp_path, store)
        _move_away(desk)


def _move_away(desk: Desk) -> None:
    with desk.journal() as journal:
        journal.closed(closed_record(1))
        desk.drain()
        (desk.state / "ledger.db").rename(desk.state / "ledger-2025.db")
        journal.closed(closed_record(2))
        assert "moved" in desk.rounds.drain_once().error
        desk.drain()
    assert closed_record(2).id in desk.outcomes()


def test_a_writer_that_dies_leaves_what_it_wrote_since_the_last_round(desk: Desk) -> None:
    journal = desk.journal()
    journal.__enter__()
    journal.opened(open_record(1))
    desk.drain()
    journal.closed(closed_record(1))
    journal.opened(open_record(2))
    kill(journal)
    desk.drain()
    assert desk.outcomes() == dict(zip(ids(1, 2), ["completed", "interrupted"], strict=True))
