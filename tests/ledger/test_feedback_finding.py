"""Whose call is it? Found wherever its record is on its way; of other people's, nothing is to be heard."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keeping import call, place_of
from ledger_parts import START_NS, Desk, PostgresPlace, closed_record, open_record

from gateway.core.faults import Overloaded
from gateway.core.record import Record
from gateway.ledger.feedback import finding, journaled
from gateway.ledger.feedback.finding import PACKAGE, Found, find_calls
from gateway.ledger.feedback.looking import Looking
from gateway.ledger.feedback.wanting import Rated, Wanted, began_ms, by_request, by_response, record_id
from gateway.ledger.journal import Journal
from gateway.ledger.options import LedgerOptions, LedgerPlace
from gateway.stores.sqlite import named_queries
from gateway.testing import HandClock

KINDS = ("sqlite", "postgres")
NOW = HandClock(START_NS / 1e9 + 60)
NAMED = {"response_id": "chatcmpl-1", "trace_id": "t1"}


def find(desk: Desk, *wanted: Wanted) -> list[Found]:
    return find_calls(place_of(desk), desk.folder, wanted, NOW)


def of_request(number: int, team: str = "blue", tenant: str = "acme") -> Wanted:
    wanted = by_request(tenant, team, open_record(number).id)
    assert wanted is not None
    return wanted


def of_response(name: str, team: str = "blue", tenant: str = "acme") -> Wanted:
    return by_response(tenant, team, name)


def rated(number: int) -> Found:
    return Found(Rated(open_record(number).id, "chatcmpl-1", "t1"))


@pytest.fixture
def journal(desk: Desk) -> Iterator[Journal]:
    with desk.journal() as journal:
        yield journal


def test_a_call_is_found_from_its_first_moment_on_wherever_it_is(desk: Desk, journal: Journal) -> None:
    wanted = (of_request(1), of_response("chatcmpl-1"))
    assert find(desk, *wanted) == [Found(), Found()]
    journal.opened(open_record(1, trace_id="t1"))
    assert find(desk, *wanted) == [Found(Rated(open_record(1).id, "", "t1")), Found()]
    journal.closed(closed_record(1, **NAMED))
    assert find(desk, *wanted) == [rated(1), rated(1)], "what its end says is more"
    desk.drain()
    assert find(desk, *wanted) == [rated(1), rated(1)]


def test_a_calls_end_in_a_new_segment_says_more_than_its_beginning_in_the_old_one(desk: Desk) -> None:
    with desk.journal(segment_bytes=1) as journal:
        journal.opened(open_record(1, trace_id="t1"))
        journal.closed(closed_record(0))
        journal.closed(closed_record(1, **NAMED))
        assert len(desk.segments()) == 3
        assert find(desk, of_request(1)) == [rated(1)]


def test_a_call_is_found_in_the_ledger_once_the_journal_is_gone(desk: Desk) -> None:
    with desk.journal() as journal:
        journal.closed(closed_record(1, **NAMED))
    desk.drain()
    assert desk.segments() == []
    assert find(desk, of_request(1), of_response("chatcmpl-1")) == [rated(1), rated(1)]


@pytest.mark.parametrize("drained", [False, True])
def test_what_is_somebody_elses_is_not_there(desk: Desk, journal: Journal, drained: bool) -> None:
    journal.closed(closed_record(1, **NAMED))
    if drained:
        desk.drain()
    for who in ({"team": "red"}, {"tenant": "other"}, {"tenant": "other", "team": "red"}):
        assert find(desk, of_request(1, **who), of_response("chatcmpl-1", **who)) == [Found(), Found()]


def test_an_answer_that_two_teams_were_given_is_each_ones_own(desk: Desk, journal: Journal) -> None:
    """A kept answer has the id of the one that was kept; and of two of its own, the later is meant."""
    journal.closed(closed_record(1, **NAMED))
    journal.closed(closed_record(2, **NAMED, team="red"))
    journal.closed(closed_record(3, **NAMED, cache="exact"))
    for _ in range(2):
        assert find(desk, of_response("chatcmpl-1"), of_response("chatcmpl-1", "red")) == [rated(3), rated(2)]
        desk.drain()


def test_it_is_found_among_many_lines_and_not_within_what_others_said(
    desk: Desk, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journaled, "PIECE_BYTES", 700)
    sneaky = f'{{"id":"{open_record(7).id}","tenant":"acme","team":"blue"}}'
    for number in range(60):
        journal.closed(
            closed_record(number, model=sneaky, tags='{"x":"\\"response_id\\":\\"no\\""}', response_id=str(number))
        )
    assert [one.rated and one.rated.id for one in find(desk, of_request(7), of_response("59"), of_response("no"))] == [
        open_record(7).id,
        open_record(59).id,
        None,
    ]


def test_a_line_that_is_torn_or_broken_is_passed_over(desk: Desk, journal: Journal) -> None:
    import os

    journal.closed(closed_record(1, **NAMED))
    whole = closed_record(2, **NAMED)
    os.write(journal._descriptor, b'{"c":{"id":"%s","tenant":"acme","team":"bl\n' % whole.id.encode())
    assert find(desk, of_request(2), of_request(1)) == [Found(), rated(1)]
    os.write(journal._descriptor, b'{"c":{"id":"%s","tenant":"acme","team":"bl' % whole.id.encode())
    assert find(desk, of_request(2), of_request(1)) == [Found(), rated(1)]


def test_a_call_deep_in_a_journal_that_is_behind_is_found(
    desk: Desk, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "TAIL_BYTES", 100)
    for number in range(50):
        journal.closed(closed_record(number, **NAMED))
        if number == 20:
            desk.drain()
    assert find(desk, of_request(3), of_request(30)) == [rated(3), rated(30)]


def test_a_journal_that_goes_while_it_is_looked_for_sends_us_back_to_the_ledger(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drainer may commit and remove it between the two looks."""
    monkeypatch.setattr(finding, "TAIL_BYTES", 0)
    with desk.journal() as journal:
        journal.closed(closed_record(1, **NAMED))
    pieces: Callable[..., Iterator[bytes]] = journaled._pieces
    looks: list[str] = []

    def then_drained(path: Path, begin: int, end: int) -> Iterator[bytes]:
        looks.append(path.name)
        if len(looks) == 2:  # the first was of the lines at its end, which are none here
            desk.drain()
        return pieces(path, begin, end)

    monkeypatch.setattr(journaled, "_pieces", then_drained)
    assert find(desk, of_request(1)) == [rated(1)]
    assert (len(looks), desk.segments()) == (2, [])


