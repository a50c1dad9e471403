"""A ledger that an earlier version wrote, whatever upstreams told it, is taken over whole."""

import contextlib
import hashlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from keeping import all_findings
from ledger_parts import START_NS, closed_record

from gateway.core.clock import uuid7
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.ledger.reports import usage
from gateway.ledger.rollup import inputs_digest
from gateway.ledger.store import SqliteLedger
from gateway.stores.sqlite import MOST, open_database, read_migrations

HOUR_NS = 3_600_000_000_000


def written_then(file: Path, calls: list[dict[str, Any]]) -> None:
    """As the version before attempts and charges left it: with the first five migrations."""
    with contextlib.closing(open_database(file)) as connection:
        connection.create_function("inputs_digest", -1, inputs_digest, deterministic=True)
        connection.execute("CREATE TABLE migrations (name TEXT PRIMARY KEY, digest TEXT NOT NULL) STRICT")
        scripts = list(read_migrations("gateway.ledger").items())[:5]
        for name, script in scripts[:4]:
            connection.executescript(script)
            _applied(connection, name, script)
        kinds = {row["name"]: row["type"] for row in connection.execute("PRAGMA table_info(calls)")}
        for number, call in enumerate(calls):
            started_ns = START_NS + number * HOUR_NS // 3
            own = {"id": uuid7(started_ns, bytes), "started_ns": started_ns, "team": f"t{number % 2}", **call}
            row = [own.get(name, 0 if kind == "INTEGER" else "") for name, kind in kinds.items()]
            connection.execute(f"INSERT INTO calls VALUES ({', '.join('?' * len(row))})", row)
        for statement in scripts[4][1].split(";\n"):
            if statement.strip():
                connection.execute(statement)
        _applied(connection, *scripts[4])


def _applied(connection: sqlite3.Connection, name: str, script: str) -> None:
    digest = hashlib.sha256(script.encode()).hexdigest()
    connection.execute("INSERT INTO migrations VALUES (?, ?)", (name, digest))


@pytest.mark.parametrize("tokens", [0, 7, 10**15, 5 * 10**18])
def test_what_was_counted_then_is_counted_now(tmp_path: Path, tokens: int) -> None:
    """Counts had no bound then. Sums stop at the largest that there is room for, as they do for new calls."""
    place = LedgerPlace(tmp_path / "ledger.db")
    priced = {"outcome": "completed", "pricing": "priced", "cost_nano": 3, "input_tokens": tokens}
    odd = {"outcome": "odd", "pricing": "unpriced", "cost_nano": None, "model": 'a"b\0é', "input_tokens": tokens}
    written_then(place.file, [priced, priced, odd, priced, odd, priced, priced])
    with SqliteLedger(place.file) as store:
        assert store.commit([closed_record(1, usage=None, started_ns=START_NS)], "w-1.jnl", 1) == 1
    rows = usage(place, [])
    assert [(row.calls, row.unpriced, row.cost_nano) for row in rows] == [(8, 2, 15 + 1_500)]
    assert [row.input_tokens for row in rows] == [min(7 * tokens, MOST)]
    with ledger_reader(place) as reader:
        assert reader is not None
        assert all_findings(reader) == []
