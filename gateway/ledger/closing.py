"""Closed months: what was charged back for them stays; what is corrected or comes late belongs to the open month.

Months are of UTC and close in their order, so one moment tells all: what began before it is closed.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.ledger.months import Month, month_named, month_of
from gateway.ledger.slices import DAY_NS
from gateway.ledger.writing import Transaction, one
from gateway.stores.reading import Reader


class Period(msgspec.Struct, frozen=True):
    """A closed month and what it added up to then. Amounts in nano-units of the price book's currency.

    Attributes:
        month: `2026-10`. closed_ns: Unix nanoseconds. unpriced: calls without a known price: they are in neither sum.
    """

    month: str
    closed_ns: int
    closed_by: str
    calls: int
    cost_nano: int
    list_nano: int
    unpriced: int

    @property
    def end_ns(self) -> int:
        """The first moment after it."""
        return month_named(self.month).after().begin_ns


class CannotClose(ValueError):
    """The month cannot be closed; the message says why."""


def periods(reader: Reader | Transaction) -> list[Period]:
    """Every closed month, the earliest first."""
    return [_period(row) for row in reader.rows(reader.queries["periods_closed"])]


def closed_until(reader: Reader | Transaction) -> int:
    """Unix nanoseconds of the first moment that is not in a closed month; 0 while none is closed. A correction of what
    began before is to be dated at this moment or later."""
    closed = periods(reader)
    return closed[-1].end_ns if closed else 0


def totals(reader: Reader | Transaction, month: Month) -> Mapping[str, int]:
    """What the month adds up to now: `calls`, `cost_nano`, `list_nano`, `unpriced`."""
    return next(iter(reader.rows(reader.queries["month_totals"], month.days)))


def came_late(reader: Reader) -> list[str]:
    """Closed months that add up to something else by now, in words. Their statements stay as they were."""
    found: list[str] = []
    for period in periods(reader):
        now = totals(reader, month_named(period.month))
        if now["calls"] != period.calls or now["cost_nano"] != period.cost_nano:
            found.append(
                f"{period.month} was closed with {period.calls} calls and {period.cost_nano} nano-units; "
                f"it has {now['calls']} and {now['cost_nano']} now"
            )
    return found


def close_month(ledger: Transaction, month: Month, who: str, now_ns: int) -> Period:
    """Close a month that is over. Those before it that had calls must have been closed.

    Raises:
        CannotClose: it is not over, is closed already, or one before it is open.
    """
    closed = [_period(row) for row in ledger.rows(ledger.queries["periods_closed"])]
    if month >= month_of(now_ns):
        raise CannotClose(f"{month} is not over; a month can be closed when it is (in UTC)")
    if closed and month <= month_named(closed[-1].month):
        raise CannotClose(f"{month} is closed; {closed[-1].month} was the last to be closed")
    first = month_named(closed[-1].month).after().begin_ns // DAY_NS if closed else 0
    before = one(ledger, ledger.queries["month_totals"], {"first": first, "after": month.begin_ns // DAY_NS})
    if closed and before is not None and before["calls"]:
        after = month_named(closed[-1].month).after()
        raise CannotClose(f"{after} is open and comes first: months close in their order")
    values: dict[str, Any] = {"month": str(month), "closed_ns": now_ns, "closed_by": who, **totals(ledger, month)}
    ledger.run(ledger.queries["close_period"], values)
    return _period(values)


def _period(row: Mapping[str, Any]) -> Period:
    return msgspec.convert(dict(row), Period)