def test_with_the_ledger_away_journals_say_what_they_know_and_the_rest_nobody(
    desk: Desk, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "TAIL_BYTES", 100)
    for number in range(20):
        journal.closed(closed_record(number, **NAMED))
    if isinstance(desk.place, PostgresPlace):
        away = LedgerPlace(Path("/nowhere"), LedgerOptions(url="postgresql://127.0.0.1:9/none"))
    else:
        (desk.state / "no.db").write_bytes(b"no database " * 100)
        away = LedgerPlace(desk.state / "no.db")
    found = find_calls(away, desk.folder, [of_request(1), of_request(1, "red"), of_request(99)], NOW)
    assert found[0] == rated(1)
    assert found[1:] == [Found(away=found[1].away)] * 2
    assert "cannot" in found[1].away


def test_a_ledger_so_far_behind_that_not_all_can_be_looked_at_is_no_ledger_that_knows_nothing(
    desk: Desk, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "TAIL_BYTES", 0)
    monkeypatch.setattr(journaled.search, "__defaults__", (2_000,))
    desk.store.commit([closed_record(100, **NAMED)], "other.jnl", 1)
    for number in range(20):
        journal.closed(closed_record(number, **NAMED))
    stored, early, late = find(desk, of_request(100), of_request(1), of_request(19))
    assert (stored, late) == (rated(100), rated(19))
    assert early.rated is None
    assert "behind" in early.away


