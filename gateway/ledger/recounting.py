"""Whether the roll-ups are what the calls add up to: every hour counted again, and every day from its hours."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from gateway.ledger.adjusting.standing import LATE
from gateway.ledger.rollup import inputs_digest
from gateway.ledger.slices import DAY_NS, part_queries
from gateway.ledger.summing import SUMS, added
from gateway.ledger.sums import CHARGE_SUMS, DAY_HOURS, HOUR_NS, MOST, SKU, USAGE_INPUTS, USAGE_SUMS
from gateway.ledger.verifying import Tally, countable
from gateway.stores.reading import Reader

What = Literal["usage", "charges"]
_OF_CHARGES = ("meter", "per", "rate", "list_rate")
_WHAT: Mapping[What, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "usage": (USAGE_INPUTS, USAGE_SUMS),
    "charges": ((*USAGE_INPUTS, *SKU), CHARGE_SUMS),
}
# The price version under which a correction is summed: see `adjusting/standing.py`.
_BOOKED = (
    f"CASE WHEN adjustments.late = 1 THEN '{LATE}' || (calls.started_ns / {DAY_NS}) || ':' ELSE '' END "
    "|| charges.price_version"
)
Key = tuple[Any, ...]


def verify_sums(reader: Reader, since_ns: int, tally: Tally) -> Iterator[str]:
    """What is wrong with usage and charges by hour and day since then. Hours whose calls may have been dropped,
    because they were old, are left out: nothing is left to count."""
    yield from _digests(reader)
    first, orphans = countable(reader, since_ns)
    bounds = {"first": first, "first_ns": first * HOUR_NS}
    for row in reader.rows(reader.queries["hours_to_verify"], bounds):
        if row["hour"] in orphans:
            continue
        tally.hours += 1
        for what in _WHAT:
            yield from _compared(
                f"{what} of {_hour(row['hour'])}",
                _of_calls(reader, what, row["hour"]),
                _of_hours(reader, what, row["hour"]),
                _WHAT[what][0],
            )
    yield from _unknown(reader, first)
    for row in reader.rows(reader.queries["days_to_verify"], {"first": -(-since_ns // DAY_NS)}):
        yield from _day(reader, row["day"])


def _hour(hour: int) -> str:
    return f"{datetime.fromtimestamp(hour * 3600, UTC):%Y-%m-%d %H:00} UTC"


def _digests(reader: Reader) -> Iterator[str]:
    for table, columns in (("usage_inputs", USAGE_INPUTS), ("skus", SKU)):
        for row in reader.rows(reader.queries[f"{table}_stored"]):
            if bytes(row["digest"]) != inputs_digest(*(row[name] for name in columns)):
                yield f"{table} {row['id']}: its digest is not that of what it says; it was changed"


def _unknown(reader: Reader, first: int) -> Iterator[str]:
    for row in reader.rows(reader.queries["hours_without_inputs"], {"first": first}):
        yield f"usage of {_hour(row['hour'])}: its inputs {row['inputs']} are not there"
    for row in reader.rows(reader.queries["charges_without_inputs"], {"first": first}):
        yield f"charges of {_hour(row['hour'])}: its inputs {row['inputs']} or its SKU {row['sku']} are not there"


def _of_calls(reader: Reader, what: What, hour: int) -> dict[Key, Key]:
    columns, _ = _WHAT[what]
    names = [f"calls.{name}" for name in USAGE_INPUTS]
    if what == "charges":
        names += [f"{'charges' if name in _OF_CHARGES else 'attempts'}.{name}" for name in SKU]
    extra = "max(started_ns) AS last_ns, " if what == "usage" else ""
    query = reader.queries[f"{what}_of_calls"].format(**_shape(names, extra))
    bounds = {"first": hour * HOUR_NS, "after": min((hour + 1) * HOUR_NS, MOST)}
    found = _read(reader, query, what, len(columns), bounds)
    extra = "0 AS last_ns, " if what == "usage" else ""
    names = [_BOOKED if name == "attempts.price_version" else name for name in names]
    query = reader.queries[f"{what}_of_adjustments"].format(**_shape(names, extra))
    for key, sums in _read(reader, query, what, len(columns), bounds).items():
        known = found.get(key)
        found[key] = (
            sums if known is None else tuple(min(one + other, MOST) for one, other in zip(known, sums, strict=True))
        )
    return found


def _of_hours(reader: Reader, what: What, hour: int) -> dict[Key, Key]:
    columns, _ = _WHAT[what]
    names = [f"usage_inputs.{name}" for name in USAGE_INPUTS]
    names += [f"skus.{name}" for name in SKU] if what == "charges" else []
    extra = "max(last_ns) AS last_ns, " if what == "usage" else ""
    (query,) = part_queries(reader.queries, what, "hours", **_shape(names, extra))
    return _read(reader, query, what, len(columns), {"first": hour, "after": hour + 1})


def _shape(names: Sequence[str], extra: str) -> dict[str, str]:
    return {
        "columns": "".join(f"{name} AS c{index}, " for index, name in enumerate(names)) + extra,
        "group_by": "GROUP BY " + ", ".join(f"c{index}" for index in range(len(names))),
        "filters": "",
        "sums": added(SUMS),
        "inputs": "JOIN usage_inputs ON usage_inputs.id = inputs",
    }


def _read(reader: Reader, query: str, what: What, width: int, values: Mapping[str, int]) -> dict[Key, Key]:
    _, sums = _WHAT[what]
    found: dict[Key, Key] = {}
    for row in reader.rows(query, values):
        found[tuple(row[f"c{index}"] for index in range(width))] = tuple(min(row[name], MOST) for name in sums)
    return found


def _compared(where: str, expected: Mapping[Key, Key], kept: Mapping[Key, Key], names: Sequence[str]) -> Iterator[str]:
    for key in sorted(expected.keys() | kept.keys(), key=repr):
        # A correction can leave nothing: that is as good as no row.
        if expected.get(key) != kept.get(key) and (any(expected.get(key) or ()) or any(kept.get(key) or ())):
            who = ", ".join(
                f"{name}={value}" for name, value in zip(names, key, strict=True) if value not in ("", None)
            )
            yield f"{where}: kept {_sums(kept.get(key))}, the calls say {_sums(expected.get(key))} ({who})"


def _sums(sums: Key | None) -> str:
    if sums is None:
        return "none"
    names = USAGE_SUMS if len(sums) == len(USAGE_SUMS) else CHARGE_SUMS
    shown = (f"{name} {number}" for name, number in zip(names, sums, strict=True) if number and name != "last_ns")
    return ", ".join(shown) or "nothing"


def _day(reader: Reader, day: int) -> Iterator[str]:
    """A day is the sum of its hours."""
    hours = {"first": day * DAY_HOURS, "after": (day + 1) * DAY_HOURS}
    for what, keys, sums in (("usage", ("inputs",), USAGE_SUMS), ("charge", ("inputs", "sku"), CHARGE_SUMS)):
        added = ", ".join(f"{'max' if name == 'last_ns' else 'sum'}({name}) AS {name}" for name in sums)
        expected = _keyed(reader, reader.queries[f"{what}_days_of_hours"].format(sums=added), keys, sums, hours)
        plain = reader.queries[f"{what}_days_kept"].format(sums=", ".join(sums))
        kept = _keyed(reader, plain, keys, sums, {"day": day})
        at = datetime.fromtimestamp(day * 86_400, UTC)
        yield from (
            one.replace("the calls say", "its hours say")
            for one in _compared(f"{what} of {at:%Y-%m-%d} UTC", expected, kept, keys)
        )


def _keyed(
    reader: Reader, query: str, keys: Sequence[str], sums: Sequence[str], values: Mapping[str, int]
) -> dict[Key, Key]:
    return {
        tuple(row[name] for name in keys): tuple(min(row[name], MOST) for name in sums)
        for row in reader.rows(query, values)
    }
