"""Feedback that counts, joined to the calls that it is about: what reports read of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.ledger.months import first_id
from gateway.ledger.slices import LAST_NS
from gateway.ledger.words import People, conditions
from gateway.stores.sqlite import named_queries

PACKAGE = "gateway.ledger.feedback"
_MS = 1_000_000


class Joined(msgspec.Struct, frozen=True):
    """`sql`: what follows FROM. `values`: what it names."""

    sql: str
    values: Mapping[str, Any]


def joined(since_ns: int, until_ns: int, filters: Mapping[str, Sequence[str]], people: People, metric: str) -> Joined:
    """Of one metric, and of calls that began in the period (Unix nanoseconds, the end exclusive)."""
    queries = named_queries(PACKAGE)
    condition, values = conditions(filters, people)
    in_force = queries["in_force"].format(later=queries["later"])
    bounds = {"first": since_ns, "after": until_ns, "metric": metric, **bounds_of(since_ns, until_ns)}
    return Joined(queries["joined"].format(in_force=in_force, filters=condition), {**bounds, **values})


def bounds_of(since_ns: int, until_ns: int) -> dict[str, str]:
    """Ids of all calls of the period, and of few besides."""
    return {"first_id": first_id(since_ns), "after_id": first_id(min(until_ns, LAST_NS - _MS) + _MS)}
