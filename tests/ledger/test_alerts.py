"""What is told of, and that it is told once: budgets, hours out of the ordinary, models without a price."""

import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alert_bench import MONTH, NOW, Bench, fill_unpriced
from hypothesis import given
from hypothesis import strategies as st
from ledger_parts import closed_record, ledger_at

from gateway.core.clock import uuid7
from gateway.ledger.alerts.anomalies import HOUR_S, WEEK_HOURS
from gateway.ledger.alerts.budgets import BudgetLevel, reached
from gateway.ledger.alerts.events import Event
from gateway.ledger.alerts.outbox import KEPT_S
from gateway.ledger.alerts.watch import GRACE_S
from gateway.testing import HandClock

# Budgets


def level(used: int, **fields: Any) -> BudgetLevel:
    known = {
        "limit": "loans",
        "figure": "cost_per_month",
        "scope": (("team", "bank/loans"),),
        "maximum_nano": 1_000,
        **MONTH,
    }
    return BudgetLevel(**{**known, "used_nano": used, **fields})


@pytest.mark.parametrize(
    ("used", "threshold"), [(0, None), (499, None), (500, 50), (799, 50), (800, 80), (1_000, 100), (5_000, 100)]
)
def test_the_highest_threshold_that_is_reached_is_told(used: int, threshold: int | None) -> None:
    found = reached(level(used), (80, 50, 100), "USD", NOW)
    assert (None if found is None else found.data["threshold_percent"]) == threshold


def test_a_small_budget_is_told_in_all_its_places() -> None:
    told = reached(level(2_380, maximum_nano=3_000), (50,), "USD", NOW)
    assert told is not None
    assert "(0.000002380 of 0.000003000 USD, until" in told.text


async def test_each_threshold_is_told_once_a_period(bench: Bench, tmp_path: Path) -> None:
    used = [0]
    period = dict(MONTH)

    def budgets(now: float) -> list[BudgetLevel]:
        return [level(used[0], **period), level(10, limit="other", scope=())]

    alerts = bench.look_at(tmp_path, budgets=budgets)
    told: list[int] = []
    for used[0] in (100, 510, 520, 600, 850, 900, 990, 1_000, 2_000):
        told.append(await alerts.look())
    assert told == [0, 1, 0, 0, 1, 0, 0, 1, 0]
    period.update({"since": MONTH["until"], "until": MONTH["until"] + 30 * 86_400})
    used[0] = 900
    assert await alerts.look() == 1, "the next month begins anew"
    used[0] = 600
    assert await alerts.look() == 0, "and what was passed over is not told later"


async def test_people_are_told_whose_budget_and_how_much(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whose = (("team", "bank/loans\n2026-10-11 forged line"),)
    half = [level(412_300_000_000, maximum_nano=500_000_000_000, scope=whose)]
    with caplog.at_level(logging.WARNING, "gateway.alerts"):
        await bench.look_at(tmp_path, budgets=lambda now: half).look()
    (line,) = caplog.messages
    assert "80 % of cost_per_month is used" in line
    assert "412.3000 of 500.0000 USD, until 2026-11-01T00:00:00Z" in line
    assert "\n" not in line
    (told,) = bench.outbox.latest(1)
    assert told.kind == "budget.threshold_reached"


@given(st.lists(st.integers(min_value=0, max_value=3_000), min_size=1, max_size=20))
def test_a_threshold_is_never_told_twice_however_the_use_moves(uses: list[int]) -> None:
    seen: set[str] = set()
    told: list[int] = []
    for used in uses:
        found = reached(level(used), (50, 80, 100), "USD", NOW)
        if found is not None and found.key not in seen:
            seen |= {found.key, *found.supersedes}
            told.append(found.data["threshold_percent"])
    assert told == sorted(set(told))


# What the ledger tells


async def test_a_model_without_a_price_is_told_of_once_a_day(bench: Bench, tmp_path: Path) -> None:
    fill_unpriced(tmp_path)
    alerts = bench.look_at(tmp_path)
    assert [await alerts.look() for _ in range(3)] == [1, 0, 0]
    assert bench.heard.alerts == ["price.missing"]
    bench.clock.advance(86_400)
    assert await alerts.look() == 0, "nobody used it today"


async def test_an_hour_out_of_the_ordinary_is_told_when_it_is_over(bench: Bench, tmp_path: Path) -> None:
    hour = int(NOW) // HOUR_S
    records = []
    for week in range(9):
        for off in (-2, -1, 0, 1, 2):
            at = hour - week * WEEK_HOURS + off
            cost = 900 * 10**9 if (week, off) == (0, 0) else 10 * 10**9
            at_ns = at * HOUR_S * 10**9
            number = len(records)
            record = closed_record(number, cost_nano=cost, started_ns=at_ns)
            records.append(
                msgspec.structs.replace(
                    record, id=uuid7(at_ns, lambda size, number=number: number.to_bytes(size, "big"))
                )
            )
    with ledger_at(tmp_path) as ledger:
        ledger.commit(records, "w.jnl", 1)
    bench.clock = HandClock(hour * HOUR_S + HOUR_S + GRACE_S - 1)
    alerts = bench.look_at(tmp_path)
    assert await alerts.look() == 0, "it may not all be in the ledger yet"
    bench.clock.advance(2)
    assert await alerts.look() == 1
    (told,) = bench.outbox.latest(1)
    assert (told.kind, told.at) == ("spend.anomaly", (hour + 1) * HOUR_S)
    assert "spent 900.0000 USD" in told.text
    assert "usual are 10.0000" in told.text
    assert await alerts.look() == 0


async def test_hours_missed_in_an_outage_are_made_up_for(bench: Bench, tmp_path: Path) -> None:
    fill_unpriced(tmp_path)
    alerts = bench.look_at(tmp_path)
    await alerts.look()
    first = bench.outbox.mark("hour")
    bench.clock.advance(5 * HOUR_S)
    await alerts.look()
    assert first is not None
    assert bench.outbox.mark("hour") == first + 5


async def test_what_was_decided_is_told_once_also_when_nobody_remembers_it(bench: Bench, tmp_path: Path) -> None:
    stopped = Event("experiment.arm_stopped", "experiment x 1", bench.clock.at, "an arm gets no more calls", {})
    alerts = bench.look_at(tmp_path, decided=lambda: [stopped])
    assert [await alerts.look() for _ in range(2)] == [1, 0]
    bench.clock.advance(KEPT_S + 1)
    assert [await alerts.look() for _ in range(3)] == [0, 0, 0]


async def test_no_ledger_and_no_budgets_is_nothing_to_tell(bench: Bench, tmp_path: Path) -> None:
    assert await bench.look_at(tmp_path).look() == 0


async def test_what_fails_in_one_look_leaves_the_others(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill_unpriced(tmp_path)

    def broken(now: float) -> list[BudgetLevel]:
        raise RuntimeError("limits are broken")

    assert await bench.look_at(tmp_path, budgets=broken).look() == 1
    assert "looking for alerts failed" in caplog.text