def test_answers_are_known_for_thirty_days_and_calls_for_as_long_as_they_are_kept(desk: Desk) -> None:
    desk.store.commit([call(1, response_id="msg_1")], "w-1.jnl", 1)
    for days, known in ((29, True), (31, False)):
        clock = HandClock(START_NS / 1e9 + days * 86_400)
        one, other = find_calls(place_of(desk), desk.folder, [of_response("msg_1"), of_request(1)], clock)
        assert (one.rated is not None, other.rated is not None) == (known, True)


def test_no_call_is_read_but_those_of_the_answer(tmp_path: Path) -> None:
    from ledger_parts import ledger_at

    with ledger_at(tmp_path):
        pass
    query = named_queries(PACKAGE)["call_of_response"].format(hours=", ".join(map(str, range(700))), names=":r0, :r1")
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        values = {"r0": "a", "r1": "b", "tenant": "t", "team": "u"}
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", values)]
    connection.close()
    assert plan[0].startswith("SEARCH calls USING INDEX calls_by_response (<expr>=? AND response_id=?)")


# What clients have at hand.


@pytest.mark.parametrize(
    ("named", "answers"),
    [
        ("chatcmpl-9", ("chatcmpl-9", "9")),
        ("chatcmpl-msg_9", ("chatcmpl-msg_9", "msg_9")),
        ("msg_chatcmpl-9", ("msg_chatcmpl-9", "chatcmpl-9")),
        ("resp_9", ("resp_9", "9")),
        ("gemini-id", ("gemini-id",)),
    ],
)
def test_an_id_that_a_translation_gave_a_prefix_is_known_by_both(named: str, answers: tuple[str, ...]) -> None:
    assert of_response(named) == Wanted("acme", "blue", "", answers)


@pytest.mark.parametrize("prefix", ["resp_", "chatcmpl-", "msg_", ""])
def test_an_id_that_a_translation_made_is_the_records_own(prefix: str) -> None:
    record = open_record(1)
    assert of_response(prefix + record.id.replace("-", "")).call == record.id


@given(st.text(max_size=60))
def test_anything_else_is_no_record(text: str) -> None:
    found = record_id(text)
    assert not found or found.replace("-", "") == text.lower().replace("-", "")


def test_a_record_tells_when_it_began() -> None:
    record: Record = open_record(5)
    assert record_id(record.id.upper()) == record.id
    assert began_ms(record.id) == record.started_ns // 1_000_000
    assert by_request("a", "b", "6f1ed002-ab01-4a61-9f0c-000000000000") is None


# Many at once.


async def test_whoever_comes_while_one_looks_is_in_the_next_look_together() -> None:
    looks: list[list[Wanted]] = []
    go_on = threading.Event()

    def look(wanted: Sequence[Wanted]) -> list[Found]:
        looks.append(list(wanted))
        go_on.wait(10)
        return [Found(away=one.call) for one in wanted]

    looking = Looking(look)
    first = asyncio.create_task(looking.find(of_request(0)))
    await asyncio.to_thread(lambda: [None for _ in iter(lambda: bool(looks), True)])
    others = [asyncio.create_task(looking.find(of_request(number % 3))) for number in range(9)]
    await asyncio.sleep(0)
    go_on.set()
    said = [one.away for one in await asyncio.gather(first, *others)]
    assert said == [open_record(number).id for number in (0, *(one % 3 for one in range(9)))]
    assert [len(look) for look in looks] == [1, 3]


async def test_what_goes_wrong_is_told_to_those_who_asked_and_the_next_are_answered() -> None:
    def look(wanted: Sequence[Wanted]) -> list[Found]:
        if wanted[0].call == open_record(1).id:
            raise RuntimeError("a bug")
        return [Found() for _ in wanted]

    looking = Looking(look)
    with pytest.raises(RuntimeError, match="a bug"):
        await looking.find(of_request(1))
    assert await looking.find(of_request(2)) == Found()


async def test_no_more_wait_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.ledger.feedback.looking.MOST_WAITING", 2)
    looking = Looking(lambda wanted: [Found() for _ in wanted])
    waiting = [asyncio.create_task(looking.find(of_request(number))) for number in range(3)]
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in done] == [Found, Found, Overloaded]
