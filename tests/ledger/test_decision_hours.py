"""The roll-up by hour and decision inputs: what it says is what the calls say, whatever happened on the way."""

import contextlib
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_parts import START_NS, Desk, closed_record, ledger_at, open_record

from gateway.core.record import Record
from gateway.core.traffic import Traffic
from gateway.core.usage import LARGEST, METERS, Usage
from gateway.ledger import decisions, rollup
from gateway.ledger.counted import INPUTS
from gateway.ledger.decisions import of_calls_of_period, verify_decisions
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.store import LedgerUnavailable, SqliteLedger
from gateway.ledger.sums import HOUR_NS
from gateway.ledger.verifying import said


def decision_inputs(database: Path, *period: Any, **words: Any) -> list[Traffic]:
    return decisions.decision_inputs(LedgerPlace(database), *period, **words)


def verify_decision_hours(database: Path) -> list[str]:
    with ledger_reader(LedgerPlace(database)) as reader:
        return [] if reader is None else list(verify_decisions(reader))


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REFUSED = {"outcome": "refused", "blame": "policy", "status": 403, "usage": None, "cost_nano": None, "pricing": "none"}


def moment(ns: int) -> datetime:
    return EPOCH + timedelta(microseconds=ns // 1000)


def expected(records: Iterable[Record], since_ns: int = 0, until_ns: int = 2**63) -> list[Traffic]:
    """The same sums, plainly."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        if since_ns <= record.started_ns < until_ns:
            groups.setdefault(tuple(getattr(record, name) for name in INPUTS), []).append(record)
    rows = [
        Traffic(
            **dict(zip(INPUTS, texts, strict=True)),
            calls=len(group),
            refused=sum((r.outcome, r.blame, r.status) == ("refused", "policy", 403) for r in group),
            cost_nano=sum(r.cost_nano or 0 for r in group),
            unpriced=sum(r.pricing == "unpriced" for r in group),
            input_tokens=sum(r.usage.total_input for r in group if r.usage),
            output_tokens=sum(r.usage.total_output for r in group if r.usage),
            last_ns=max(r.started_ns for r in group),
        )
        for texts, group in groups.items()
    ]
    return sorted(rows, key=lambda row: (-row.calls, msgspec.structs.astuple(row)[: len(INPUTS)]))


def kept(state: Path, *records: Record) -> Path:
    with ledger_at(state) as store:
        store.commit(records, "w-1.jnl", 1)
    return state / "ledger.db"


def edit(database: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def count(database: Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        (found,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return found


def test_calls_are_counted_by_what_was_decided_on(tmp_path: Path) -> None:
    full = Usage(**{meter: 10**index for index, meter in enumerate(METERS)})
    records = [
        closed_record(1, cost_nano=5),
        closed_record(2, usage=full, cost_nano=7),
        closed_record(3, **REFUSED),
        closed_record(4, **{**REFUSED, "status": 429}),
        closed_record(5, outcome="refused", blame="caller", status=403),
        closed_record(6, cost_nano=None, pricing="unpriced"),
        *(closed_record(10 + index, **{name: f"other {name}"}) for index, name in enumerate(INPUTS)),
    ]
    rows = decision_inputs(kept(tmp_path, *records), None)
    assert rows == expected(records)
    assert len(rows) == 1 + len(INPUTS)
    assert (rows[0].calls, rows[0].refused, rows[0].unpriced) == (6, 1, 1)


def test_a_call_that_is_there_already_is_not_counted_again(tmp_path: Path) -> None:
    first = [closed_record(number, facts=str(number % 2)) for number in range(10)]
    again = [msgspec.structs.replace(record, facts="told differently") for record in first[:5]]
    with ledger_at(tmp_path) as store:
        store.commit(first, "w-1.jnl", 1)
        assert store.commit([*again, closed_record(11), closed_record(11, facts="x")], "w-1.jnl", 2) == 1
        assert store.commit(first, "w-1.jnl", 2) == 0
    assert decision_inputs(tmp_path / "ledger.db", None) == expected([*first, closed_record(11)])
    assert count(tmp_path / "ledger.db", "decision_inputs") == 3, "inputs that no new call had are not kept"


def test_interrupted_calls_are_counted(desk: Desk) -> None:
    with desk.journal() as journal:
        journal.opened(open_record(1, facts="f"))
    desk.drain()
    (row,) = decision_inputs(desk.state / "ledger.db", None)
    assert (row.calls, row.facts, row.cost_nano) == (1, "f", 0)


def test_texts_are_told_apart_wherever_one_ends(tmp_path: Path) -> None:
    """Clients choose some of these texts, and none may be taken for another's."""
    pairs = [
        ("a", "b"),
        ("ab", ""),
        ("", "ab"),
        ("a\0", "b"),
        ("a", "\0b"),
        ("a\x1f", "b"),
        ('a","', "b"),
        ("é", "e\u0301"),
    ]
    records = [closed_record(number, model=a, attributes=b) for number, (a, b) in enumerate(pairs)]
    rows = decision_inputs(kept(tmp_path, *records), None)
    assert sorted((row.model, row.attributes) for row in rows) == sorted(pairs)


hours = st.integers(0, 4 * HOUR_NS)


@settings(max_examples=40, deadline=None)
@given(starts=st.lists(hours, max_size=30), since=hours, length=hours)
def test_a_period_is_exact_at_both_ends(starts: list[int], since: int, length: int) -> None:
    base = START_NS // HOUR_NS * HOUR_NS
    starts = [base + start // 1000 * 1000 for start in starts]
    begin = base + since // 1000 * 1000
    end = begin + length // 1000 * 1000
    records = [
        msgspec.structs.replace(closed_record(number, team=f"t{number % 3}"), started_ns=start)
        for number, start in enumerate(starts)
    ]
    with tempfile.TemporaryDirectory() as folder:
        ledger = kept(Path(folder), *records)
        assert decision_inputs(ledger, moment(begin), moment(end)) == expected(records, begin, end)
        assert decision_inputs(ledger, moment(begin)) == expected(records, begin)
        assert decision_inputs(ledger, None, moment(end)) == expected(records, 0, end)
        of_one = [record for record in records if record.team == "t1"]
        assert decision_inputs(ledger, moment(begin), tenant="acme", team="t1") == expected(of_one, begin)
        assert decision_inputs(ledger, moment(begin), tenant="another") == []


def test_a_moment_without_a_zone_and_a_period_that_ends_first_are_refused(tmp_path: Path) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with pytest.raises(ValueError, match="time zone"):
        decision_inputs(tmp_path / "ledger.db", datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="before it begins"):
        decision_inputs(tmp_path / "ledger.db", noon, noon - timedelta(hours=1))


def test_a_ledger_that_is_not_there_yet_has_no_inputs_and_nothing_wrong(tmp_path: Path) -> None:
    assert decision_inputs(tmp_path / "ledger.db", None) == []
    assert verify_decision_hours(tmp_path / "ledger.db") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"something else " * 100, b""])
