"""Old months: dropped whole, a bounded part at a time, and told of in the chain; what they add up to stays."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from ledger_parts import Place, closed_record

from gateway.core.attempt import Attempt, Charge
from gateway.core.clock import uuid7
from gateway.core.record import Record
from gateway.ledger import store as stores
from gateway.ledger.chain import link_digest
from gateway.ledger.drain import Drainer, DrainOptions
from gateway.ledger.months import Month
from gateway.ledger.opening import open_ledger, retention, writer_name
from gateway.ledger.options import LedgerOptions, LedgerPlace
from gateway.ledger.store import LedgerStore
from gateway.testing import HandClock

KINDS = ("sqlite", "postgres")
NOW = Month(2026, 11)


def call_in(month: Month, number: int) -> Record:
    started_ns = month.begin_ns + number * 1_000_000
    attempt = Attempt(served=True, started_ns=started_ns, charges=(Charge("requests", 1), Charge("images", 2)))
    return msgspec.structs.replace(
        closed_record(number), id=uuid7(started_ns, bytes), started_ns=started_ns, attempts=(attempt,)
    )


@pytest.fixture
def filled(place: Place) -> Iterator[LedgerStore]:
    """Ten calls in each of four months: August to November."""
    with place.ledger() as store:
        for back in range(4):
            store.commit([call_in(NOW.after(-back), number) for number in range(10)], "w-1.jnl", back)
        yield store


def months_in(place: Place) -> dict[str, int]:
    counted: dict[str, int] = {}
    for row in place.calls():
        month = next(month for back in range(4) if row["started_ns"] >= (month := NOW.after(-back)).begin_ns)
        counted[month.suffix] = counted.get(month.suffix, 0) + 1
    return counted


def test_whole_months_go_and_their_sums_stay(place: Place, filled: LedgerStore) -> None:
    before = {table: place.table(table) for table in ("usage_hours", "usage_days", "charge_days", "decision_hours")}
    while filled.tidy(NOW, NOW.after(-1)):
        pass
    assert months_in(place) == {"2026_11": 10, "2026_10": 10}
    assert (len(place.table("attempts")), len(place.table("charges"))) == (20, 40)
    assert {table: place.table(table) for table in before} == before


def test_nothing_goes_if_nothing_is_old_or_all_is_kept(place: Place, filled: LedgerStore) -> None:
    assert filled.tidy(NOW, None) is False
    assert filled.tidy(NOW, NOW.after(-3)) is False
    assert len(place.calls()) == 40


def test_the_chain_says_what_was_dropped(place: Place, filled: LedgerStore) -> None:
    while filled.tidy(NOW, NOW.after(-1)):
        pass
    filled.commit([call_in(NOW, 50)], "w-1.jnl", 9)
    links = sorted(place.table("links"), key=lambda link: link["seq"])
    told = [link for link in links if link["expired_before_ns"]]
    assert max(link["expired_before_ns"] for link in told) == NOW.after(-1).begin_ns
    assert {link["calls"] for link in told} == {0}
    for link, before in zip(links[4:-1], links[3:], strict=False):
        made = link_digest(before["digest"], link["seq"], link["writer"], [], link["expired_before_ns"])
        assert made == link["digest"]
    assert links[-1]["calls"] == 1


def test_calls_that_come_late_are_taken_and_go_the_next_time(place: Place, filled: LedgerStore) -> None:
    while filled.tidy(NOW, NOW):
        pass
    assert filled.commit([call_in(NOW.after(-3), 7)], "w-1.jnl", 9) == 1
    assert months_in(place) == {"2026_11": 10, "2026_08": 1}
    while filled.tidy(NOW, NOW):
        pass
    assert months_in(place) == {"2026_11": 10}


@pytest.mark.parametrize("kept", [1, 2])
def test_config_says_how_many_months_are_kept(tmp_path: Path, kept: int) -> None:
    place = LedgerPlace(tmp_path / "ledger.db", LedgerOptions(retention_months=kept))
    clock = HandClock(NOW.begin_ns / 1e9 + 1000)
    with open_ledger(place, clock) as store:
        for back in range(4):
            store.commit([call_in(NOW.after(-back), 1)], "w-1.jnl", back)
        tidy = retention(place, store, clock)
        while tidy():
            pass
        assert store.commit([call_in(NOW.after(-back), 1) for back in range(4)], "w-1.jnl", 9) == 3 - kept


def test_a_gateway_has_one_name_for_ever(tmp_path: Path) -> None:
    assert writer_name(tmp_path) == writer_name(tmp_path) != writer_name(tmp_path / "other")


async def test_the_drainer_drops_a_bounded_part_between_its_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "DROPPED_CALLS", 3)
    place = LedgerPlace(tmp_path / "ledger.db", LedgerOptions(retention_months=1))
    clock = HandClock(NOW.begin_ns / 1e9 + 1000)
    with open_ledger(place, clock) as store:
        store.commit([call_in(NOW.after(-3), number) for number in range(10)], "w-1.jnl", 1)
        parts: list[bool] = []

        def tidy() -> bool:
            parts.append(retention(place, store, clock)())
            return parts[-1]

        async with Drainer(DrainOptions(interval_s=0.001), tmp_path / "journal", store, tidy=tidy):
            import asyncio

            while not parts or parts[-1]:
                await asyncio.sleep(0.001)
        assert parts == [True, True, True, True, False]
