"""The roll-ups of calls, kept beside them: what policies are tried on, and what reports are read from.

    decision_inputs   one row for every distinct (tenant, team, key, facts, data class, operation, model, attributes)
    decision_hours    how many calls had them in an hour of UTC, what those used and cost, and how many were refused
    usage_inputs, usage_hours, usage_days, skus, charge_hours, charge_days: see `sums.py`

Rows are added in the transaction that inserts the calls they count, so a call is counted as often as it is there: once.
"""

import sqlite3
from collections import OrderedDict
from hashlib import blake2b

import msgspec

from gateway.ledger.counted import Counted
from gateway.ledger.sums import LAST_OF_USAGE, ChargeSums, UsageSums, bounded, by_day
from gateway.stores.sqlite import named_queries

# How many inputs' ids are remembered, and of which size: 4 MB as a rule, 18 MB whatever clients send.
REMEMBERED = 8_192
MAX_REMEMBERED_BYTES = 2_048

_encode = msgspec.msgpack.Encoder().encode


def inputs_digest(*texts: object) -> bytes:
    """16 bytes that stand for inputs in the index: a seventh of their texts' size. They are kept in the ledger, so
    this may never change; migrations call it too."""
    return blake2b(_encode(texts), digest_size=16).digest()


class Interned:
    """The ids of texts that many rows share, in a table with `id` and `digest`. It belongs to one connection: what it
    remembers is true for as long as that is, and only if the transaction under way is committed."""

    def __init__(self, connection: sqlite3.Connection, add: str, find: str) -> None:
        """`add`, `find`: queries, of (digest, *values) and of (digest,)."""
        self._connection = connection
        self._add, self._find = add, find
        # By the texts in one piece of memory of their own. The texts themselves stand between records that go, and kept
        # all of that memory from being used again as a whole: 4 µs more for every call.
        self._ids: OrderedDict[bytes, int] = OrderedDict()

    def id_of(self, values: tuple[object, ...]) -> int:
        encoded = _encode(values)
        found = self._ids.get(encoded)
        if found is not None:
            self._ids.move_to_end(encoded)
            return found
        found = self._stored(values)
        if len(encoded) <= MAX_REMEMBERED_BYTES:
            self._ids[encoded] = found
            if len(self._ids) > REMEMBERED:
                self._ids.popitem(last=False)
        return found

    def _stored(self, values: tuple[object, ...]) -> int:
        digest = inputs_digest(*values)
        added = self._connection.execute(self._add, (digest, *values))
        if added.rowcount and added.lastrowid is not None:
            return added.lastrowid
        (found,) = self._connection.execute(self._find, (digest,)).fetchone()
        return found


class RollUp:
    """Counts new calls in every roll-up. It belongs to one connection, as what it has interned does."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._queries = queries = named_queries("gateway.ledger")
        self._decisions = Interned(connection, queries["add_decision_inputs"], queries["decision_inputs_id"])
        self._inputs = Interned(connection, queries["add_usage_inputs"], queries["usage_inputs_id"])
        self._skus = Interned(connection, queries["add_sku"], queries["sku_id"])

    def add(self, counted: Counted) -> None:
        """Add what the calls add up to that were inserted in the transaction under way. If it is not committed, this
        object must not be used again: it may remember ids of inputs that are not there."""
        for hour, groups in counted.decisions.items():
            rows = [(*bounded(sums), hour, self._decisions.id_of(texts)) for texts, sums in groups.items()]
            self._connection.executemany(self._queries["add_decision_hour"], rows)
        self._add_usage("usage_hours", "hour", counted.usage)
        self._add_usage("usage_days", "day", by_day(counted.usage, LAST_OF_USAGE))
        self._add_charges("charge_hours", "hour", counted.charges)
        self._add_charges("charge_days", "day", by_day(counted.charges))

    def _add_usage(self, table: str, unit: str, times: UsageSums) -> None:
        query = self._queries["add_usage"].format(table=table, time=unit)
        for time, groups in times.items():
            rows = [(*bounded(sums), time, self._inputs.id_of(inputs)) for inputs, sums in groups.items()]
            self._connection.executemany(query, rows)

    def _add_charges(self, table: str, unit: str, times: ChargeSums) -> None:
        query = self._queries["add_charge"].format(table=table, time=unit)
        for time, groups in times.items():
            rows = [
                (*bounded(sums), time, self._inputs.id_of(inputs), self._skus.id_of(sku))
                for (inputs, sku), sums in groups.items()
            ]
            self._connection.executemany(query, rows)
