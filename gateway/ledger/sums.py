"""What records add up to by the hour: pure, and the same for every store.

    usage_hours    by who and what (USAGE_INPUTS): calls by outcome, tokens by meter, cost
    charge_hours   by who and what, and by what exactly was bought at which price (SKU): quantity and cost

A day's rows are the sums of its hours'. Records are counted in the transaction that inserts them, so a call is in the
sums as often as it is there: once.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from operator import itemgetter
from typing import Any, TypeVar

from gateway.core.usage import METERS
from gateway.ledger.rows import ATTEMPT_COLUMNS, CALL_COLUMNS, Row, Rows

HOUR_NS = 3_600_000_000_000
DAY_HOURS = 24
USAGE_INPUTS: tuple[str, ...] = (
    *("tenant", "team", "key_id", "person", "operation", "model", "target", "served_model", "prompt_id", "agent"),
    *("data_class", "tags"),
)
_COUNTS = ("calls", "completed", "refused", "failed", "cancelled", "interrupted", "would_refuse")
USAGE_SUMS: tuple[str, ...] = (
    *_COUNTS,
    *METERS,
    *("cost_nano", "list_nano", "unpriced", "estimated", "inconsistent", "last_ns"),
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

_METERS_AT = len(_COUNTS)
_COST = _METERS_AT + len(METERS)
_LIST, _UNPRICED, _ESTIMATED, _INCONSISTENT, _LAST = range(_COST + 1, _COST + 6)
LAST_OF_USAGE = _LAST
_OUTCOME = {name: place for place, name in enumerate(_COUNTS) if 0 < place < len(_COUNTS) - 1}
_METER_PLACES = range(_METERS_AT, _COST)


def _columns(columns: Sequence[str], *names: str) -> Callable[[Row], Any]:
    return itemgetter(*map(columns.index, names))


_inputs_of = _columns(CALL_COLUMNS, *USAGE_INPUTS)
_meters = _columns(CALL_COLUMNS, *METERS)
_said = _columns(
    CALL_COLUMNS, "started_ns", "outcome", "would_deny", "cost_nano", "list_nano", "pricing", "usage_source"
)
# What a price depends on: of an attempt, and of each of its charges (`meter`, `per`, `rate`, `list_rate`).
_TERMS = ("provider", "target", "served_model", "tier", "region", "image_size", "image_quality", "account")
_terms_of = _columns(ATTEMPT_COLUMNS, *_TERMS, "price_version")
_number = _columns(ATTEMPT_COLUMNS, "n")
_Bought = dict[Row, dict[Row, list[int]]]


class Sums:
    """Adds up calls as their rows are made, by hour since the epoch. Written for speed: it runs for every call."""

    def __init__(self) -> None:
        self._hours: dict[int, dict[Inputs, tuple[list[int], _Bought]]] = {}

    def add(self, rows: Iterable[Rows]) -> None:
        for one in rows:
            call = one.call
            said = _said(call)
            hour, inputs = said[0] // HOUR_NS, _inputs_of(call)
            groups = self._hours.get(hour)
            if groups is None:
                groups = self._hours[hour] = {}
            group = groups.get(inputs)
            if group is None:
                group = groups[inputs] = [0] * len(USAGE_SUMS), {}
            sums, bought = group
            _add_call(sums, said, _meters(call))
            if one.charges:
                _add_charges(bought, one)

    def usage(self) -> UsageSums:
        return {hour: {inputs: sums for inputs, (sums, _) in groups.items()} for hour, groups in self._hours.items()}

    def charges(self) -> ChargeSums:
        return {
            hour: {
                (inputs, (*terms[:3], meter, *terms[3:8], per, rate, list_rate, terms[8])): sums
                for inputs, (_, bought) in groups.items()
                for terms, prices in bought.items()
                for (meter, per, rate, list_rate), sums in prices.items()
            }
            for hour, groups in self._hours.items()
        }


def _add_call(sums: list[int], said: Row, meters: Row) -> None:
    started_ns, outcome, would_deny, cost_nano, list_nano, pricing, source = said
    sums[0] += 1
    place = _OUTCOME.get(outcome)
    if place is not None:
        sums[place] += 1
    if would_deny:
        sums[_METERS_AT - 1] += 1
    for place in compress(_METER_PLACES, meters):
        sums[place] += meters[place - _METERS_AT]
    if cost_nano:
        sums[_COST] += cost_nano
    if list_nano:
        sums[_LIST] += list_nano
    if pricing == "unpriced":
        sums[_UNPRICED] += 1
    if source == "estimate":
        sums[_ESTIMATED] += 1
    elif source == "inconsistent":
        sums[_INCONSISTENT] += 1
    if started_ns > sums[_LAST]:
        sums[_LAST] = started_ns


def _add_charges(bought: _Bought, one: Rows) -> None:
    of_attempt: dict[int, dict[Row, list[int]]] = {}
    for attempt in one.attempts:
        terms = _terms_of(attempt)
        prices = bought.get(terms)
        if prices is None:
            prices = bought[terms] = {}
        of_attempt[_number(attempt)] = prices
    for _, n, _, meter, quantity, per, rate, list_rate, nano, list_nano in one.charges:
        prices, price = of_attempt[n], (meter, per, rate, list_rate)
        sums = prices.get(price)
        if sums is None:
            sums = prices[price] = [0] * len(CHARGE_SUMS)
        sums[0] += 1
        sums[1] += quantity
        if nano is None:
            sums[4] += 1
        else:
            sums[2] += nano
        if list_nano is not None:
            sums[3] += list_nano


def bounded(sums: list[int]) -> list[int]:
    return sums if max(sums) <= MOST else [min(number, MOST) for number in sums]


def by_day(hours: dict[int, dict[_Key, list[int]]], last: int | None = None) -> dict[int, dict[_Key, list[int]]]:
    """The same by days since the epoch. `last`: which of the sums is a latest moment, not a count."""
    if len(hours) == 1:
        ((hour, groups),) = hours.items()
        return {hour // DAY_HOURS: groups}
    days: dict[int, dict[_Key, list[int]]] = {}
    for hour, groups in hours.items():
        day = days.setdefault(hour // DAY_HOURS, {})
        for key, sums in groups.items():
            found = day.get(key)
            if found is None:
                day[key] = list(sums)
                continue
            for place, number in enumerate(sums):
                found[place] = max(found[place], number) if place == last else found[place] + number
    return days
