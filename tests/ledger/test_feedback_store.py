"""Feedback in every kind of store: each statement once, before or after its call, and gone with it."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from keeping import call, committed, findings, place_of
from ledger_parts import Desk, Failing, Place, SqlitePlace, closed_record, kill, open_record
from sayings import said
from test_ledger_forget import JANE, forget
from test_retention import NOW, call_in

import gateway.ledger.store as store_module
from gateway.core.clock import SystemClock, uuid7
from gateway.core.feedback import Feedback
from gateway.ledger.calls import call_with_attempts
from gateway.ledger.feedback.showing import feedback_of_call, feedback_page
from gateway.ledger.feedback.storing import feedback_row
from gateway.ledger.rounds import Rounds

KINDS = ("sqlite", "postgres")


def kept(desk: Desk) -> list[dict[str, Any]]:
    return desk.place.table("feedback")


def test_every_field_is_kept_once_however_often_it_is_written(desk: Desk) -> None:
    full = said(1, 0.1 + 0.2, labels='{"case":"a"}', comment='it\'s 100% "odd" \\ :call %s', correction="é\n☂")
    desk.store.commit([], "w-1.jnl", 1, [full])
    desk.store.commit([closed_record(1)], "w-1.jnl", 2, [full, said(1, "slow", 1), full])
    rows = {row["id"]: row for row in kept(desk)}
    assert rows[full.id] == feedback_row(full, 0)
    assert len(rows) == 2
    assert desk.store.offsets() == {"w-1.jnl": 2}


def test_a_journal_brings_it_into_the_ledger_before_its_call_and_after_it(desk: Desk) -> None:
    with desk.journal("a") as journal, desk.journal("b") as other:
        other.said(said(1))
        other.said(said(2))
        journal.opened(open_record(1))
        desk.drain()
        assert (len(kept(desk)), desk.rows()) == (2, [])
        journal.closed(closed_record(1))
        journal.closed(closed_record(2))
        journal.said(said(2, number=1))
        desk.drain()
    assert (len(kept(desk)), len(desk.rows())) == (3, 2)
    assert findings(desk) == []


def test_a_worker_that_is_killed_loses_none(desk: Desk) -> None:
    journal = desk.journal()
    journal.__enter__()
    journal.said(said(1))
    kill(journal)
    assert desk.drain().records == 0
    assert [row["id"] for row in kept(desk)] == [said(1).id]
    assert desk.segments() == []


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_commit_that_failed_or_was_not_answered_for_leaves_it_there_once(desk: Desk, where: str) -> None:
    failing = Failing(desk.store)
    desk.rounds = Rounds(desk.folder, failing, SystemClock())
    with desk.journal() as journal:
        journal.said(said(1))
        failing.where = where
        assert desk.rounds.drain_once().error
        failing.where = ""
        desk.drain()
    assert len(kept(desk)) == 1


def test_a_line_that_is_no_feedback_is_set_aside(desk: Desk) -> None:
    with desk.journal() as journal:
        for broken in (
            b'{"f":{"id":"x","call":"x","at_ns":1,"tenant":"a","team":"b","metric":"m","kind":"score"}}\n',
            b'{"f":{}}\n',
        ):
            os.write(journal._descriptor, broken)
        journal.said(said(1))
        assert desk.drain().quarantined == 2
    assert len(kept(desk)) == 1


def test_a_nul_that_postgres_cannot_keep_is_replaced(desk: Desk) -> None:
    with desk.journal() as journal:
        journal.said(said(1, comment="a\0b"))
        desk.drain()
    assert [row["comment"] for row in kept(desk)] == ["a\ufffdb"]


def test_who_said_it_is_kept_apart(desk: Desk) -> None:
    committed(desk, call(1, user=JANE))
    desk.store.commit([], "w-1.jnl", 3, [said(1, user=JANE), said(1, "down", 1, user="new@example.com")])
    assert {row["person"] for row in kept(desk)} == {row["id"] for row in desk.place.table("people")}
    assert [row["user"] for row in feedback_of_call(place_of(desk), open_record(1).id)] == [JANE, "new@example.com"]


def test_whoever_is_forgotten_takes_what_was_written_along_and_leaves_the_scores(desk: Desk) -> None:
    texts = {"comment": "c", "correction": "d", "labels": '{"case":"x"}'}
    committed(desk, call(1, user=JANE), call(2, user="kim@example.com"), call(3, user=""))
    about = [said(1, **texts), said(2, **texts, user=JANE), said(2, "down", 1, **texts, user="kim@example.com")]
    about.append(said(3, **texts))
    desk.store.commit([], "w-1.jnl", 3, about)
    assert forget(desk).texts == 2
    left = {row["id"]: (row["score"], row["comment"], row["correction"], row["labels"]) for row in kept(desk)}
    labels = texts["labels"]
    assert left == {
        about[0].id: (1.0, "", "", labels),
        about[1].id: (1.0, "", "", labels),
        about[2].id: (0.0, "c", "d", labels),
        about[3].id: (1.0, "c", "d", labels),
    }
    assert JANE not in repr([*kept(desk), *desk.place.table("people")])
    assert forget(desk, "kim@example.com", tags=True).texts == 1
    assert {row["id"]: row["labels"] for row in kept(desk)}[about[2].id] == ""
    assert findings(desk) == []


def test_somebody_who_never_made_a_call_can_be_forgotten_too(desk: Desk) -> None:
    committed(desk, call(1, user=""))
    desk.store.commit([], "w-1.jnl", 3, [said(1, user="rater@example.com", comment="c")])
    assert forget(desk, "rater@example.com").texts == 1
    desk.store.commit([], "w-1.jnl", 4, [said(1, "down", 1, user="rater@example.com")])
    assert len({row["person"] for row in kept(desk)}) == 2, "whoever comes back is somebody new"


def test_feedback_goes_with_the_month_of_its_call(place: Place) -> None:
    with place.ledger() as store:
        records = [call_in(NOW.after(-back), 0) for back in range(3)]
        about = [msgspec.structs.replace(said(1), call=record.id, id=uuid7(record.started_ns)) for record in records]
        unjoined = msgspec.structs.replace(said(2), call=call_in(NOW.after(-2), 5).id)
        store.commit(records, "w-1.jnl", 1, [*about, unjoined])
        while store.tidy(NOW, NOW.after(-1)):
            pass
        assert {row["call"] for row in place.table("feedback")} == {records[0].id, records[1].id}


def test_a_part_of_a_month_goes_with_its_feedback_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "DROPPED_CALLS", 1)
    place = SqlitePlace(tmp_path)
    with place.ledger() as store:
        records = [call_in(NOW.after(-2), number) for number in range(3)]
        about = [msgspec.structs.replace(said(1), call=record.id) for record in records]
        store.commit(records, "w-1.jnl", 1, about)
        for left in (2, 1, 0):
            assert store.tidy(NOW, NOW.after(-1))
            assert len(place.table("feedback")) == len(place.calls()) == left


def test_a_page_shows_numbers_and_that_there_are_texts_and_a_call_all_of_it(desk: Desk) -> None:
    committed(desk, call(1), call(2))
    rows = [said(1, comment="secret"), said(1, "down", 1), said(2, 0.5, metric="quality", labels='{"a":"b"}')]
    stranger = said(2, "up", 9, tenant="other", team="blue", comment="theirs")
    desk.store.commit([], "w-1.jnl", 3, [*rows, stranger])
    place = place_of(desk)
    first = feedback_page(place, None, None, {}, None, 2)
    second = feedback_page(place, None, None, {}, (first[-1]["call"], first[-1]["id"]), 5)
    assert [row["id"] for row in first + second] == [stranger.id, rows[2].id, rows[1].id, rows[0].id]
    assert "secret" not in repr(first + second)
    assert [(row["replaced"], row["has_comment"]) for row in second] == [(False, False), (True, True)]
    assert [row["labels"] for row in feedback_page(place, None, None, {"metric": "quality"}, None, 5)] == [{"a": "b"}]
    assert len(feedback_page(place, None, None, {"tenant": "other"}, None, 5)) == 1
    shown = feedback_of_call(place, rows[0].call)
    assert [(row["comment"], row["replaced"]) for row in shown] == [("secret", True), ("", False)]
    assert [row["id"] for row in feedback_of_call(place, rows[2].call)] == [rows[2].id], "nobody else's"
    assert feedback_of_call(place, "no id") == []


def test_what_a_call_was_answered_with_and_obliged_to_is_on_it_and_sealed(desk: Desk) -> None:
    committed(desk, call(1, response_id="chatcmpl-1", obligations="no_content"), call(2))
    found = call_with_attempts(place_of(desk), open_record(1).id)
    assert found is not None
    assert (found["response_id"], found["obligations"]) == ("chatcmpl-1", "no_content")
    assert findings(desk) == []


def test_what_was_written_is_in_no_repr() -> None:
    """Which is what gets into a log."""
    assert "secret" not in repr(said(1, comment="secret", correction="secret", user="secret", labels="secret"))
    assert isinstance(said(1), Feedback)
