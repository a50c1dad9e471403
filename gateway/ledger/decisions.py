"""What decisions were made on, and how often: the traffic that a proposed policy is tried on. Read, never written."""

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from gateway.core.traffic import Traffic
from gateway.ledger.slices import period
from gateway.ledger.rollup import HOUR_NS, INPUTS, Texts, inputs_digest
from gateway.ledger.store import LedgerUnavailable
from gateway.stores.sqlite import named_queries, open_database

# What `verify_decision_hours` names at most; a ledger that is wrong in more is wrong altogether.
MAX_DIFFERENCES = 100
_SUMS = Traffic.__struct_fields__[len(INPUTS) :]


def decision_inputs(
    database: Path,
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
    queries = named_queries("gateway.ledger")
    found: dict[Texts, Traffic] = {}
    with _snapshot(database) as connection:
        if connection is None:
            return []
        whole = connection.execute(
            queries["inputs_of_hours"].format(filters=filters), {"first": first, "after": after, **wanted}
        )
        of_calls = queries["inputs_of_calls"].format(filters=filters)
        parts = (
            connection.execute(of_calls, {"since_ns": begin, "until_ns": end, **wanted})
            for begin, end in edges
            if begin < end
        )
        for row in chain(whole, *parts):
            _add(found, row)
    return sorted(found.values(), key=lambda row: (-row.calls, _texts_of(row)))


def verify_decision_hours(database: Path) -> list[str]:
    """Where the roll-up is not what the calls add up to, in words, hour by hour; nothing if it is right. Reads every
    call: a few seconds for a million.

    Raises:
        LedgerUnavailable: the ledger cannot be read.
    """
    differences: list[str] = []
    with _snapshot(database) as connection:
        if connection is None:
            return []
        for difference in _differences(connection):
            if len(differences) == MAX_DIFFERENCES:
                return [*differences, f"more than these {MAX_DIFFERENCES}"]
            differences.append(difference)
    return differences


def _differences(connection: sqlite3.Connection) -> Iterator[str]:
    queries = named_queries("gateway.ledger")
    inputs: dict[int, Texts] = {}
    for row in connection.execute(queries["inputs_stored"]):
        inputs[row["id"]] = texts = _texts(row)
        if row["digest"] != inputs_digest(*texts):
            yield f"decision_inputs {row['id']}: its digest is not that of its texts"
    hours = {row["hour"] for name in ("hours_counted", "hours_called") for row in connection.execute(queries[name])}
    of_calls = queries["inputs_of_calls"].format(filters="")
    for hour in sorted(hours):
        bounds = {"since_ns": hour * HOUR_NS, "until_ns": min((hour + 1) * HOUR_NS, 2**63 - 1)}
        called = {_texts(row): _sums(row) for row in connection.execute(of_calls, bounds)}
        for row in connection.execute(queries["hour_counted"], {"hour": hour}):
            texts, counted = inputs.get(row["inputs"]), _sums(row)
            expected = called.pop(texts, None) if texts is not None else None
            if expected != counted:
                yield f"hour {hour}, inputs {row['inputs']}: counted {counted}, the calls say {expected or 'none'}"
        for texts, expected in called.items():
            yield f"hour {hour}: {expected['calls']} calls of {dict(zip(INPUTS, texts, strict=True))} are not counted"


@contextmanager
def _snapshot(database: Path) -> Generator[sqlite3.Connection | None]:
    """One state of the ledger for all that is read, though it is written meanwhile; None if there is none yet."""
    if not database.exists():
        yield None
        return
    try:
        with closing(open_database(database, read_only=True)) as connection:
            connection.execute("BEGIN")
            if connection.execute(named_queries("gateway.ledger")["rolled_up"]).fetchone() is None:
                reason = "an older version of the gateway wrote it; start this version of the gateway once"
                raise LedgerUnavailable(f"the ledger {database} cannot be read: {reason}")
            yield connection
    except sqlite3.Error as error:
        raise LedgerUnavailable(f"the ledger {database} cannot be read: {error}") from error


def _add(found: dict[Texts, Traffic], row: sqlite3.Row) -> None:
    texts = _texts(row)
    sums: dict[str, Any] = _sums(row)
    known = found.get(texts)
    if known is not None:
        last_ns = max(known.last_ns, sums["last_ns"])
        sums = {name: getattr(known, name) + number for name, number in sums.items()} | {"last_ns": last_ns}
    found[texts] = Traffic(**dict(zip(INPUTS, texts, strict=True)), **sums)


def _texts(row: sqlite3.Row) -> Texts:
    return tuple(row[name] for name in INPUTS)


def _texts_of(row: Traffic) -> Texts:
    return msgspec.structs.astuple(row)[: len(INPUTS)]


def _sums(row: sqlite3.Row) -> dict[str, int]:
    return {name: row[name] for name in _SUMS}
