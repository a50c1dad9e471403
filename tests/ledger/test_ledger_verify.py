"""`verify` finds whatever was done to a ledger by hand, and names it; of one that nobody touched it says nothing."""

import contextlib
import re
import sqlite3
from pathlib import Path

import pytest
from keeping import PEOPLE, all_findings, call, committed, edit, findings, link, opened
from ledger_parts import Desk, closed_record

from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.store import SqliteLedger
from gateway.ledger.verifying import has_head, heads

KINDS = ("sqlite", "postgres")


def ids(number: int) -> str:
    return call(number).id


def test_what_nobody_touched_is_as_it_was_written(desk: Desk) -> None:
    committed(desk)
    assert findings(desk) == []


TAMPERED = {
    "a changed cost": ("UPDATE calls SET cost_nano = 1 WHERE id = '{2}'", "call {2}: it, its attempts or its charges"),
    "a changed team": ("UPDATE calls SET team = 'red' WHERE id = '{2}'", "call {2}: it, its attempts or its charges"),
    "an answer to another model": ("UPDATE calls SET target = 'x/y' WHERE id = '{2}'", "call {2}: it, its attempts"),
    "a changed attempt": ("UPDATE attempts SET raw_usage = '' WHERE call = '{2}'", "call {2}: it, its attempts"),
    "a changed charge": ("UPDATE charges SET nano = 0 WHERE call = '{2}'", "call {2}, attempt 1: cost_nano is 1500"),
    "a call that is gone": ("DELETE FROM calls WHERE id = '{2}'", "call {2} is missing; its attempt 1 is there"),
    "the same, and its link": ("DELETE FROM calls WHERE id = '{2}'", "link 1 of .*: 1 of its 4 calls are missing"),
    "an attempt that is gone": ("DELETE FROM attempts WHERE call = '{2}'", "call {2}, attempt 1 is missing; 2 of its"),
    "a charge that is gone": ("DELETE FROM charges WHERE call = '{2}' AND seq = 1", "call {2}: it, its attempts or"),
    "calls that changed places": (
        "UPDATE calls SET model = CASE model WHEN 'm1' THEN 'm2' ELSE 'm1' END WHERE id IN ('{1}', '{2}')",
        "call {1}: it, its attempts or its charges",
    ),
    "a call in another link": ("UPDATE calls SET link = {b} WHERE id = '{2}'", "link 2 of .*: 1 calls more than the 4"),
    "the last link is gone": ("DELETE FROM links WHERE seq = {b}", "link 2 .*is not there, but 4 calls are in it"),
    "the first link is gone": (
        "DELETE FROM links WHERE seq = {a}",
        "link 2 of .*: the link before it, 1.*, is not there",
    ),
    "a changed link": ("UPDATE links SET writer = 'x' WHERE seq = {a}", "link 1 of .*: it does not follow"),
    "a call sealed anew": ("UPDATE calls SET seal = '\\x00' WHERE id = '{2}'", "link 1 of .*: it does not follow"),
    "a call outside the chain": ("UPDATE calls SET link = 0 WHERE id = '{2}'", "calls that are in no link.*{2}"),
    "a forged hour": ("UPDATE usage_hours SET cost_nano = 1 WHERE inputs = 1", "usage of 2023-11-14 22:00 UTC: kept"),
    "an hour that is gone": ("DELETE FROM usage_hours WHERE inputs = 1", "usage of 2023-11-14 22:00 UTC: kept none"),
    "a forged day": (
        "UPDATE usage_days SET calls = calls + 1 WHERE inputs = 1",
        "usage of 2023-11-14 UTC: .*its hours",
    ),
    "forged charges": ("UPDATE charge_hours SET nano = 0 WHERE inputs = 1", "charges of 2023-11-14 22:00 UTC: kept"),
    "forged charges of a day": ("DELETE FROM charge_days WHERE inputs = 1", "charge of 2023-11-14 UTC: kept none"),
    "forged inputs": ("UPDATE usage_inputs SET team = 'x' WHERE id = 1", "usage_inputs 1: its digest"),
    "inputs that are gone": ("DELETE FROM usage_inputs WHERE id = 1", "22:00 UTC: its inputs 1 are not there"),
    "a forged SKU": ("UPDATE skus SET rate = 1 WHERE id = 1", "skus 1: its digest"),
    "forged decisions": (
        "UPDATE decision_hours SET refused = 1 WHERE inputs = 1",
        "decisions of hour 472222, inputs 1",
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_whatever_was_done_is_found_and_named(desk: Desk, what: str) -> None:
    committed(desk)
    statement, told = TAMPERED[what]
    names = [ids(number) for number in range(8)]
    edit(desk, statement.format(*names, a=link(desk, 1), b=link(desk, 2)))
    assert_told(findings(desk), told.format(*names))


def test_a_call_that_never_cost_what_its_attempt_did_is_found_though_its_seal_is_right(desk: Desk) -> None:
    committed(desk, call(0), call(1, cost_nano=7))
    assert findings(desk) == [f"call {ids(1)}: cost_nano is 7, the attempt that served says 1500"]


def assert_told(found: list[str], told: str) -> None:
    assert any(re.search(told, one) for one in found), found


def test_who_makes_the_chain_anew_cannot_make_the_heads_that_were_noted(desk: Desk) -> None:
    committed(desk)
    with opened(desk) as reader:
        (head,) = heads(reader)
        assert has_head(reader, head.digest)
    edit(
        desk,
        f"DELETE FROM links WHERE seq = {link(desk, 2)}",
        "DELETE FROM charges",
        "DELETE FROM attempts",
        "DELETE FROM calls",
    )
    with opened(desk) as reader:
        assert not has_head(reader, head.digest)
        with pytest.raises(ValueError, match="is no head"):
            has_head(reader, "zz")


def test_only_what_came_since_is_looked_at(desk: Desk) -> None:
    committed(desk)
    edit(desk, f"UPDATE calls SET cost_nano = 1 WHERE id = '{ids(2)}'", "UPDATE usage_hours SET calls = 9")
    assert findings(desk) != []
    with opened(desk) as reader:
        (head,) = heads(reader)
    assert findings(desk, head.made_ns + 1) == []


def test_calls_from_before_the_chain_are_told_apart_from_calls_put_beside_it(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path / "ledger.db") as store:
        store.commit([closed_record(number, user=name) for number, name in enumerate(PEOPLE)], "w-1.jnl", 1)
    place = LedgerPlace(tmp_path / "ledger.db")
    with contextlib.closing(sqlite3.connect(place.file, isolation_level=None)) as connection:
        connection.execute("UPDATE calls SET link = 0, seal = NULL")
        connection.execute("DELETE FROM links")
        connection.execute("UPDATE unsealed SET calls = (SELECT count(*) FROM calls)")
        assert findings_at(place) == []
        connection.execute(f"UPDATE unsealed SET calls = {len(PEOPLE) - 1}")
        assert_told(findings_at(place), r"in no link, so that nobody vouches for them \(1 too many\)")


def findings_at(place: LedgerPlace) -> list[str]:
    with ledger_reader(place) as reader:
        assert reader is not None
        return all_findings(reader)
