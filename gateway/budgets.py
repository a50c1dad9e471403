"""How full the limits on money are, by the ledger: for whoever has to be told in time, and for statements."""

from collections.abc import Iterable

import msgspec

from gateway.ledger.alerts.budgets import BudgetLevel
from gateway.ledger.statement.figures import Budget
from gateway.limits.bounds import Bound, Span
from gateway.limits.periods import period_of
from gateway.limits.rules import LimitPolicy
from gateway.limits.seeding import Spent, seeds_of

# Limits over less than a day refuse and let go again before anybody could do something about them.
UNITS = ("day", "month")


def budget_levels(policy: LimitPolicy, spent: Spent, at: float) -> list[BudgetLevel]:
    """Of every limit on money by the day or month, and everybody who used any of it: as it was at `at` (Unix seconds).
    It reads the ledger, and blocks.

    A rolling limit counts the last 24 hours or 30 days; as its period, in which it is told once, counts UTC's.
    """
    if not policy.counts_money:
        return []
    used: dict[str, int] = {}
    bounds: dict[str, Bound] = {}
    for bound, began, nano in seeds_of(policy, spent, at):
        if bound.dimension != "cost" or bound.span.unit not in UNITS:
            continue
        if began >= _counted_since(bound.span, at):
            bounds[bound.key] = bound
            used[bound.key] = used.get(bound.key, 0) + nano
    return [_level(bounds[key], nano, at) for key, nano in used.items()]


def _counted_since(span: Span, at: float) -> float:
    return at - span.seconds if span.kind == "sliding" else period_of(span, at)[0]


def _level(bound: Bound, nano: int, at: float) -> BudgetLevel:
    span = bound.span
    period = msgspec.structs.replace(span, zone="UTC") if span.kind == "sliding" else span
    since, until = period_of(period, at)
    return BudgetLevel(
        limit=bound.limit_id,
        figure=bound.name,
        scope=bound.scope,
        since=since,
        until=until,
        used_nano=nano,
        maximum_nano=bound.maximum,
    )


def of_team(levels: Iterable[BudgetLevel], tenant: str, team: str) -> list[Budget]:
    """The monthly budgets that a team has to itself, or shares with its tenant or with everybody."""
    ours = {"tenant": tenant, "team": f"{tenant}/{team}"}
    return [
        Budget(f"{one.limit}: {_whose(one)}, a month", one.used_nano, one.maximum_nano)
        for one in levels
        if one.figure == "cost_per_month" and all(ours.get(word) == value for word, value in one.scope)
    ]


def _whose(level: BudgetLevel) -> str:
    return ", ".join(f"{word} {value}" for word, value in level.scope) or "everybody together"