def test_a_ledger_that_cannot_be_read_is_named_by_both(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.db").write_bytes(content)
    with pytest.raises(LedgerUnavailable, match=r"ledger\.db"):
        decision_inputs(tmp_path / "ledger.db", None)
    with pytest.raises(LedgerUnavailable, match=r"ledger\.db"):
        verify_decision_hours(tmp_path / "ledger.db")


def test_parts_of_hours_are_found_by_an_index(tmp_path: Path) -> None:
    ledger = kept(tmp_path, closed_record(1))
    queries = rollup.named_queries("gateway.ledger")
    with contextlib.closing(sqlite3.connect(ledger)) as connection:
        for filters, index in [("", "calls_by_time"), (" AND tenant = :t AND team = :t", "calls_by_team")]:
            values = {"since_ns": 1, "until_ns": 2, "t": "x"}
            plan = connection.execute(
                "EXPLAIN QUERY PLAN " + of_calls_of_period(queries, filters)[0], values
            ).fetchall()
            assert f"SEARCH calls USING INDEX {index}" in plan[0][3]


# What cannot be is found.


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE decision_hours SET calls = calls + 1 WHERE inputs = 1", "hour 472222, inputs 1: counted"),
        ("UPDATE decision_hours SET refused = 1 WHERE inputs = 2", "hour 472222, inputs 2: counted"),
        ("UPDATE decision_hours SET cost_nano = 0 WHERE inputs = 1", "inputs 1: counted"),
        ("UPDATE decision_hours SET last_ns = last_ns - 1 WHERE inputs = 1", "inputs 1: counted"),
        ("UPDATE decision_hours SET hour = hour + 1 WHERE inputs = 1", "hour 472223, inputs 1: counted"),
        ("DELETE FROM decision_hours WHERE inputs = 2", "hour 472222: 1 calls of .*'team': 'red'.* are not counted"),
        ("INSERT INTO decision_hours VALUES (7, 1, 1, 0, 0, 0, 0, 0, 0)", "hour 7, inputs 1: .*the calls say none"),
        ("INSERT INTO decision_hours VALUES (472222, 9, 1, 0, 0, 0, 0, 0, 0)", "inputs 9: .*the calls say none"),
        ("UPDATE decision_inputs SET facts = 'x' WHERE id = 1", "decision_inputs 1: its digest"),
        ("UPDATE decision_inputs SET digest = x'00' WHERE id = 1", "decision_inputs 1: its digest"),
        ("DELETE FROM decision_inputs WHERE id = 1", "hour 472222, inputs 1: .*the calls say none"),
        ("DELETE FROM calls WHERE team = 'red'", "inputs 2: .*the calls say none"),
        ("UPDATE calls SET outcome = 'failed', model = 'y' WHERE team = 'red'", "inputs 2: counted"),
    ],
)
def test_a_row_that_was_tampered_with_is_found(tmp_path: Path, statement: str, told: str) -> None:
    ledger = kept(tmp_path, closed_record(1), closed_record(2, team="red"), closed_record(3))
    assert verify_decision_hours(ledger) == []
    edit(ledger, statement)
    differences = verify_decision_hours(ledger)
    assert any(re.search(told, difference) for difference in differences), differences


