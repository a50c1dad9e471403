"""How full limits on money are: whose, over which period, by which maximum."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from gateway.budgets import budget_levels, of_team
from gateway.core.principal import Principal
from gateway.ledger.alerts.budgets import BudgetLevel
from gateway.limits.bounds import Need
from gateway.limits.loading import read_limits
from gateway.limits.matching import Asked
from gateway.limits.seeding import Spending
from gateway.stores.documents import Text

NOW = datetime(2026, 10, 11, 12, tzinfo=UTC).timestamp()
HOUR, DAY = 3600.0, 86_400.0
NANO = 10**9


def spending(ago: float, nano: int, team: str = "loans", tenant: str = "bank", model: str = "small") -> Spending:
    caller = Principal(tenant=tenant, team=team, key_id="key_a")
    return Spending(NOW - ago, caller, model, Asked(), Need(nano=nano, requests=1))


def levels(limits: str, *spent: Spending, at: float = NOW) -> dict[str, BudgetLevel]:
    policy = read_limits(Text("limits.yaml", f"limits:\n{limits}".encode()))

    def asked(since: float, until: float, by: Collection[str]) -> Iterable[Spending]:
        return [one for one in spent if since <= one.at < until]

    return {f"{one.limit} {dict(one.scope)}": one for one in budget_levels(policy, asked, at)}


def test_each_of_whom_a_limit_is_per_has_a_level() -> None:
    found = levels(
        "  - {id: team, per: [tenant, team], cost_per_month: 100}\n  - {id: all, cost_per_month: 1000}\n",
        spending(HOUR, 5 * NANO), spending(2 * HOUR, 2 * NANO), spending(HOUR, 7 * NANO, "risk"),
    )  # fmt: skip
    assert {name: one.used_nano // NANO for name, one in found.items()} == {
        "team {'tenant': 'bank', 'team': 'bank/loans'}": 7,
        "team {'tenant': 'bank', 'team': 'bank/risk'}": 7,
        "all {}": 14,
    }
    assert {one.maximum_nano // NANO for one in found.values()} == {100, 1000}


def test_a_calendar_month_is_its_zone_s() -> None:
    limit = "  - {id: all, cost_per_month: 10, zone: Pacific/Auckland}\n"
    (found,) = levels(limit, spending(10 * DAY, NANO), spending(12 * DAY, 4 * NANO)).values()
    assert found.used_nano == NANO, "the other was in September there"
    assert datetime.fromtimestamp(found.since, UTC) == datetime(2026, 9, 30, 11, tzinfo=UTC)


def test_a_rolling_limit_counts_back_and_is_told_by_the_day() -> None:
    limit = "  - {id: all, cost_per_day: 10, rolling: true}\n"
    (found,) = levels(limit, spending(20 * HOUR, NANO), spending(30 * HOUR, 4 * NANO)).values()
    assert found.used_nano == NANO
    assert datetime.fromtimestamp(found.since, UTC) == datetime(2026, 10, 11, tzinfo=UTC)


def test_what_is_no_money_or_too_short_is_no_budget() -> None:
    assert levels("  - {id: a, tokens_per_month: 10, cost_per_hour: 1}\n", spending(60, NANO)) == {}


def test_a_raise_counts() -> None:
    limit = (
        "  - id: all\n    cost_per_month: 10\n"
        "    raises: [{until: 2026-10-20, owner: o, reason: r, figure: cost_per_month, maximum: 50}]\n"
    )
    (found,) = levels(limit, spending(60, NANO)).values()
    assert found.maximum_nano == 50 * NANO


def test_a_statement_has_what_is_the_team_s_or_shared_by_it() -> None:
    found = levels(
        "  - {id: team, per: [tenant, team], cost_per_month: 100}\n  - {id: tenant, per: [tenant], cost_per_month: 500}\n"
        "  - {id: model, per: [tenant, model], cost_per_month: 50}\n  - {id: daily, cost_per_day: 5}\n",
        spending(HOUR, NANO), spending(HOUR, NANO, "risk"), spending(HOUR, NANO, "loans", "shop"),
    )  # fmt: skip
    assert [(one.words, one.used_nano // NANO) for one in of_team(found.values(), "bank", "loans")] == [
        ("team: tenant bank, team bank/loans, a month", 1),
        ("tenant: tenant bank, a month", 2),
    ]
