"""New calls into SQLite: their rows, and what they add up to, in the transaction under way."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from gateway.core.feedback import Feedback
from gateway.core.record import Record
from gateway.ledger.chunks import in_chunks
from gateway.ledger.counted import Counting
from gateway.ledger.encoding import Encoded
from gateway.ledger.feedback.storing import feedback_row
from gateway.ledger.filling import Filling, FillingAlike
from gateway.ledger.forms import unpacked
from gateway.ledger.rollup import RollUp
from gateway.ledger.rows import (
    ATTEMPT_COLUMNS,
    CHARGE_COLUMNS,
    SEALED_COLUMNS,
    Person,
    Rows,
    rows_of,
    seal_of,
)
from gateway.stores.sqlite import named_queries

MAX_PEOPLE = 50_000  # whose ids are remembered

_Sealed = tuple[Rows, bytes]
_Rows = Sequence[Sequence[Any]]


class Inserting:
    """It belongs to one connection, as the ids do that it remembers. After a transaction that failed it must not be
    used again: it may remember ids that are not there."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._queries = queries = named_queries("gateway.ledger")
        self._calls = FillingAlike(connection, queries["insert_calls"], SEALED_COLUMNS)
        self._attempts = FillingAlike(connection, queries["insert_attempts"], ATTEMPT_COLUMNS)
        self._charges = Filling(connection, queries["insert_charges"], CHARGE_COLUMNS)
        self._people: dict[Person, int] = {}
        self._rollup = RollUp(connection)

    def person(self, who: Person) -> int:
        """The id under which the ledger knows somebody; from here on the name stands in one place only."""
        found = self._people.get(who)
        if found is None:
            self._connection.execute(self._queries["add_person"], who)
            (found,) = self._connection.execute(self._queries["person_id"], who).fetchone()
            if len(self._people) >= MAX_PEOPLE:
                self._people.clear()
            self._people[who] = found
        return found

    def insert(self, records: Iterable[Record], link: int) -> list[bytes]:
        """Insert those that are not there yet; their seals, in the order of their ids."""
        counting = Counting()
        seals: list[tuple[str, bytes]] = []
        for chunk in in_chunks(records):
            rows = [rows_of(one, self.person((one.tenant, one.user)) if one.user else 0) for one in chunk]
            sealed = [(one, seal_of(one.call, one.attempts, one.charges)) for one in rows]
            if self._insert_calls([(*one.call, link, seal) for one, seal in sealed]) != len(rows):
                sealed = self._new_of(sealed, link, {name for name, _ in seals})
                rows = [one for one, _ in sealed]
            self._attempts.insert([attempt for one in rows for attempt in one.attempts])
            self._charges.insert([charge for one in rows for charge in one.charges])
            counting.add(rows)
            seals += [(one.call[0], seal) for one, seal in sealed]
        if seals:
            self._rollup.add(counting.counted())
        return [seal for _, seal in sorted(seals)]

    def say(self, feedback: Iterable[Feedback]) -> None:
        """Insert what is not there yet."""
        rows = [feedback_row(one, self.person((one.tenant, one.user)) if one.user else 0) for one in feedback]
        self._connection.executemany(self._queries["add_feedback"], rows)

    def insert_encoded(self, encoded: Encoded) -> bool:
        """Insert what another process encoded; false as soon as some are there already."""
        for calls, attempts, charges in zip(encoded.rows, encoded.attempts, encoded.charges, strict=True):
            rows = unpacked(calls)
            if self._insert_calls(rows) != len(rows):
                return False
            self._attempts.insert(unpacked(attempts))
            self._charges.insert(unpacked(charges))
        if encoded.sealed:
            self._rollup.add(encoded.sums)
        self.say(encoded.feedback)
        return True

    def _insert_calls(self, rows: _Rows) -> int:
        """Those that are not there yet. Mostly all are new, and how many are is told more cheaply than which."""
        before = self._connection.total_changes
        self._calls.insert(rows)
        return self._connection.total_changes - before

    def _new_of(self, sealed: Sequence[_Sealed], link: int, before: set[str]) -> list[_Sealed]:
        """Those that are new of the calls just given: they have the `link` under way, and did not come `before` with
        it."""
        found: list[_Sealed] = []
        for one, seal in sealed:
            name: str = one.call[0]
            (stored,) = self._connection.execute(self._queries["link_of_call"], (name,)).fetchone()
            if stored == link and name not in before:
                before.add(name)
                found.append((one, seal))
        return found
