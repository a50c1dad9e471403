"""What records add up to by the hour: pure, and the same for every store.

    usage_hours    by who and what (USAGE_INPUTS): calls by outcome, tokens by meter, cost
    charge_hours   by who and what, and by what exactly was bought at which price (SKU): quantity and cost

A day's rows are the sums of its hours'. Records are counted in the transaction that inserts them, so a call is in the
sums as often as it is there: once.
"""

from collections.abc import Iterable
from itertools import compress
from operator import attrgetter
from typing import TypeVar

import msgspec

from gateway.core.attempt import Attempt
from gateway.core.record import Record
from gateway.core.usage import METERS

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

_before_person = attrgetter("tenant", "team", "key_id")
_after_person = attrgetter("operation", "model", "target", "served_model", "prompt_id", "agent", "data_class", "tags")
_place = attrgetter("provider", "target", "served_model")
_terms = attrgetter("tier", "region", "image_size", "image_quality")
_METERS_AT = len(_COUNTS)
_COST = _METERS_AT + len(METERS)
_LIST, _UNPRICED, _ESTIMATED, _INCONSISTENT, _LAST = range(_COST + 1, _COST + 6)
LAST_OF_USAGE = _LAST
_OUTCOME = {name: place for place, name in enumerate(_COUNTS) if 0 < place < len(_COUNTS) - 1}
_METER_PLACES = range(_METERS_AT, _COST)
_meters, _of_charge = attrgetter(*METERS), msgspec.structs.astuple


def inputs_of(record: Record, person: int) -> Inputs:
    return (*_before_person(record), person, *_after_person(record))


def add_sums(usage: UsageSums, charges: ChargeSums, records: Iterable[tuple[Record, int]]) -> None:
    """Add records, and the ids of their persons, by hour since the epoch. Written for speed: it runs for every call."""
    for record, person in records:
        hour, inputs = record.started_ns // HOUR_NS, inputs_of(record, person)
        groups = usage.get(hour)
        if groups is None:
            groups, charges[hour] = usage.setdefault(hour, {}), {}
        sums = groups.get(inputs)
        if sums is None:
            sums = groups[inputs] = [0] * len(USAGE_SUMS)
        _add_call(sums, record)
        for attempt in record.attempts:
            if attempt.charges:
                _add_charges(charges[hour], inputs, attempt)


def _add_call(sums: list[int], record: Record) -> None:
    sums[0] += 1
    place = _OUTCOME.get(record.outcome)
    if place is not None:
        sums[place] += 1
    if record.would_deny:
        sums[_METERS_AT - 1] += 1
    used, source, started_ns = record.usage, record.usage_source, record.started_ns
    if used is not None:
        meters = _meters(used)
        for place in compress(_METER_PLACES, meters):
            sums[place] += meters[place - _METERS_AT]
    if record.cost_nano:
        sums[_COST] += record.cost_nano
    if record.list_nano:
        sums[_LIST] += record.list_nano
    if record.pricing == "unpriced":
        sums[_UNPRICED] += 1
    if source == "estimate":
        sums[_ESTIMATED] += 1
    elif source == "inconsistent":
        sums[_INCONSISTENT] += 1
    if started_ns > sums[_LAST]:
        sums[_LAST] = started_ns


def _add_charges(groups: dict[tuple[Inputs, Sku], list[int]], inputs: Inputs, attempt: Attempt) -> None:
    place, terms, account, version = _place(attempt), _terms(attempt.terms), attempt.account, attempt.price_version
    for charge in attempt.charges:
        meter, quantity, per, rate, list_rate, nano, list_nano = _of_charge(charge)
        key = inputs, (*place, meter, *terms, account, per, rate, list_rate, version)
        sums = groups.get(key)
        if sums is None:
            sums = groups[key] = [0] * len(CHARGE_SUMS)
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
