"""The roll-up of calls by hour and by what was decided on, kept beside the calls: what policies are tried on.

    decision_inputs   one row for every distinct (tenant, team, key, facts, data class, operation, model, attributes)
    decision_hours    how many calls had them in an hour of UTC, what those used and cost, and how many were refused

Rows are added in the transaction that inserts the calls they count, so a call is counted as often as it is there: once.
"""

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b
from operator import attrgetter

import msgspec

from gateway.core.record import Record
from gateway.stores.sqlite import named_queries

HOUR_NS = 3_600_000_000_000
# How many inputs' ids are remembered, and of which size: 4 MB as a rule, 18 MB whatever clients send.
REMEMBERED = 8_192
MAX_REMEMBERED_BYTES = 2_048
INPUTS = ("tenant", "team", "key_id", "facts", "data_class", "operation", "model", "attributes")
# Sums stop here. Only an upstream's nonsense gets so far, and it must not keep other calls out of the ledger.
_MOST = 2**63 - 1

Texts = tuple[str, str, str, str, str, str, str, str]
_inputs_of = attrgetter(*INPUTS)
_encode = msgspec.msgpack.Encoder().encode


def inputs_digest(*texts: str) -> bytes:
    """16 bytes that stand for inputs in the index: a seventh of their texts' size. They are kept in the ledger, so
    this may never change; migrations call it too."""
    return blake2b(_encode(texts), digest_size=16).digest()


class RollUp:
    """Counts new calls. It belongs to one connection: what it remembers is true for as long as that is."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._queries = named_queries("gateway.ledger")
        # By the texts in one piece of memory of their own. The texts themselves stand between records that go, and kept
        # all of that memory from being used again as a whole: 4 µs more for every call.
        self._ids: OrderedDict[bytes, int] = OrderedDict()

    def add(self, records: Iterable[Record]) -> None:
        """Count calls that were inserted in the transaction under way. If it is not committed, this object must not be
        used again: it may remember ids of inputs that are not there."""
        for hour, groups in _by_hour(records).items():
            rows = [(*_bounded(sums), hour, self._id_of(texts)) for texts, sums in groups.items()]
            self._connection.executemany(self._queries["add_decision_hour"], rows)

    def _id_of(self, texts: Texts) -> int:
        encoded = _encode(texts)
        found = self._ids.get(encoded)
        if found is not None:
            self._ids.move_to_end(encoded)
            return found
        found = self._stored_id_of(texts)
        if len(encoded) <= MAX_REMEMBERED_BYTES:
            self._ids[encoded] = found
            if len(self._ids) > REMEMBERED:
                self._ids.popitem(last=False)
        return found

    def _stored_id_of(self, texts: Texts) -> int:
        digest = inputs_digest(*texts)
        added = self._connection.execute(self._queries["add_decision_inputs"], (digest, *texts))
        if added.rowcount and added.lastrowid is not None:
            return added.lastrowid
        (found,) = self._connection.execute(self._queries["decision_inputs_id"], (digest,)).fetchone()
        return found


def _by_hour(records: Iterable[Record]) -> dict[int, dict[Texts, list[int]]]:
    """The sums of `decision_hours`, in the order of `add_decision_hour`. Written for speed: it runs for every call."""
    hours: dict[int, dict[Texts, list[int]]] = {}
    for record in records:
        started_ns, texts, usage = record.started_ns, _inputs_of(record), record.usage
        groups = hours.get(started_ns // HOUR_NS)
        if groups is None:
            groups = hours[started_ns // HOUR_NS] = {}
        refused = record.outcome == "refused" and record.is_policy_refusal
        cost, unpriced = record.cost_nano or 0, record.pricing == "unpriced"
        used, made = (0, 0) if usage is None else (usage.total_input, usage.total_output)
        sums = groups.get(texts)
        if sums is None:
            groups[texts] = [1, int(refused), cost, int(unpriced), used, made, started_ns]
            continue
        sums[0] += 1
        sums[1] += refused
        sums[2] += cost
        sums[3] += unpriced
        sums[4] += used
        sums[5] += made
        if started_ns > sums[6]:
            sums[6] = started_ns
    return hours


def _bounded(sums: list[int]) -> list[int]:
    return sums if max(sums) <= _MOST else [min(number, _MOST) for number in sums]
