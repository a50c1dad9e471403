"""What every ledger store promises; a store of another kind joins by a word in KINDS."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ledger_parts import Place, as_row, closed_record, ledger_at, own

from gateway.core.record import Record
from gateway.core.usage import METERS, Usage
from gateway.ledger.store import LedgerUnavailable, SqliteLedger

KINDS = ("sqlite", "postgres")


class Opened:
    def __init__(self, place: Place) -> None:
        self.place = place
        self._stack = contextlib.ExitStack()
        self.reopen()

    def reopen(self) -> None:
        self.close()
        self.store = self._stack.enter_context(self.place.ledger())

    def close(self) -> None:
        self._stack.close()

    def rows(self) -> list[dict[str, Any]]:
        return own(self.place.calls())


@pytest.fixture
def opened(place: Place) -> Iterator[Opened]:
    opened = Opened(place)
    yield opened
    opened.close()


def test_records_and_offset_are_kept_together(opened: Opened) -> None:
    assert opened.store.offsets() == {}
    assert opened.store.commit([closed_record(1), closed_record(2)], "w-1.jnl", 100) == 2
    assert opened.store.offsets() == {"w-1.jnl": 100}
    assert opened.rows() == [as_row(closed_record(1)), as_row(closed_record(2))]


def test_what_is_kept_is_there_after_reopening(opened: Opened) -> None:
    opened.store.commit([closed_record(1)], "w-1.jnl", 100)
    opened.reopen()
    assert opened.store.offsets() == {"w-1.jnl": 100}
    assert len(opened.rows()) == 1


def test_a_record_is_kept_as_it_came_first(opened: Opened) -> None:
    """A past record's cost never changes, whatever is sent again."""
    opened.store.commit([closed_record(1, cost_nano=5)], "w-1.jnl", 100)
    assert opened.store.commit([closed_record(1, cost_nano=7), closed_record(2)], "w-1.jnl", 200) == 1
    assert [row["cost_nano"] for row in opened.rows()] == [5, 1_500]


def test_the_same_record_twice_in_a_commit_is_one(opened: Opened) -> None:
    assert opened.store.commit([closed_record(1), closed_record(1)], "w-1.jnl", 100) == 1


def test_a_commit_without_records_moves_the_offset(opened: Opened) -> None:
    assert opened.store.commit([], "w-1.jnl", 7) == 0
    assert opened.store.offsets() == {"w-1.jnl": 7}


def test_a_forgotten_segment_leaves_its_records(opened: Opened) -> None:
    opened.store.commit([closed_record(1)], "w-1.jnl", 100)
    opened.store.commit([], "w-2.jnl", 5)
    opened.store.forget("w-1.jnl")
    opened.store.forget("never seen")
    assert opened.store.offsets() == {"w-2.jnl": 5}
    assert len(opened.rows()) == 1


def test_all_or_nothing(opened: Opened) -> None:
    broken: Record = closed_record(2, cost_nano=2**70)
    with pytest.raises(OverflowError):
        opened.store.commit([closed_record(1), broken], "w-1.jnl", 100)
    assert opened.store.offsets() == {}
    assert opened.rows() == []
    assert opened.store.commit([closed_record(1)], "w-1.jnl", 100) == 1


def test_unknown_amounts_stay_unknown(opened: Opened) -> None:
    opened.store.commit([closed_record(1, cost_nano=None, ttfb_us=None, pricing="unpriced")], "w-1.jnl", 1)
    (row,) = opened.rows()
    assert (row["cost_nano"], row["ttfb_us"], row["pricing"]) == (None, None, "unpriced")


def test_every_value_of_a_record_lands_in_its_column(opened: Opened) -> None:
    usage = Usage(**{meter: number for number, meter in enumerate(METERS, 1)})
    record = closed_record(1, usage=usage)
    opened.store.commit([record], "w-1.jnl", 1)
    assert opened.rows() == [as_row(record)]


# SQLite alone.


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    with ledger_at(tmp_path) as store:
        store.commit([closed_record(1)], "w-1.jnl", 1)
        assert {path.stat().st_mode & 0o077 for path in tmp_path.glob("ledger.db*")} == {0}


def test_a_file_that_is_no_ledger_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"something else " * 100)
    with pytest.raises(LedgerUnavailable, match=r"ledger\.db.*not a database"):
        ledger_at(tmp_path).__enter__()


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with ledger_at(tmp_path):
        pass
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as connection:
        connection.execute("INSERT INTO migrations VALUES ('9999_future.sql', '')")
    with pytest.raises(LedgerUnavailable, match="upgrade"):
        ledger_at(tmp_path).__enter__()


def test_a_folder_that_went_away_is_an_error_with_a_name_and_heals(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with SqliteLedger(state / "ledger.db") as store:
        os.rename(state, tmp_path / "elsewhere")
        with pytest.raises(LedgerUnavailable, match="moved"):
            store.commit([closed_record(1)], "w-1.jnl", 1)
        os.rename(tmp_path / "elsewhere", state)
        assert store.commit([closed_record(1)], "w-1.jnl", 1) == 1


def test_a_full_disk_costs_nothing_but_time(tmp_path: Path) -> None:
    """The transaction that failed must not stay open in the way of the next."""
    records = [closed_record(number) for number in range(500)]
    with ledger_at(tmp_path) as store:
        assert store._connection is not None
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
        with pytest.raises(LedgerUnavailable, match="full"):
            store.commit(records, "w-1.jnl", 1)
        assert store.commit(records, "w-1.jnl", 1) == 500


def test_a_commit_is_on_the_disk_before_the_journal_it_came_from_is_removed(tmp_path: Path) -> None:
    with ledger_at(tmp_path) as store:
        assert store._connection is not None
        (synchronous,) = store._connection.execute("PRAGMA synchronous").fetchone()
        (mode,) = store._connection.execute("PRAGMA journal_mode").fetchone()
        assert (synchronous, mode) == (2, "wal"), "2 is FULL: every commit is synced"


def test_reports_are_answered_by_an_index(tmp_path: Path) -> None:
    with ledger_at(tmp_path):
        pass
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        for where, index in [
            ("started_ns >= 1 AND started_ns < 2", "calls_by_time"),
            ("started_ns >= 1 AND started_ns < 2 AND tenant = 'a' AND team = 'b'", "calls_by_team"),
        ]:
            (plan,) = connection.execute(f"EXPLAIN QUERY PLAN SELECT sum(images) FROM calls WHERE {where}")
            assert index in plan[3]
