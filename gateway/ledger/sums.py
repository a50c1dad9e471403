"""What records add up to by the hour: pure, and the same for every store.

    usage_hours    by who and what (USAGE_INPUTS): calls by outcome, tokens by meter, cost
    charge_hours   by who and what, and by what exactly was bought at which price (SKU): quantity and cost

A day's rows are the sums of its hours'. Records are counted in the transaction that inserts them, so a call is in the
sums as often as it is there: once.
"""

from typing import TypeVar

from gateway.core.usage import METERS

HOUR_NS = 3_600_000_000_000
DAY_HOURS = 24
USAGE_INPUTS: tuple[str, ...] = (
    *("tenant", "team", "key_id", "person", "operation", "model", "target", "served_model", "prompt_id", "agent"),
    *("data_class", "tags"),
)
COUNTS = ("calls", "completed", "refused", "failed", "cancelled", "interrupted", "would_refuse")
USAGE_SUMS: tuple[str, ...] = (
    *COUNTS,
    *METERS,
    *("cost_nano", "list_nano", "unpriced", "estimated", "inconsistent", "saved_nano", "last_ns"),
)
SKU: tuple[str, ...] = (
    *("provider", "target", "served_model", "meter", "tier", "region", "image_size", "image_quality", "account"),
    *("per", "rate", "list_rate", "price_version"),
)
CHARGE_SUMS: tuple[str, ...] = ("charges", "quantity", "nano", "list_nano", "unpriced")
# Sums stop here. Only an upstream's nonsense gets so far, and it must not keep other calls out of the ledger.
MOST = 2**63 - 1

_Key = TypeVar("_Key")
Inputs = tuple[str | int, ...]
Sku = tuple[str | int | None, ...]
UsageSums = dict[int, dict[Inputs, list[int]]]
ChargeSums = dict[int, dict[tuple[Inputs, Sku], list[int]]]

LAST_OF_USAGE = USAGE_SUMS.index("last_ns")


def bounded(sums: list[int]) -> list[int]:
    return sums if max(sums) <= MOST else [min(number, MOST) for number in sums]


def join(groups: dict[_Key, list[int]], key: _Key, sums: list[int], last: int | None = None) -> None:
    """Add these sums to a group's, or let them be its own. `last`: which of them is a latest moment, not a count."""
    found = groups.get(key)
    if found is None:
        groups[key] = sums
        return
    for place, number in enumerate(sums):
        found[place] = max(found[place], number) if place == last else found[place] + number


def by_day(hours: dict[int, dict[_Key, list[int]]], last: int | None = None) -> dict[int, dict[_Key, list[int]]]:
    """The same by days since the epoch. `last`: as in `join`."""
    if len(hours) == 1:
        ((hour, groups),) = hours.items()
        return {hour // DAY_HOURS: groups}
    days: dict[int, dict[_Key, list[int]]] = {}
    for hour, groups in hours.items():
        day = days.setdefault(hour // DAY_HOURS, {})
        for key, sums in groups.items():
            join(day, key, list(sums), last)
    return days
