"""What new calls add to the sums in PostgreSQL, as statements: the same sums as `rollup.py` writes into SQLite."""

from collections.abc import Mapping
from typing import Any

from gateway.ledger.copying import bigint_arrays
from gateway.ledger.counted import INPUTS, Counted
from gateway.ledger.interning import Interned
from gateway.ledger.sums import LAST_OF_USAGE, SKU, USAGE_INPUTS, bounded, by_day
from gateway.stores.postgres import Connection


class Totals:
    """Belongs to one connection: what it has interned does."""

    def __init__(self, queries: Mapping[str, str]) -> None:
        self._queries = queries
        self._decisions = Interned("decision_inputs", INPUTS)
        self._inputs = Interned("usage_inputs", USAGE_INPUTS, ("person",))
        self._skus = Interned("skus", SKU, ("per", "rate", "list_rate"))

    def forget(self) -> None:
        for interned in (self._decisions, self._inputs, self._skus):
            interned.forget()

    def statements(self, connection: Connection, counted: Counted) -> list[str]:
        """The upserts, each in the order of its keys. What is new is interned in the transaction under way, always in
        the same order of tables and keys: so gateways that commit together may wait for each other, but never in a
        circle. If it is not committed, what was interned must be forgotten."""
        decisions, usage, charges = counted.decisions, counted.usage, counted.charges
        texts = self._decisions.ids_of(connection, {texts for groups in decisions.values() for texts in groups})
        inputs = self._inputs.ids_of(connection, {inputs for groups in usage.values() for inputs in groups})
        skus = self._skus.ids_of(connection, {sku for groups in charges.values() for _, sku in groups})

        def used(times: Mapping[int, Mapping[Any, list[int]]], ids: Mapping[Any, int]) -> list[tuple[int, ...]]:
            return [(*bounded(sums), time, ids[key]) for time, groups in times.items() for key, sums in groups.items()]

        def charged(times: Mapping[int, Mapping[Any, list[int]]]) -> list[tuple[int, ...]]:
            return [
                (*bounded(sums), time, inputs[key], skus[sku])
                for time, groups in times.items()
                for (key, sku), sums in groups.items()
            ]

        said = (
            ("add_decision_hours", dict[str, str](), used(decisions, texts), 2),
            ("add_usage", _hours("usage"), used(usage, inputs), 2),
            ("add_usage", _days("usage"), used(by_day(usage, LAST_OF_USAGE), inputs), 2),
            ("add_charge", _hours("charge"), charged(charges), 3),
            ("add_charge", _days("charge"), charged(by_day(charges)), 3),
        )
        return [
            self._queries[name].format(
                rows=bigint_arrays(sorted(rows, key=lambda row, keys=keys: row[-keys:])), **place
            )
            for name, place, rows, keys in said
            if rows
        ]


def _hours(what: str) -> dict[str, str]:
    return {"table": f"{what}_hours", "time": "hour"}


def _days(what: str) -> dict[str, str]:
    return {"table": f"{what}_days", "time": "day"}
