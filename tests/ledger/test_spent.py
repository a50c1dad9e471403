"""What limits go on counting from after a restart: the ledger's sums by who used what."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ledger_parts import START_NS, Desk, closed_record, ledger_at

from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.ledger import spending
from gateway.ledger.catching_up import wait_until_drained
from gateway.ledger.options import LedgerPlace
from gateway.ledger.spending import Used
from gateway.ledger.store import LedgerUnavailable

HOUR_S = 3600
BEGINS = START_NS // 10**9 // HOUR_S * HOUR_S
EVERYTHING = ("user", "prompt", "agent", "run", "facts")


def at(seconds: float, number: int, **fields: Any) -> Record:
    """A call that began so long after BEGINS."""
    started_ns = int((BEGINS + seconds) * 1e9)
    known = {"target": "p/m", "usage": Usage(input_tokens=10, cached_input_tokens=5, reasoning_tokens=7), **fields}
    return closed_record(number, started_ns=started_ns, **known)


def kept(folder: Path, *records: Record) -> Path:
    with ledger_at(folder) as store:
        store.commit(records, "w-1.jnl", 1)
    return folder / "ledger.db"


def used_since(ledger: Path, since: float, until: float, by: Sequence[str]) -> list[Used]:
    return list(spending.used_since(LedgerPlace(ledger), since, until, by))


def summed(found: list[Used]) -> tuple[int, int, int, int]:
    return (
        sum(one.calls for one in found), sum(one.input_tokens for one in found),
        sum(one.output_tokens for one in found), sum(one.nano for one in found),
    )  # fmt: skip


@pytest.mark.parametrize("by", [(), ("user",), ("run",), EVERYTHING], ids=["plain", "user", "run", "everything"])
def test_sums_are_the_same_however_much_is_kept_apart(tmp_path: Path, by: tuple[str, ...]) -> None:
    ledger = kept(
        tmp_path,
        at(0, 1), at(1000, 2, user="ada"), at(4000, 3, user="ada", run_id="r1", agent="bot"),
        at(4001, 4, user="bob", facts='{"labels":{"env":"dev"}}', prompt_id="p"),
        at(4002, 5, pricing="unpriced", cost_nano=None),
        at(4003, 6, outcome="refused", target="", usage=None, cost_nano=None),
    )  # fmt: skip
    found = used_since(ledger, BEGINS, BEGINS + 2 * HOUR_S, by)
    assert summed(found) == (5, 75, 35, 4 * 1_500), "what was refused here was not sent"
    assert {(one.tenant, one.team, one.key_id, one.target) for one in found} == {("acme", "blue", "k1", "p/m")}
    assert ("ada" in {one.user for one in found}) == ("user" in by)
    assert ("r1" in {one.run for one in found}) == ("run" in by)
    assert ('{"labels":{"env":"dev"}}' in {one.facts for one in found}) == ("facts" in by)


def test_sums_lie_at_the_end_of_their_hour_and_the_running_hours_calls_of_their_quarter(tmp_path: Path) -> None:
    """So a window that goes on from them counts rather too much than too little."""
    ledger = kept(tmp_path, at(100, 1), at(5000, 2), at(5001, 3), at(7300, 4), at(8200, 5), at(8999, 6))
    found = sorted(
        (round(one.at - BEGINS, 3), one.calls) for one in used_since(ledger, BEGINS + 3700, BEGINS + 8500, ())
    )
    assert found == [(7199.0, 2), (8099.0, 1), (8499.999, 1)]
    apart = sorted(
        (round(one.at - BEGINS, 3), one.calls) for one in used_since(ledger, BEGINS + 3700, BEGINS + 8500, EVERYTHING)
    )
    assert apart == found


def test_a_ledger_that_is_not_there_yet_has_nothing_and_one_that_is_none_is_told(tmp_path: Path) -> None:
    assert used_since(tmp_path / "none.db", 0.0, 2e9, ()) == []
    (tmp_path / "broken.db").write_bytes(b"no database at all, whatever its name says" * 100)
    with pytest.raises(LedgerUnavailable, match="cannot be read"):
        used_since(tmp_path / "broken.db", 0.0, 2e9, ())


def test_what_a_dead_writer_left_is_waited_for_and_a_living_one_is_not(tmp_path: Path) -> None:
    with ledger_at(tmp_path) as store:
        desk = Desk(tmp_path, store)
        assert wait_until_drained(desk.folder, 0.0)
        with desk.journal("living") as living:
            living.closed(closed_record(1))
            assert wait_until_drained(desk.folder, 0.0)
        assert not wait_until_drained(desk.folder, 0.05), "its writer has gone"
        drained = threading.Timer(0.05, desk.drain)
        drained.start()
        began = time.monotonic()
        assert wait_until_drained(desk.folder, 10.0)
        assert time.monotonic() - began < 5
        drained.join()
