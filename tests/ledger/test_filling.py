"""Many rows to a statement: whatever they have in common, what is stored is what was given."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.filling import AT_ONCE, Filling, FillingAlike

COLUMNS = ("id", "who", "count", "seal")
QUERY = "INSERT OR FAIL INTO rows ({columns}) VALUES {rows} ON CONFLICT (id) DO NOTHING"
Row = tuple[Any, ...]
Kind = Callable[[sqlite3.Connection, str, tuple[str, ...]], Filling]

words = st.sampled_from(["", "a", "it's", "?1", "a\0b", "ü"])
values = st.tuples(words, st.none() | st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1]), st.binary(max_size=2))
# Long runs of rows that are alike in all but their ids, as calls are, and others between them.
runs = st.lists(st.tuples(values, st.integers(1, 3 * AT_ONCE)), max_size=6)
batches = st.lists(runs.map(lambda found: [row for row, count in found for _ in range(count)]), max_size=4)


@pytest.fixture(params=[Filling, FillingAlike])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


def table() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(
        "CREATE TABLE rows (id INTEGER PRIMARY KEY, who TEXT NOT NULL, count INTEGER, seal BLOB NOT NULL) STRICT"
    )
    return connection


def stored(connection: sqlite3.Connection) -> list[Row]:
    return connection.execute("SELECT * FROM rows ORDER BY id").fetchall()


def numbered(batches: list[list[Row]]) -> Iterator[list[Row]]:
    number = 0
    for batch in batches:
        yield [(number + place, *row) for place, row in enumerate(batch)]
        number += len(batch)


@pytest.mark.parametrize("kind", [Filling, FillingAlike])
@given(batches)
def test_every_row_is_stored_as_it_was_given(kind: Kind, batches: list[list[Row]]) -> None:
    with closing(table()) as connection:
        into = kind(connection, QUERY, COLUMNS)
        given = list(numbered(batches))
        for rows in given:
            into.insert(rows)
        assert stored(connection) == [row for rows in given for row in rows]


def test_a_row_that_is_there_is_left_as_it_is_and_the_others_of_its_statement_come(kind: Kind) -> None:
    with closing(table()) as connection:
        into = kind(connection, QUERY, COLUMNS)
        into.insert([(3, "first", 1, b"")] * 2 * AT_ONCE)
        into.insert([(3, "second", 2, b""), (3, "third", 2, b"")])
        into.insert([(number, "later", None, b"") for number in range(2 * AT_ONCE)])
        assert connection.total_changes == 2 * AT_ONCE
        assert [row[1] for row in stored(connection)] == ["later"] * 3 + ["first"] + ["later"] * (2 * AT_ONCE - 4)


def test_what_the_table_does_not_take_is_an_error(kind: Kind) -> None:
    with closing(table()) as connection:
        into = kind(connection, QUERY, COLUMNS)
        wrong = [(number, "a", 1, b"") for number in range(AT_ONCE - 1)] + [(AT_ONCE, "a", "none", b"")]
        with pytest.raises(sqlite3.IntegrityError):
            into.insert(wrong)


def test_rows_that_are_alike_take_one_statement_for_many() -> None:
    """And what is not alike any more changes only how it is given."""
    statements: list[str] = []
    with closing(table()) as connection:
        into = FillingAlike(connection, QUERY, COLUMNS)
        connection.set_trace_callback(statements.append)
        alike = [[("a", 1, b"x")] * AT_ONCE] * 3
        other = [("a", 1, b"x")] * (AT_ONCE - 1) + [("b", 1, b"x")]
        given = list(numbered([*alike, other, *alike]))
        for rows in given:
            into.insert(rows)
        assert len(statements) == len(given)
        assert stored(connection) == [row for rows in given for row in rows]
