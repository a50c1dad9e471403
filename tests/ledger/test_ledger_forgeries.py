"""What somebody tries who may write to the database, knows how seals are made, and changes the sums along with it."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from keeping import call, close, committed, edit, findings, link, place_of
from ledger_parts import Desk, PostgresPlace
from pricing_parts import book_of, bought, repriced

from gateway.core.clock import uuid7
from gateway.core.record import Record
from gateway.ledger.months import Month, month_named
from gateway.ledger.rows import ATTEMPT_COLUMNS, CALL_COLUMNS, CHARGE_COLUMNS, seal_of
from gateway.ledger.slices import DAY_NS
from gateway.ledger.writing import add_link, ledger_transaction

KINDS = ("sqlite", "postgres")
CHEAP = {"m": {"input": "1", "output": "4"}}
DEAR = {"m": {"input": "1.5", "output": "4.123"}}
OLD, KEPT = Month(2026, 9), Month(2026, 10)


def assert_told(desk: Desk, told: str) -> None:
    found = findings(desk)
    assert any(told in one for one in found), found


def blob(desk: Desk, digest: bytes) -> str:
    return f"'\\x{digest.hex()}'" if isinstance(desk.place, PostgresPlace) else f"x'{digest.hex()}'"


def row(desk: Desk, table: str, **wanted: Any) -> dict[str, Any]:
    (found,) = rows(desk, table, **wanted)
    return found


def rows(desk: Desk, table: str, **wanted: Any) -> list[dict[str, Any]]:
    return [one for one in desk.place.table(table) if all(one[name] == value for name, value in wanted.items())]


def seal_now(desk: Desk, call_id: str) -> str:
    """The seal that this call's rows would have as they are."""

    def below(table: str, columns: Sequence[str]) -> list[list[Any]]:
        found = sorted(rows(desk, table, call=call_id), key=lambda one: [one["n"], one.get("seq", 0)])
        return [[one[name] for name in columns] for one in found]

    own = row(desk, "calls", id=call_id)
    seal = seal_of(
        [own[name] for name in CALL_COLUMNS], below("attempts", ATTEMPT_COLUMNS), below("charges", CHARGE_COLUMNS)
    )
    return blob(desk, seal)


def make_dearer(desk: Desk, call_id: str) -> None:
    """A call, its attempt, its charge and every sum say 1 nano-unit more."""
    kept = row(desk, "calls", id=call_id)
    names = ("team", "model", "person")
    inputs = row(desk, "usage_inputs", **{name: kept[name] for name in names})["id"]
    decided = row(desk, "decision_inputs", team=kept["team"], model=kept["model"])["id"]
    sku = row(desk, "skus", meter="input_tokens", account="")["id"]
    edit(
        desk,
        f"UPDATE calls SET cost_nano = cost_nano + 1 WHERE id = '{call_id}'",
        f"UPDATE attempts SET cost_nano = cost_nano + 1 WHERE call = '{call_id}' AND n = 1",
        f"UPDATE charges SET nano = nano + 1 WHERE call = '{call_id}' AND n = 1 AND seq = 0",
        *(f"UPDATE usage_{unit} SET cost_nano = cost_nano + 1 WHERE inputs = {inputs}" for unit in ("hours", "days")),
        *(
            f"UPDATE charge_{unit} SET nano = nano + 1 WHERE inputs = {inputs} AND sku = {sku}"
            for unit in ("hours", "days")
        ),
        f"UPDATE decision_hours SET cost_nano = cost_nano + 1 WHERE inputs = {decided}",
    )


def test_a_seal_made_anew_that_no_link_holds_is_no_seal(desk: Desk) -> None:
    committed(desk)
    name = call(4).id
    make_dearer(desk, name)
    (told,) = findings(desk)
    assert told == f"call {name}: it, its attempts or its charges were changed after they were written"
    edit(desk, f"INSERT INTO reseals (call, link, seal) VALUES ('{name}', 999999999, {seal_now(desk, name)})")
    assert_told(desk, f"call {name}: it was sealed anew in link 999999999, which is not there")
    edit(desk, f"UPDATE reseals SET link = {link(desk, 1)}")
    assert_told(desk, "does not follow")


