"""Moves of labels and runs of gates, on every database that keeps them."""

import sqlite3
import threading
from pathlib import Path

import pytest

from gateway.core.clock import SystemClock
from gateway.core.faults import BadRequest, Conflict, NotFound
from gateway.prompts.labels.moves import Change, Move
from gateway.prompts.labels.opening import open_labels
from gateway.prompts.labels.options import LabelPlace, PromptOptions
from gateway.prompts.labels.store import LabelStore
from gateway.prompts.positions import Position, position_of
from gateway.stores.reading import StoreUnavailable
from tests.postgres import PostgresServer

ONE, TWO, SOME = position_of(1), position_of(2), position_of({1: 90, 2: 10})


def change(before: Position | None, after: Position | None, prompt: str = "a", label: str = "production") -> Change:
    return Change(prompt=prompt, label=label, before=before, after=after, actor="ann", reason="because")


def test_a_label_stands_where_its_last_move_put_it(store: LabelStore) -> None:
    assert (store.position("a", "production"), dict(store.positions())) == (None, {})
    moves = [store.move(change(None, ONE)), store.move(change(ONE, SOME)), store.move(change(SOME, TWO))]
    store.move(change(None, ONE, "b/c d"))
    store.move(change(None, TWO, label="other"))
    assert store.position("a", "production") == TWO
    assert store.positions() == {("a", "production"): TWO, ("a", "other"): TWO, ("b/c d", "production"): ONE}
    assert [one.id for one in moves] == sorted({one.id for one in moves})
    assert store.moves("a", "production") == moves
    assert [(one.label, one.after) for one in store.moves("a")] == [*[("production", at) for at in (ONE, SOME, TWO)], ("other", TWO)]  # fmt: skip
    assert store.moves("nobody") == []


def test_a_move_is_kept_whole(store: LabelStore) -> None:
    made = store.move(
        Change(
            prompt="ä/b", label="x", before=None, after=SOME, actor="cli:é", reason="it's \"so\"; DROP", gate_run="gate_1",
            rollback=True, forced=True,
        )
    )  # fmt: skip
    assert store.moves("ä/b") == [made]
    assert (made.actor, made.reason, made.gate_run, made.rollback, made.forced) == (
        "cli:é", "it's \"so\"; DROP", "gate_1", True, True,
    )  # fmt: skip
    assert abs(made.at_ns - SystemClock.now_ns()) < 60e9


def test_a_label_can_be_taken_away_and_put_back(store: LabelStore) -> None:
    store.move(change(None, ONE))
    store.move(change(ONE, None))
    assert store.positions() == {}
    assert store.position("a", "production") is None
    store.move(change(None, ONE))
    assert store.positions() == {("a", "production"): ONE}


@pytest.mark.parametrize(("before", "after", "code"), [(None, TWO, "label_moved"), (TWO, ONE, "label_moved"), (ONE, ONE, "label_there")])  # fmt: skip
def test_a_move_from_where_it_does_not_stand_is_refused(
    store: LabelStore, before: Position | None, after: Position, code: str
) -> None:
    store.move(change(None, ONE))
    with pytest.raises(Conflict) as found:
        store.move(change(before, after))
    assert (found.value.code, found.value.status) == (code, 409)
    assert len(store.moves("a")) == 1
    store.move(change(ONE, TWO))  # the store goes on


def test_texts_are_bounded(store: LabelStore) -> None:
    with pytest.raises(BadRequest):
        store.move(Change(prompt="a", label="x", before=None, after=ONE, actor="a", reason="x" * 501))


def test_moves_come_in_pages(store: LabelStore) -> None:
    at: Position | None = None
    for number in range(1, 8):
        store.move(change(at, position_of(number)))
        at = position_of(number)
    pages = [store.moves("a", limit=3)]
    while page := store.moves("a", after=pages[-1][-1].id, limit=3):
        pages.append(page)
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [one for page in pages for one in page] == store.all_moves("a")