def test_of_very_many_differences_the_first_are_named(tmp_path: Path) -> None:
    ledger = kept(tmp_path, *(closed_record(number, facts=str(number)) for number in range(20)))
    edit(ledger, "DELETE FROM decision_hours")
    with ledger_reader(LedgerPlace(ledger)) as reader:
        assert reader is not None
        first, more = said(verify_decisions(reader), 5)
    assert (len(first), more) == (5, True)


# A ledger of an earlier version.


METERS_THEN = [meter for meter in METERS if meter != "cached_audio_tokens"]


def before_the_roll_up(database: Path) -> None:
    """The ledger as it was before the migration."""
    edit(
        database,
        "DROP TABLE decision_hours",
        "DROP TABLE decision_inputs",
        "DELETE FROM migrations WHERE name = '0005_decision_hours.sql'",
    )


def test_the_calls_of_an_earlier_version_are_counted_when_it_is_opened(tmp_path: Path) -> None:
    records = [
        closed_record(
            number, started_ns=START_NS + number * HOUR_NS // 3, team=f"t{number % 4}", facts="é" * (number % 3)
        )
        for number in range(60)
    ]
    records += [
        closed_record(100, **REFUSED),
        closed_record(101, cost_nano=None, pricing="unpriced"),
        closed_record(102, usage=Usage(**dict.fromkeys(METERS_THEN, 3))),
        closed_record(103, model="a\0b"),
    ]
    ledger = kept(tmp_path, *records)
    before_the_roll_up(ledger)
    with pytest.raises(LedgerUnavailable, match="start this version of the gateway once"):
        decision_inputs(ledger, None)
    with ledger_at(tmp_path) as store:
        assert decision_inputs(ledger, None) == expected(records)
        assert verify_decision_hours(ledger) == []
        store.commit([closed_record(200)], "w-1.jnl", 2)
    assert decision_inputs(ledger, None) == expected([*records, closed_record(200)])
    assert verify_decision_hours(ledger) == []


def test_a_digest_never_changes() -> None:
    """It is kept in ledgers: another one would count the same inputs apart."""
    digest = rollup.inputs_digest("acme", "blue", "k1", '{"a":1}', "secret", "chat", "small", "{}")
    assert digest.hex() == "da6a22f2939ec5bc5705c463d5459b70"


# What clients and upstreams can do to it.


def test_an_upstreams_nonsense_does_not_keep_other_calls_out(tmp_path: Path) -> None:
    """Sums stop at the largest number that there is room for."""
    largest = {"usage": Usage(**dict.fromkeys(METERS, LARGEST)), "cost_nano": LARGEST}
    records = [closed_record(number, **largest) for number in range(10_000)]
    with ledger_at(tmp_path) as store:
        assert store.commit(records[:8_000], "w-1.jnl", 1) == 8_000
        assert store.commit(records[8_000:], "w-1.jnl", 1) == 2_000
        assert store.commit([closed_record(20_000, team="red")], "w-1.jnl", 1) == 1
    rows = decision_inputs(tmp_path / "ledger.db", None)
    assert [(row.team, row.calls, row.input_tokens) for row in rows] == [("blue", 10_000, 2**63 - 1), ("red", 1, 10)]
    assert rows[0].cost_nano == 2**63 - 1
    before_the_roll_up(tmp_path / "ledger.db")
    with ledger_at(tmp_path):
        assert decision_inputs(tmp_path / "ledger.db", None) == rows


