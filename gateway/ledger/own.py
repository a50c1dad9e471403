"""What the gateway's own accounts (`core/attempt.py`) paid for, by the same columns as a report's other sums."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gateway.ledger.slices import Part, part_queries
from gateway.stores.reading import Reader


class Bought(NamedTuple):
    """`values`: of the columns that were asked for. `nano`, `list_nano`: of what has a price; `unpriced`: how many
    charges have none."""

    values: tuple[Any, ...]
    account: str
    meter: str
    quantity: int
    nano: int
    list_nano: int
    unpriced: int


class OwnAccounts:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        # Few: joined to millions of sums they would be looked up once for each.
        self._skus = {row["id"]: (row["account"], row["meter"]) for row in reader.rows(reader.queries["own_skus"])}

    def bought(self, part: Part, shape: Mapping[str, str], values: Mapping[str, Any]) -> Iterator[Bought]:
        """By columns, account and meter. `shape`: how the queries select (`columns`, `names`, `inputs`, `filters`)."""
        if not self._skus:
            return
        for query in part_queries(self._reader.queries, "own", part.unit, **shape):
            bounds = {"first": part.first, "after": part.after, **values}
            for *head, quantity, nano, list_nano, unpriced in self._reader.tuples(query, bounds):
                if part.unit == "calls":
                    *columns, account, meter = head
                else:
                    *columns, sku = head
                    account, meter = self._skus[sku]
                yield Bought(tuple(columns), account, meter, quantity, nano, list_nano, unpriced)