def test_gate_runs(store: LabelStore) -> None:
    def run(verdict: str, digest: str = "sha256:b", against: str = "sha256:a", suite: str = "s1") -> str:
        made = store.record_gate_run(
            prompt="a", digest=digest, against_digest=against, suite_digest=suite, verdict=verdict, actor="ci",  # type: ignore[arg-type]
            summary={"items": 40, "diff": 0.01},
        )  # fmt: skip
        assert store.gate_run(made.id) == made
        return made.id

    assert store.last_gate_run("a", "sha256:b", "sha256:a") is None
    for verdict, passes in {"worse": False, "equivalent": True, "inconclusive": False, "failed": False, "better": True, "passed": True}.items():  # fmt: skip
        run_id = run(verdict)
        found = store.last_gate_run("a", "sha256:b", "sha256:a")
        assert found is not None
        assert (found.id, found.passed, found.summary) == (run_id, passes, {"items": 40, "diff": 0.01})
    for digest, against in (("sha256:b", "sha256:c"), ("sha256:a", "sha256:b"), ("sha256:b", "")):
        assert store.last_gate_run("a", digest, against) is None
    assert store.last_gate_run("b", "sha256:b", "sha256:a") is None
    with pytest.raises(NotFound):
        store.gate_run("gate_0")
    with pytest.raises(BadRequest, match="no verdict; one of passed"):
        run("splendid")


def test_many_move_one_label_and_one_of_them_does(place: LabelPlace) -> None:
    made: list[Move] = []
    refused: list[Conflict] = []
    gate = threading.Barrier(6)

    def work(number: int) -> None:
        with open_labels(place) as store:
            store.position("a", "production")
            gate.wait(30)
            try:
                made.append(store.move(change(None, position_of(number))))
            except Conflict as error:
                refused.append(error)

    with open_labels(place) as first:
        first.positions()
    threads = [threading.Thread(target=work, args=[number]) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(made), len(refused)) == (1, 5)
    with open_labels(place) as store:
        assert store.moves("a") == made


def test_what_is_written_is_there_after_a_restart(place: LabelPlace) -> None:
    with open_labels(place) as store:
        store.move(change(None, ONE))
    with open_labels(place) as store:
        assert store.position("a", "production") == ONE


@pytest.mark.parametrize("table", ["label_moves", "gate_runs"])
def test_rows_cannot_be_changed_in_sqlite(tmp_path: Path, table: str) -> None:
    place = LabelPlace(tmp_path / "p.db", tmp_path / "s")
    fill(place)
    connection = sqlite3.connect(place.file)
    for statement in (f"UPDATE {table} SET actor = 'x'", f"DELETE FROM {table}"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("table", ["label_moves", "gate_runs"])
def test_rows_cannot_be_changed_in_postgres(tmp_path: Path, postgres: PostgresServer, table: str) -> None:
    import psycopg

    url = postgres.fresh_database()
    fill(LabelPlace(tmp_path / "p.db", tmp_path / "s", PromptOptions(url=url)))
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (f"UPDATE {table} SET actor = 'x'", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                connection.execute(statement.encode())


def fill(place: LabelPlace) -> None:
    with open_labels(place) as store:
        store.move(change(None, ONE))
        store.record_gate_run(prompt="a", digest="d", against_digest="", suite_digest="s", verdict="passed", actor="x")


def test_the_tables_may_stand_beside_the_ledgers(tmp_path: Path, postgres: PostgresServer) -> None:
    from gateway.ledger.options import LedgerOptions
    from gateway.ledger.postgres import PostgresLedger

    url = postgres.fresh_database()
    place = LabelPlace(tmp_path / "p.db", tmp_path / "s", PromptOptions(url=url))
    fill(place)
    with PostgresLedger(LedgerOptions(url=url), "w") as ledger:
        assert ledger.offsets() == {}
    with open_labels(place) as store:
        assert store.position("a", "production") == ONE


def test_a_store_that_is_away_is_told_by_one_name(tmp_path: Path) -> None:
    (tmp_path / "p.db").write_text("no database at all, and long enough to be looked at " * 40)
    with pytest.raises(StoreUnavailable, match=r"p\.db cannot be used"):
        with open_labels(LabelPlace(tmp_path / "p.db", tmp_path / "s")):
            pass
    url = "postgresql://user:very-secret@127.0.0.1:9/x"
    with open_labels(
        LabelPlace(tmp_path / "q.db", tmp_path / "s", PromptOptions(url=url, connect_timeout_s=1))
    ) as store:
        with pytest.raises(StoreUnavailable, match="PostgreSQL at 127") as found:
            store.positions()
    assert "very-secret" not in str(found.value)
