"""Budgets that fill up: pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from gateway.core.days import written
from gateway.core.money import decimal_text
from gateway.ledger.alerts.events import Event, amount, shown


class BudgetLevel(msgspec.Struct, frozen=True, kw_only=True):
    """How full one limit on money is, for one of those it counts for.

    Attributes:
        limit, figure: its id in limits.yaml, and the figure (`cost_per_month`).
        scope: whose it is: `(("tenant", "bank"), ("team", "bank/loans"))`; empty: everybody's.
        since, until: the period, in Unix seconds. used_nano, maximum_nano: of the price book's currency.
    """

    limit: str
    figure: str
    scope: tuple[tuple[str, str], ...]
    since: float
    until: float
    used_nano: int
    maximum_nano: int


# What the limits say at a moment (Unix seconds). It blocks, and is asked in a thread.
Budgets = Callable[[float], Iterable[BudgetLevel]]


def reached(level: BudgetLevel, thresholds: Sequence[int], currency: str, now: float) -> Event | None:
    """The highest threshold that is reached; the lower ones are not worth telling any more."""
    over = [one for one in sorted(thresholds) if level.used_nano * 100 >= one * level.maximum_nano and level.used_nano]
    if not over:
        return None
    *lower, threshold = over
    whose = ", ".join(f"{word} {shown(value)}" for word, value in level.scope) or "everybody"
    used, maximum = (decimal_text(nano) for nano in (level.used_nano, level.maximum_nano))
    return Event(
        "budget.threshold_reached",
        _key(level, threshold),
        now,
        f"budget {level.limit}: {threshold} % of {level.figure} is used for {whose} "
        f"({amount(level.used_nano)} of {amount(level.maximum_nano)} {currency}, until {written(level.until)})",
        {
            "limit": level.limit,
            "figure": level.figure,
            "scope": dict(level.scope),
            "threshold_percent": threshold,
            "used": used,
            "maximum": maximum,
            "currency": currency,
            "period": {"start": written(level.since), "end": written(level.until)},
        },
        tuple(_key(level, one) for one in lower),
    )


def scope_of(key: str) -> Mapping[str, str]:
    """Whose budget an event with this key is about; empty for everybody's, and for other events."""
    kind, *rest = key.split("|", 3)
    if kind != "budget":
        return {}
    scope, _, _ = rest[2].rsplit("|", 2)
    return dict(msgspec.json.decode(scope, type=tuple[tuple[str, str], ...]))


def _key(level: BudgetLevel, threshold: int) -> str:
    scope = msgspec.json.encode(level.scope).decode()
    return f"budget|{level.limit}|{level.figure}|{scope}|{int(level.since)}|{threshold}"