def test_only_so_many_and_no_long_texts_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup, "REMEMBERED", 10)
    long = "x" * rollup.MAX_REMEMBERED_BYTES
    turns = [
        closed_record(number, facts=str(number % 25), attributes=long * (number % 5 == 0)) for number in range(100)
    ]
    with ledger_at(tmp_path) as store:
        for start in range(0, 100, 7):
            store.commit(turns[start : start + 7], "w-1.jnl", 1)
        assert store._inserting is not None
        remembered = store._inserting._rollup._decisions._ids
        assert len(remembered) == 10
        assert max(map(len, remembered)) <= rollup.MAX_REMEMBERED_BYTES
    assert decision_inputs(tmp_path / "ledger.db", None) == expected(turns)
    assert verify_decision_hours(tmp_path / "ledger.db") == []


def test_inputs_that_are_never_the_same_drain_at_a_sane_rate(tmp_path: Path) -> None:
    """A client may vary what it asks for with every call: a fiftieth of what was measured with a million is enough to
    see a lookup that reads all there are."""
    rates: list[float] = []
    with ledger_at(tmp_path) as store:
        for batch in range(40):
            records = [
                closed_record(batch * 2_000 + number, attributes=f'{{"max_output_tokens":{batch * 2_000 + number}}}')
                for number in range(2_000)
            ]
            began = time.process_time()
            store.commit(records, "w-1.jnl", 1)
            rates.append(2_000 / (time.process_time() - began))
    assert count(tmp_path / "ledger.db", "decision_inputs") == 80_000
    assert max(rates[-5:]) > 3_000, "rows a second; a tenth of what is usual"


# Whatever happens, in whatever order.

BATCH = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), max_size=15)
STEPS = st.one_of(
    st.tuples(st.just("commit"), BATCH),
    st.tuples(st.sampled_from(["locked", "full", "moved", "bad value"]), BATCH),
    st.tuples(st.just("reopen"), st.just([])),
)


def drawn(number: int, inputs: int) -> Record:
    """A call whose number stands for its id: coming again it may tell another story, which is not to be believed."""
    fields: dict[str, Any] = {"facts": f"f{inputs % 3}", "attributes": "y" * (3_000 if inputs == 5 else inputs % 2)}
    fields |= REFUSED if inputs == 4 else {"cost_nano": inputs, "usage": Usage(input_tokens=inputs, reasoning_tokens=2)}
    return closed_record(number, started_ns=START_NS + number * HOUR_NS // 7, **fields)


def disturbed(store: SqliteLedger, database: Path, how: str, records: list[Record]) -> None:
    """A commit that really fails within SQLite; afterwards the cause is gone."""
    store.offsets()  # it may have to be opened anew first
    connection = store._connection
    assert connection is not None
    if how == "bad value":
        with pytest.raises(OverflowError):
            store.commit([*records, closed_record(99, cost_nano=2**70)], "w-1.jnl", 2)
        return
    if how == "moved":
        elsewhere = database.with_name("elsewhere")
        database.rename(elsewhere)
        with pytest.raises(LedgerUnavailable, match="moved"):
            store.commit(records, "w-1.jnl", 2)
        elsewhere.rename(database)
        return
    if how == "full":
        connection.execute("PRAGMA max_page_count = 1")  # as many as there are now
        many = [closed_record(1_000 + number, facts=f"only here {number}" * 50) for number in range(200)]
        with pytest.raises(LedgerUnavailable, match="full"):
            store.commit([*records, *many], "w-1.jnl", 2)
        return
    connection.execute("PRAGMA busy_timeout = 0")
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="locked"):
            store.commit(records, "w-1.jnl", 2)
        other.execute("ROLLBACK")


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=12))
def test_the_roll_up_is_what_the_calls_add_up_to(steps: list[tuple[str, list[tuple[int, int]]]]) -> None:
    there: dict[str, Record] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        database = Path(folder) / "ledger.db"
        store = stack.enter_context(SqliteLedger(database))
        for what, batch in steps:
            records = [drawn(number, inputs) for number, inputs in batch]
            if what == "commit":
                new = store.commit(records, "w-1.jnl", 1)
                before = len(there)
                for record in records:
                    there.setdefault(record.id, record)
                assert new == len(there) - before
            elif what == "reopen":
                store = stack.enter_context(SqliteLedger(database))
            else:
                disturbed(store, database, what, records)
        assert verify_decision_hours(database) == []
        assert decision_inputs(database, None) == expected(there.values())
