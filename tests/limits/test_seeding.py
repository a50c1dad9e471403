"""After a restart, counters of long spans go on where the ledger says that they were."""

import asyncio
from collections.abc import Collection, Iterable
from datetime import datetime

import msgspec

from gateway.core.live import Live
from gateway.core.principal import Principal
from gateway.limits.bounds import Need
from gateway.limits.local import LocalCounters
from gateway.limits.matching import NOTHING_ASKED, Asked
from gateway.limits.seeding import Seeding, Spending, seeds_of
from tests.limits.making import WHO, TwoClocks, policy_of

FILE = """
zone: Europe/Berlin
limits:
  - {id: month, per: [tenant, team], cost_per_month: 100}
  - {id: day, match: {models: [large]}, per: [key], requests_per_day: 100}
  - {id: hour, per: [tenant], tokens_per_hour: 100000}
  - {id: minute, per: [tenant], tokens_per_minute: 100000}
  - {id: dev, match: {labels: {env: dev}}, per: [user], cost_per_month: 100}
"""
NOW = datetime.fromisoformat("2026-11-15T12:00:00+01:00").timestamp()
DEV = msgspec.structs.replace(WHO, key_id="k2", labels={"env": "dev"})


def at(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


SPENT = [
    Spending(at("2026-10-31T23:59:00+01:00"), WHO, "large", Asked(), Need(1, 1, 50, 7)),
    Spending(at("2026-11-01T00:00:00+01:00"), WHO, "large", Asked(), Need(1, 1, 20, 7)),
    Spending(at("2026-11-15T00:10:00+01:00"), WHO, "large", Asked(), Need(10, 20, 3, 2)),
    Spending(at("2026-11-15T11:45:00+01:00"), WHO, "small", Asked(), Need(10, 20, 4, 5)),
    Spending(at("2026-11-15T11:59:40+01:00"), DEV, "large", Asked(user="ada"), Need(100, 200, 5, 1)),
]


class Ledger:
    def __init__(self, rows: Iterable[Spending] = SPENT) -> None:
        self.rows = list(rows)
        self.asked = list[tuple[float, float, Collection[str]]]()

    def spent(self, since: float, until: float, by: Collection[str]) -> Iterable[Spending]:
        self.asked.append((since, until, by))
        return [row for row in self.rows if since <= row.at < until]


def levels(
    counters: LocalCounters, file: str, who: Principal, model: str, asked: Asked = NOTHING_ASKED
) -> dict[str, int]:
    bounds = policy_of(file).bounds(who, model, NOW, asked)
    return {level.bound.limit_id: level.used for level in asyncio.run(counters.levels(bounds))}


def test_what_was_used_before_counts_where_it_belongs() -> None:
    ledger, counters = Ledger(), LocalCounters(TwoClocks(NOW))
    asyncio.run(Seeding(counters, Live(policy_of(FILE)), ledger.spent, lambda error: None).seed(NOW))
    assert levels(counters, FILE, WHO, "large") == {"month": 32, "day": 2, "hour": 330, "minute": 0}
    assert levels(counters, FILE, DEV, "large", Asked(user="ada")) == {
        "month": 32, "day": 1, "hour": 330, "minute": 0, "dev": 5,
    }  # fmt: skip
    ((since, until, by),) = ledger.asked
    assert since <= at("2026-11-01T00:00:00+01:00")
    assert until == NOW
    assert set(by) == {"user", "facts"}, "no more is kept apart than some limit looks at"


def test_short_limits_ask_nobody() -> None:
    ledger = Ledger()
    policy = policy_of("limits: [{id: a, requests_per_minute: 1, concurrent_requests: 1}]")
    asyncio.run(Seeding(LocalCounters(TwoClocks(NOW)), Live(policy), ledger.spent, lambda error: None).seed(NOW))
    assert ledger.asked == []


def test_a_reload_seeds_the_new_limits_and_leaves_those_that_counted_all_along() -> None:
    clock, ledger = TwoClocks(NOW), Ledger()
    counters, limits = LocalCounters(clock), Live(policy_of(FILE))
    seeding = Seeding(counters, limits, ledger.spent, lambda error: None)
    asyncio.run(seeding.seed(NOW))
    clock.advance(60)
    changed = FILE + "  - {id: new, per: [tenant], cost_per_month: 100}\n"
    limits.value = policy_of(changed)
    hold = counters.decide(limits.value.bounds(WHO, "large", clock.now()), Need(nano=1))
    asyncio.run(seeding.seed(clock.now()))
    assert levels(counters, changed, WHO, "large") == {"month": 33, "day": 3, "hour": 330, "minute": 0, "new": 33}
    counters.settle(hold, Need(nano=1))


def test_a_ledger_that_cannot_be_read_stops_no_call_and_is_told_of() -> None:
    def broken(since: float, until: float, by: Collection[str]) -> Iterable[Spending]:
        raise OSError("no such ledger")

    told, counters = list[Exception](), LocalCounters(TwoClocks(NOW))
    asyncio.run(Seeding(counters, Live(policy_of(FILE)), broken, told.append).seed(NOW))
    assert [str(error) for error in told] == ["no such ledger"]
    assert levels(counters, FILE, WHO, "large")["month"] == 0


async def test_changed_limits_are_noticed() -> None:
    ledger, limits = Ledger(), Live(policy_of(FILE))
    seeding = Seeding(LocalCounters(TwoClocks(NOW)), limits, ledger.spent, lambda error: None)
    await seeding.seed(NOW)
    watching = asyncio.create_task(seeding.watch())
    limits.value = policy_of(FILE + "  - {id: new, per: [tenant], cost_per_month: 100}\n")
    async with asyncio.timeout(5):
        while len(ledger.asked) < 2:
            await asyncio.sleep(0.02)
    watching.cancel()
    assert ledger.asked[1][1] == NOW


def test_nothing_is_added_up_across_the_moment_since_when_counters_count() -> None:
    ledger, began = Ledger(), at("2026-11-15T11:50:00+01:00")
    found = seeds_of(policy_of(FILE), ledger.spent, NOW, began)
    assert found == seeds_of(policy_of(FILE), Ledger().spent, NOW)
    (first, cut, _), (again, last, _) = ledger.asked
    assert (first, cut, again, last) == (NOW - 32 * 86_400, began, began, NOW)
    for elsewhere in (NOW - 90 * 86_400, NOW, NOW + 60):
        ledger.asked.clear()
        assert seeds_of(policy_of(FILE), ledger.spent, NOW, elsewhere) == found
        assert len(ledger.asked) == 1, "it lies outside of what is asked for"
