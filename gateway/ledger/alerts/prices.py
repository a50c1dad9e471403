"""Models that were used and have no price: pure. Each is told of once a day."""

from collections.abc import Iterable

import msgspec

from gateway.ledger.alerts.events import Event, shown


class Unpriced(msgspec.Struct, frozen=True):
    """Calls of a day (since the epoch, UTC) of one model that have no price."""

    day: int
    target: str
    calls: int


def missing(found: Iterable[Unpriced], now: float) -> list[Event]:
    return [
        Event(
            "price.missing",
            f"price|{one.target}|{one.day}",
            now,
            f"{shown(one.target)} is used and has no price: give it one in policies/prices.yaml",
            {"target": one.target, "calls_today": one.calls},
        )
        for one in found
    ]
