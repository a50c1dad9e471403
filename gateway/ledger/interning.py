"""Texts that many rows share, and people, by their ids in PostgreSQL: looked up many at once.

Each kind is added by one statement, in the order of its keys, so that gateways that add the same ones wait for each
other for no longer than a commit takes, and never in a circle.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from gateway.ledger.rollup import inputs_digest
from gateway.ledger.rows import Person
from gateway.stores.postgres import Connection, run

REMEMBERED = 50_000
_encode = msgspec.msgpack.Encoder().encode
Values = tuple[str | int | None, ...]


class Interned:
    """The ids of rows of a table with `id` and `digest`. What it remembers is true for as long as the database is the
    same: see `forget`."""

    def __init__(self, table: str, columns: Sequence[str], whole: Collection[str] = ()) -> None:
        """`whole`: which columns are whole numbers; the others are texts."""
        kinds = {column: "bigint" if column in whole else "text" for column in columns}
        given = ", ".join(f"%({column})s::{kind}[]" for column, kind in kinds.items())
        self._columns = tuple(columns)
        self._add = (
            f"INSERT INTO {table} (digest, {', '.join(columns)}) SELECT * FROM unnest(%(digest)s::bytea[], {given}) "  # noqa: S608
            "ON CONFLICT (digest) DO NOTHING"
        )
        self._find = f"SELECT digest, id FROM {table} WHERE digest = ANY (%(digest)s)"  # noqa: S608
        # By the texts in one piece of memory of their own: see `rollup.Interned`.
        self._ids: dict[bytes, int] = {}

    def forget(self) -> None:
        self._ids.clear()

    def ids_of(self, connection: Connection, wanted: Collection[Values]) -> dict[Values, int]:
        if len(self._ids) > REMEMBERED:
            self._ids.clear()
        encoded = {values: _encode(values) for values in wanted}
        unknown = {inputs_digest(*values): values for values, key in encoded.items() if key not in self._ids}
        if unknown:
            self._resolve(connection, unknown)
        return {values: self._ids[key] for values, key in encoded.items()}

    def _resolve(self, connection: Connection, unknown: Mapping[bytes, Values]) -> None:
        digests = sorted(unknown)
        columns = zip(*(unknown[digest] for digest in digests), strict=True)
        run(connection, self._add, {"digest": digests, **dict(zip(self._columns, map(list, columns), strict=True))})
        for digest, found in run(connection, self._find, {"digest": digests}):
            self._ids[_encode(unknown[digest])] = found


class People:
    """The ids under which the ledger knows those who asked; their names stand in one table only."""

    def __init__(self, queries: Mapping[str, str]) -> None:
        self._add, self._find = queries["add_people"], queries["people_ids"]
        self._ids: dict[Person, int] = {}

    def forget(self) -> None:
        self._ids.clear()

    def ids_of(self, connection: Connection, people: Collection[Person]) -> Mapping[Person, int]:
        """Of these, and of others that are remembered."""
        if len(self._ids) > REMEMBERED:
            self._ids.clear()
        unknown = sorted(set(people) - self._ids.keys())
        if unknown:
            named = {"tenant": [who[0] for who in unknown], "user": [who[1] for who in unknown]}
            run(connection, self._add, named)
            for tenant, user, found in run(connection, self._find, named):
                self._ids[tenant, user] = found
        return self._ids
