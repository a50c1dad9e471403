"""What was bought, by line items: a model and a meter, at what cost. From the charges' roll-ups, exact at the edges."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.core.attempt import account_kind
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.slices import Part, part_queries, parts
from gateway.ledger.summing import people_for
from gateway.ledger.words import conditions, word_of
from gateway.stores.reading import Reader


class Cost(msgspec.Struct, frozen=True):
    """Attributes:
    group: values of `project`, `key` and `user`, as asked for. Of what no team pays for, the project is the
        account that does (`gateway:retries`); a filter by `gateway:judges` is about those of all guards.
    meter, quantity: empty and 0 unless line items were asked for.
    nano: of what has a price. unpriced: how many charges have none: of a line item all or none.
    """

    group: Mapping[str, str]
    model: str
    meter: str
    quantity: int
    nano: int
    unpriced: int


def costs_of_spans(
    place: LedgerPlace,
    spans: Sequence[tuple[int, int]],
    group_by: Sequence[str],
    line_items: bool,
    filters: Mapping[str, Sequence[str]],
) -> list[list[Cost]]:
    """For each period (Unix nanoseconds, the end exclusive) what was charged, in the order of the groups.

    Raises:
        LedgerUnavailable: the ledger cannot be read.
    """
    with ledger_reader(place) as reader:
        if reader is None:
            return [[] for _ in spans]
        read = _Costs(reader, group_by, line_items, filters)
        return [read.of(*span) for span in spans]


class _Costs:
    def __init__(
        self, reader: Reader, words: Sequence[str], line_items: bool, filters: Mapping[str, Sequence[str]]
    ) -> None:
        self._reader, self._words, self._items = reader, words, line_items
        self._people = people_for(reader, words, filters)
        # Accounts are no teams, so a filter by project looks at both.
        projects = filters.get("project")
        self._projects = None if projects is None else frozenset(projects)
        others = {name: value for name, value in filters.items() if name != "project"}
        self._filter, self._values = conditions(others, self._people)
        self._columns = ("tenant", "team", "key_id", "person")

    def of(self, since_ns: int, until_ns: int) -> list[Cost]:
        found: dict[tuple[str, ...], list[int]] = {}
        for part in parts(since_ns, until_ns):
            for row in self._rows(part):
                key = self._key(row)
                if key is not None:
                    sums = found.setdefault(key, [0, 0, 0, 0])
                    for place, name in enumerate(("charges", "quantity", "nano", "unpriced")):
                        sums[place] += part.sign * row[name]
        return [self._cost(key, sums) for key, sums in sorted(found.items()) if any(sums)]

    def _rows(self, part: Part) -> Iterator[Mapping[str, Any]]:
        sku, charges = ("attempts", "charges") if part.unit == "calls" else ("skus", "skus")
        columns = [*self._columns, f"{sku}.account"]
        if self._items:
            # Tokens without a price are no part of the priced ones: beside a cost they would make them look cheap.
            without = "charges.nano IS NULL" if part.unit == "calls" else f"charge_{part.unit}.unpriced <> 0"
            columns += [f"{sku}.served_model", f"{charges}.meter", f"CASE WHEN {without} THEN '1' ELSE '' END"]
        shape = {
            "columns": "".join(f"{name} AS c{place}, " for place, name in enumerate(columns)),
            "group_by": "GROUP BY " + ", ".join(f"c{place}" for place in range(len(columns))),
            "filters": self._filter,
        }
        for query in part_queries(self._reader.queries, "charges", part.unit, **shape):
            yield from self._reader.rows(query, {"first": part.first, "after": part.after, **self._values})

    def _key(self, row: Mapping[str, Any]) -> tuple[str, ...] | None:
        tenant, team, key_id, person, account = (row[f"c{place}"] for place in range(5))
        project = account or f"{tenant}/{team}"
        if self._projects is not None and self._projects.isdisjoint((project, account_kind(account)[0] or project)):
            return None
        shown = {"project": project, "key": key_id, "user": word_of("user").shown((person,), self._people)}
        item = (row["c5"], row["c6"], row["c7"]) if self._items else ("", "", "")
        return (*(shown[word] for word in self._words), *item)

    def _cost(self, key: tuple[str, ...], sums: Sequence[int]) -> Cost:
        *values, model, meter, _ = key
        _, quantity, nano, unpriced = sums
        group = dict(zip(self._words, values, strict=True))
        return Cost(group, model, meter, quantity if self._items else 0, nano, unpriced)
