"""A process knows where labels stand, hears when they move, and goes on with what it knew while the store is away."""

import os
import signal
from pathlib import Path

import pytest
from shelves import StandingClock

from gateway.prompts.labels.following import SqliteSource
from gateway.prompts.labels.moves import Change
from gateway.prompts.labels.opening import follow_labels, open_labels
from gateway.prompts.labels.options import LabelPlace, PromptOptions
from gateway.prompts.positions import Position, position_of
from tests.postgres import PostgresServer

ONE, TWO = position_of(1), position_of(2)
KEY = ("a", "production")


def move(place: LabelPlace, before: Position | None, after: Position | None) -> None:
    with open_labels(place) as store:
        store.move(Change(prompt="a", label="production", before=before, after=after, actor="ann"))


def test_moves_are_followed(place: LabelPlace) -> None:
    follower = follow_labels(place)
    assert (follower.refresh(), follower.positions, follower.last_error) == (False, {}, "")
    move(place, None, ONE)
    assert (follower.refresh(), follower.positions) == (True, {KEY: ONE})
    assert follower.refresh() is False
    move(place, ONE, TWO)
    assert (follower.refresh(), follower.positions) == (True, {KEY: TWO})
    move(place, TWO, None)
    assert (follower.refresh(), follower.positions, follower.last_error) == (True, {}, "")
    follower.close()


def test_a_gate_run_moves_nothing(place: LabelPlace) -> None:
    move(place, None, ONE)
    follower = follow_labels(place)
    assert follower.refresh()
    with open_labels(place) as store:
        store.record_gate_run(prompt="a", digest="d", against_digest="", suite_digest="s", verdict="passed", actor="x")
    assert (follower.refresh(), follower.positions) == (False, {KEY: ONE})
    follower.close()


def test_what_was_known_is_known_after_a_restart_without_the_store(tmp_path: Path) -> None:
    place = LabelPlace(tmp_path / "p.db", tmp_path / "s")
    move(place, None, ONE)
    first = follow_labels(place)
    first.refresh()
    first.close()
    (tmp_path / "p.db").rename(tmp_path / "away.db")
    again = follow_labels(place)
    assert (again.refresh(), again.positions) == (True, {KEY: ONE})
    assert "cannot be read" in again.last_error
    assert again.refresh() is False
    (tmp_path / "away.db").rename(tmp_path / "p.db")
    assert (again.refresh(), again.positions, again.last_error) == (False, {KEY: ONE}, "")
    again.close()


@pytest.mark.parametrize("text", [b"", b"{}", b'[["a"]]', b'[["a","b","x:y"]]', b"\xff"])
def test_a_spoilt_snapshot_is_no_snapshot(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "s").write_bytes(text)
    follower = follow_labels(LabelPlace(tmp_path / "p.db", tmp_path / "s"))
    assert (follower.refresh(), follower.positions, follower.last_error) == (False, {}, "")


def test_a_database_that_is_put_back_from_a_copy_is_read_again(tmp_path: Path) -> None:
    place = LabelPlace(tmp_path / "p.db", tmp_path / "s")
    move(place, None, ONE)
    source = SqliteSource(place.file)
    assert source.look() == {KEY: ONE}
    other = LabelPlace(tmp_path / "other.db", tmp_path / "s")
    move(other, None, TWO)
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"p.db{suffix}").unlink(missing_ok=True)
    os.replace(other.file, place.file)
    assert source.look() == {KEY: TWO}
    source.close()


def test_how_old_what_is_known_may_be(tmp_path: Path) -> None:
    clock = StandingClock()
    clock.monotonic = lambda: clock.at  # type: ignore[method-assign,assignment]
    place = LabelPlace(tmp_path / "p.db", tmp_path / "s")
    move(place, None, ONE)
    follower = follow_labels(place, clock)
    follower.refresh()
    clock.at += 5
    assert follower.age_s == 5
    follower.refresh()
    assert follower.age_s == 0
    (tmp_path / "p.db").rename(tmp_path / "away.db")
    clock.at += 7
    follower.close()
    follower.refresh()
    assert follower.age_s == 7


def test_postgres_goes_away_and_comes_back(tmp_path: Path, postgres: PostgresServer) -> None:
    options = PromptOptions(url=postgres.fresh_database(), connect_timeout_s=2, statement_timeout_s=2)
    place = LabelPlace(tmp_path / "p.db", tmp_path / "s", options)
    move(place, None, ONE)
    follower, restarted = follow_labels(place), follow_labels(place)
    follower.refresh()
    postgres.stop()
    try:
        assert (follower.refresh(), follower.positions) == (False, {KEY: ONE})
        assert "PostgreSQL at" in follower.last_error
        assert (restarted.refresh(), restarted.positions) == (True, {KEY: ONE})
    finally:
        postgres.start()
    assert (follower.refresh(), follower.last_error) == (False, "")
    move(place, ONE, TWO)
    for one in (follower, restarted):
        assert (one.refresh(), one.positions) == (True, {KEY: TWO})
        one.close()


def test_a_postgres_that_says_nothing_is_given_up(tmp_path: Path, postgres: PostgresServer) -> None:
    options = PromptOptions(url=postgres.fresh_database(), statement_timeout_s=1.5)
    place = LabelPlace(tmp_path / "p.db", tmp_path / "s", options)
    move(place, None, ONE)
    follower = follow_labels(place)
    follower.refresh()
    postgres.signal(signal.SIGSTOP)
    try:
        assert (follower.refresh(), follower.positions) == (False, {KEY: ONE})
        assert follower.last_error
    finally:
        postgres.signal(signal.SIGCONT)
    assert (follower.refresh(), follower.last_error) == (False, "")
    follower.close()