def test_only_a_call_of_somebody_taken_out_is_sealed_anew(desk: Desk) -> None:
    """Even in a link of its own that fits: calls lose their tags when their person is taken out, and nothing else."""
    committed(desk)
    name = call(4).id
    make_dearer(desk, name)
    seal = seal_now(desk, name)
    with ledger_transaction(place_of(desk)) as ledger:
        assert ledger is not None
        number = add_link(ledger, [bytes.fromhex(seal.strip("x'\\"))], 1_800_000_000_000_000_000)
    edit(desk, f"INSERT INTO reseals (call, link, seal) VALUES ('{name}', {number}, {seal})")
    assert_told(desk, f"call {name}: it was sealed anew, but")


def test_a_correction_that_hangs_on_a_link_of_calls_is_none(desk: Desk) -> None:
    record = bought(1, book_of(CHEAP))
    desk.store.commit([record], "w-1.jnl", 1)
    kept = {"id": 1, "made_ns": 1, "made_by": "x", "reason": "x", "book": "", "since_ns": 0, "until_ns": 1}
    repricing = {**kept, "provider": "", "model": "", "adjustments": 0, "link": link(desk, 1)}
    values = ", ".join(repr(value) for value in repricing.values())
    edit(desk, f"INSERT INTO repricings ({', '.join(repricing)}) VALUES ({values})")
    assert_told(desk, "correction 1: its link is not there")


def test_sums_of_an_hour_with_corrections_alone_are_counted_too(desk: Desk) -> None:
    desk.store.commit([bought(1, book_of(CHEAP))], "w-1.jnl", 1)
    december = month_named("2023-12").begin_ns
    close(desk, "2023-11", december)
    hours = {one["hour"] for one in desk.place.table("usage_hours")}
    repriced(desk, book_of(DEAR), december + 1)
    assert findings(desk) == []
    late = {one["hour"] for one in desk.place.table("usage_hours")} - hours
    (hour,) = late
    edit(
        desk,
        *(f"DELETE FROM {what}_hours WHERE hour = {hour}" for what in ("usage", "charge", "decision")),
        *(f"DELETE FROM {what}_days WHERE day = {hour // 24}" for what in ("usage", "charge")),
    )
    assert_told(desk, "2023-12-01 00:00 UTC: kept none")


def call_in(month: Month, number: int) -> Record:
    """In the middle of the month."""
    started_ns = month.begin_ns + 20 * DAY_NS + number * 1_000_000
    return msgspec.structs.replace(call(number), id=uuid7(started_ns, bytes), started_ns=started_ns)


@pytest.fixture
def tidied(desk: Desk) -> Desk:
    """Three links of three calls each: those of the first were of a month that was dropped because it was old."""
    for number, month in enumerate((OLD, KEPT, KEPT)):
        desk.store.commit([call_in(month, 3 * number + one) for one in range(3)], "w-1.jnl", number)
        edit(desk, f"UPDATE links SET made_ns = {month.begin_ns + 21 * DAY_NS} WHERE seq = {link(desk, number + 1)}")
    while desk.store.tidy(KEPT.after(), KEPT):
        pass
    return desk


def test_that_old_months_went_is_not_wrong(tidied: Desk) -> None:
    assert len(tidied.place.calls()) == 6
    assert findings(tidied) == []


def test_old_months_that_went_are_no_excuse_for_a_call_of_a_younger_one(tidied: Desk) -> None:
    """When its link was made is not in the link's digest."""
    gone = call_in(KEPT, 7).id
    below = (("calls", "id"), ("attempts", "call"), ("charges", "call"))
    edit(
        tidied,
        f"UPDATE links SET made_ns = 0 WHERE seq = {link(tidied, 3)}",
        *(f"DELETE FROM {table} WHERE {column} = '{gone}'" for table, column in below),
    )
    assert_told(tidied, "1 of its 3 calls are missing")


def test_nor_for_a_link_that_says_that_it_had_more_calls(tidied: Desk) -> None:
    """It could be of any calls then."""
    make_dearer(tidied, call_in(KEPT, 7).id)
    edit(tidied, f"UPDATE links SET made_ns = 0, calls = calls + 1 WHERE seq = {link(tidied, 3)}")
    assert_told(tidied, "1 of its 4 calls are missing")


def test_nor_does_a_link_excuse_itself(tidied: Desk) -> None:
    forged = "made_ns = 0, calls = 1, expired_before_ns = 1900000000000000000"
    edit(tidied, f"UPDATE links SET {forged} WHERE expired_before_ns IS NOT NULL")
    assert_told(tidied, "1 of its 1 calls are missing")
