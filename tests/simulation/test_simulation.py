"""Whatever fails, in whatever order: money and tokens balance to the last unit. Here with counters in each process; with
Redis in `test_with_redis.py`.

A part of the runs for every change; `python -m tests.simulation` makes as many as there is time for.
"""

from pathlib import Path

import msgspec
import pytest

from gateway.limits.local import LocalCounters
from tests.simulation.runs import Runs

RUNS = 500


def test_money_and_tokens_balance_whatever_fails(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.many(0, RUNS, every=2)
    outcomes = ("completed", "refused", "failed", "cancelled", "interrupted")
    for what in (*outcomes, "estimates", "kills", "retry", "fallback", "hedge", "losers", "paid for nothing"):
        assert runs.seen[what] > 0, f"no run had anything {what}: the simulation has lost its teeth"


def test_a_seed_brings_the_same_run_again(tmp_path: Path) -> None:
    first, second = Runs(tmp_path / "a"), Runs(tmp_path / "b")
    first.many(7, 12)
    second.many(7, 12)
    assert first.seen == second.seen
    assert first.virtual_s == second.virtual_s


def test_a_budget_that_reserves_nothing_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decide = LocalCounters.decide
    monkeypatch.setattr(
        LocalCounters, "decide", lambda self, bounds, need: decide(self, bounds, msgspec.structs.replace(need, nano=0))
    )
    with pytest.raises(AssertionError, match=r"key-budget.* allows 120000"):
        Runs(tmp_path).many(0, RUNS, every=2)
