"""What calls add up to, in every roll-up: pure, and the same for every store."""

from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from gateway.core.usage import METERS, Usage
from gateway.ledger.rows import ATTEMPT_COLUMNS, CALL_COLUMNS, Row, Rows
from gateway.ledger.sums import (
    CHARGE_SUMS,
    COUNTS,
    HOUR_NS,
    LAST_OF_USAGE,
    USAGE_INPUTS,
    USAGE_SUMS,
    ChargeSums,
    Inputs,
    UsageSums,
    join,
)

INPUTS = ("tenant", "team", "key_id", "facts", "data_class", "operation", "model", "attributes")
DECISION_SUMS = ("calls", "refused", "cost_nano", "unpriced", "input_tokens", "output_tokens", "last_ns")

Texts = tuple[str, str, str, str, str, str, str, str]
Decisions = dict[int, dict[Texts, list[int]]]


class Counted(msgspec.Struct, frozen=True, gc=False):
    """By hour since the epoch."""

    decisions: Decisions
    usage: UsageSums
    charges: ChargeSums


def _places(columns: Sequence[str], *names: str) -> Callable[[Sequence[Any]], Any]:
    return itemgetter(*map(columns.index, names))


# Calls that are alike in all of this are alike in every roll-up.
_ALIKE = (*USAGE_INPUTS, *(name for name in INPUTS if name not in USAGE_INPUTS))
_alike = _places(CALL_COLUMNS, *_ALIKE)
_texts: Callable[[Row], Texts] = _places(_ALIKE, *INPUTS)
_said = _places(
    CALL_COLUMNS,
    *("started_ns", "outcome", "blame", "status", "would_deny", "cost_nano", "list_nano", "pricing", "usage_source"),
    "saved_nano",
)
_FIRST_METER = CALL_COLUMNS.index(METERS[0])
_METERS = slice(_FIRST_METER, _FIRST_METER + len(METERS))
assert CALL_COLUMNS[_METERS] == METERS, "they are next to each other"
# What a price depends on: of an attempt, and of each of its charges (`meter`, `per`, `rate`, `list_rate`).
_terms = _places(
    ATTEMPT_COLUMNS,
    *("provider", "target", "served_model", "tier", "region", "image_size", "image_quality", "account"),
    "price_version",
)
_NUMBER = ATTEMPT_COLUMNS.index("n")

# The sums of usage, and which of the refusals were the policy's: `Record.is_policy_refusal`.
_SUMS = (*USAGE_SUMS, "policy_refusals")
_OUTCOMES = {name: COUNTS.index(name) for name in ("completed", "refused", "failed", "cancelled", "interrupted")}
_METER_PLACES = range(len(COUNTS), len(COUNTS) + len(METERS))
_WOULD_REFUSE, _COST, _LIST, _UNPRICED, _ESTIMATED, _INCONSISTENT, _SAVED, _LAST, _POLICY = map(
    _SUMS.index,
    ("would_refuse", "cost_nano", "list_nano", "unpriced", "estimated", "inconsistent", "saved_nano", "last_ns",
     "policy_refusals"),
)  # fmt: skip
# The meters that a call's total input and output are made of.
_into = _places(_SUMS, *(meter for meter in METERS if Usage(**{meter: 1}).total_input))
_out = _places(_SUMS, *(meter for meter in METERS if Usage(**{meter: 1}).total_output))

_Prices = dict[Row, list[int]]


class _Group(NamedTuple):
    """`bought`: the sums of charges, by what prices depend on."""

    sums: list[int]
    bought: dict[Row, _Prices]


class Counting:
    """Adds up calls as their rows are made. Written for speed: it runs for every call."""

    def __init__(self) -> None:
        self._hours: dict[int, dict[Row, _Group]] = {}

    def add(self, rows: Iterable[Rows]) -> None:
        hours = self._hours
        for one in rows:
            call = one.call
            said, alike = _said(call), _alike(call)
            hour = said[0] // HOUR_NS
            groups = hours.get(hour)
            if groups is None:
                groups = hours[hour] = {}
            group = groups.get(alike)
            if group is None:
                group = groups[alike] = _Group([0] * len(_SUMS), {})
            sums, bought = group
            _add_call(sums, said, call[_METERS])
            if one.charges:
                _add_charges(bought, one)

    def counted(self) -> Counted:
        """To be asked for once, at the end."""
        counted = Counted({}, {}, {})
        for hour, groups in self._hours.items():
            decisions = counted.decisions.setdefault(hour, {})
            usage = counted.usage.setdefault(hour, {})
            charges = counted.charges.setdefault(hour, {})
            for alike, (sums, bought) in groups.items():
                inputs: Inputs = alike[: len(USAGE_INPUTS)]
                join(usage, inputs, sums[:-1], LAST_OF_USAGE)
                tokens = sum(_into(sums)), sum(_out(sums))
                decided = [sums[0], sums[_POLICY], sums[_COST], sums[_UNPRICED], *tokens, sums[_LAST]]
                join(decisions, _texts(alike), decided, len(decided) - 1)
                for terms, prices in bought.items():
                    for (meter, *price), found in prices.items():
                        sku = (*terms[:3], meter, *terms[3:8], *price, terms[8])
                        join(charges, (inputs, sku), found)
        return counted


def _add_call(sums: list[int], said: Row, meters: Row) -> None:
    started_ns, outcome, blame, status, would_deny, cost_nano, list_nano, pricing, source, saved_nano = said
    sums[0] += 1
    place = _OUTCOMES.get(outcome)
    if place is not None:
        sums[place] += 1
    if outcome == "refused" and blame == "policy" and status == 403:
        sums[_POLICY] += 1
    if would_deny:
        sums[_WOULD_REFUSE] += 1
    for place in compress(_METER_PLACES, meters):
        sums[place] += meters[place - _METER_PLACES.start]
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
    if saved_nano:
        sums[_SAVED] += saved_nano
    if started_ns > sums[_LAST]:
        sums[_LAST] = started_ns


def _add_charges(bought: dict[Row, _Prices], one: Rows) -> None:
    of_attempt: dict[int, _Prices] = {}
    for attempt in one.attempts:
        terms = _terms(attempt)
        prices = bought.get(terms)
        if prices is None:
            prices = bought[terms] = {}
        of_attempt[attempt[_NUMBER]] = prices
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
