"""What decisions were made on, and how often: the traffic that a proposed policy is tried on. Read, never written."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

import msgspec

from gateway.core.traffic import Traffic
from gateway.ledger.counted import INPUTS, Texts
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.rollup import inputs_digest
from gateway.ledger.slices import period
from gateway.ledger.sums import HOUR_NS, MOST
from gateway.ledger.verifying import countable
from gateway.stores.reading import Reader

# What single calls say, and what they were corrected by.
_OF_CALLS = (("inputs_of_calls", "started_ns"), ("inputs_of_adjustments", "booked_ns"))
_SUMS = Traffic.__struct_fields__[len(INPUTS) :]


def decision_inputs(
    place: LedgerPlace,
    since: datetime | None,
    until: datetime | None = None,
    *,
    tenant: str | None = None,
    team: str | None = None,
) -> list[Traffic]:
    """The distinct inputs of calls that started at or after `since` and before `until`, most calls first. A ledger
    that does not exist yet has no rows.

    Exact to the nanosecond: whole hours are read from the roll-up, and only the parts of hours at both ends from the
    calls themselves. So the time this takes depends on how many inputs there are, not on how many calls.

    Raises:
        ValueError: a moment without a time zone, a period that ends before it begins.
        LedgerUnavailable: the ledger cannot be read.
    """
    since_ns, until_ns = period(since, until)
    wanted = {name: value for name, value in (("tenant", tenant), ("team", team)) if value is not None}
    filters = "".join(f" AND {name} = :{name}" for name in wanted)
    first, after = -(-since_ns // HOUR_NS), until_ns // HOUR_NS
    edges = [(since_ns, first * HOUR_NS), (after * HOUR_NS, until_ns)] if first <= after else [(since_ns, until_ns)]
    found: dict[Texts, Traffic] = {}
    with ledger_reader(place) as reader:
        if reader is None:
            return []
        whole = reader.rows(
            reader.queries["inputs_of_hours"].format(filters=filters), {"first": first, "after": after, **wanted}
        )
        of_calls = of_calls_of_period(reader.queries, filters)
        parts = (
            reader.rows(query, {"since_ns": begin, "until_ns": end, **wanted})
            for begin, end in edges
            if begin < end
            for query in of_calls
        )
        for row in chain(whole, *parts):
            _add(found, row)
    return sorted(found.values(), key=lambda row: (-row.calls, _texts_of(row)))


def of_calls_of_period(queries: Mapping[str, str], filters: str = "") -> list[str]:
    """The queries of what single calls say from `:since_ns` on and before `:until_ns`."""
    return [
        queries[name].format(condition=f"{time} >= :since_ns AND {time} < :until_ns{filters}")
        for name, time in _OF_CALLS
    ]


def verify_decisions(reader: Reader, since_ns: int = 0) -> Iterator[str]:
    """Where the roll-up is not what the calls add up to, in words, hour by hour, of whole hours from then on whose
    calls were not dropped because they were old; nothing if it is right. Reads every call: seconds for a million."""
    queries = reader.queries
    inputs: dict[int, Texts] = {}
    for row in reader.rows(queries["inputs_stored"]):
        inputs[row["id"]] = texts = _texts(row)
        if bytes(row["digest"]) != inputs_digest(*texts):
            yield f"decision_inputs {row['id']}: its digest is not that of its texts"
    first, orphans = countable(reader, since_ns)
    begin = {"first": first, "first_ns": first * HOUR_NS}
    hours = {row["hour"] for name in ("hours_counted", "hours_called") for row in reader.rows(queries[name], begin)}
    of_calls = of_calls_of_period(queries)
    for hour in sorted(hours - orphans):
        bounds = {"since_ns": hour * HOUR_NS, "until_ns": min((hour + 1) * HOUR_NS, MOST)}
        called: dict[Texts, dict[str, int]] = {}
        for query in of_calls:
            for row in reader.rows(query, bounds):
                known = called.get(_texts(row), {})
                called[_texts(row)] = {name: known.get(name, 0) + number for name, number in _sums(row).items()}
        for row in reader.rows(queries["hour_counted"], {"hour": hour}):
            texts, counted = inputs.get(row["inputs"]), _sums(row)
            expected = called.pop(texts, None) if texts is not None else None
            if expected != counted:
                said = f"decisions of hour {hour}, inputs {row['inputs']}"
                yield f"{said}: counted {counted}, the calls say {expected or 'none'}"
        for texts, expected in called.items():
            if not any(expected.values()):
                continue  # a correction of the published price alone
            who = dict(zip(INPUTS, texts, strict=True))
            yield f"decisions of hour {hour}: {expected['calls']} calls of {who} are not counted"


def _add(found: dict[Texts, Traffic], row: Mapping[str, Any]) -> None:
    texts = _texts(row)
    sums: dict[str, Any] = _sums(row)
    known = found.get(texts)
    if known is not None:
        last_ns = max(known.last_ns, sums["last_ns"])
        sums = {name: getattr(known, name) + number for name, number in sums.items()} | {"last_ns": last_ns}
    found[texts] = Traffic(**dict(zip(INPUTS, texts, strict=True)), **sums)


def _texts(row: Mapping[str, Any]) -> Texts:
    return tuple(row[name] for name in INPUTS)


def _texts_of(row: Traffic) -> Texts:
    return msgspec.structs.astuple(row)[: len(INPUTS)]


def _sums(row: Mapping[str, Any]) -> dict[str, int]:
    return {name: row[name] for name in _SUMS}
