"""Rows into a table of SQLite, many to a statement, which is given once what they have in common:

    INSERT OR FAIL INTO calls (id, tenant, outcome, …) VALUES (?3, ?1, ?2, …), (?4, ?1, ?2, …), …

Of calls that come one after another most columns are alike: what nobody says, and what is the same for all who ask just
then. To give each value with each row took a third longer.
"""

import sqlite3
from collections.abc import Callable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

# To a statement: more take as long, and twice the memory; what is left over goes one by one.
AT_ONCE = 10

_Rows = Sequence[Sequence[Any]]


class Filling:
    """Into one table of one connection."""

    def __init__(self, connection: sqlite3.Connection, query: str, columns: Sequence[str]) -> None:
        """`query`: with `{columns}` and `{rows}`."""
        self._connection = connection
        self._query = query
        self._columns = columns
        every = ", ".join("?" * len(columns))
        self._one, self._many = self._statement([every]), self._statement([every] * AT_ONCE)

    def insert(self, rows: _Rows) -> None:
        left = len(rows) % AT_ONCE
        groups = [rows[begin : begin + AT_ONCE] for begin in range(0, len(rows) - left, AT_ONCE)]
        if groups:
            values = self._values(groups)
            self._connection.executemany(self._many, values)
        if left:
            self._connection.executemany(self._one, rows[-left:])

    def _values(self, groups: Sequence[_Rows]) -> list[list[Any]]:
        """For each group, what the statement for so many rows is given."""
        return [list(chain.from_iterable(group)) for group in groups]

    def _statement(self, rows: Sequence[str]) -> str:
        return self._query.format(columns=", ".join(self._columns), rows=", ".join(f"({row})" for row in rows))


class FillingAlike(Filling):
    """Where rows have much in common. A column that turns out not to be alike within a group is from then on given with
    each row: so there are few statements, each of which is kept ready."""

    def __init__(self, connection: sqlite3.Connection, query: str, columns: Sequence[str]) -> None:
        super().__init__(connection, query, columns)
        self._given: set[int] = set()
        self._find([])

    def _values(self, groups: Sequence[_Rows]) -> list[list[Any]]:
        alike = [list(map(self._alike_of, group)) for group in groups]
        if any(found.count(found[0]) < AT_ONCE for found in alike):
            self._find(groups)
            alike = [list(map(self._alike_of, group)) for group in groups]
        given = self._given_of
        return [
            [*found[0], *chain.from_iterable(map(given, group))] for found, group in zip(alike, groups, strict=True)
        ]

    def _find(self, groups: Sequence[_Rows]) -> None:
        """From here on also those columns are given with each row in which rows of one of these groups differ."""
        for group in groups:
            columns = enumerate(zip(*group, strict=True))
            self._given.update(place for place, values in columns if values.count(values[0]) < AT_ONCE)
        places = range(len(self._columns))
        given, alike = sorted(self._given), [place for place in places if place not in self._given]
        self._given_of, self._alike_of = _places(given), _places(alike)
        numbers = {place: number for number, place in enumerate(alike, 1)}
        rows: list[str] = []
        for row in range(AT_ONCE):
            first = len(alike) + row * len(given) + 1
            numbers |= {place: number for number, place in enumerate(given, first)}
            rows.append(", ".join(f"?{numbers[place]}" for place in places))
        self._many = self._statement(rows)


def _places(places: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """What makes a row of these places of another."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda row: [row[place] for place in places]
