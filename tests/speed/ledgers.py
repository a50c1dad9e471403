"""A ledger as a month of 100 million calls would leave it: every row of its roll-ups, and some of the calls."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from gateway.ledger.months import month_of
from gateway.ledger.options import LedgerOptions
from gateway.ledger.rollup import inputs_digest
from gateway.ledger.store import SqliteLedger
from gateway.ledger.sums import HOUR_NS, USAGE_INPUTS, USAGE_SUMS

FIRST_HOUR = 1_764_547_200 // 3600  # 2025-12-01, a month whose days all have 24 hours
HOURS = 31 * 24


class Size:
    """`groups`: distinct inputs in every hour; `calls`: what the roll-ups say; `rows`: calls stored, in the last
    hours; `all_columns`: whether every one of the roll-ups' columns counts something, and not those of usual calls."""

    def __init__(
        self,
        groups: int = 1_000,
        hours: int = HOURS,
        calls: int = 100_000_000,
        rows: int = 1_000_000,
        all_columns: bool = False,
    ) -> None:
        self.groups, self.hours, self.calls, self.rows, self.all_columns = groups, hours, calls, rows, all_columns
        self.each = max(1, calls // (groups * hours))


def month_of_calls(path: Path, size: Size) -> None:
    """Write the ledger. Its roll-ups add up; the calls that are stored are some of those they count."""
    with SqliteLedger(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        inputs = [_inputs(number) for number in range(size.groups)]
        names = ", ".join(USAGE_INPUTS)
        marks = ", ".join("?" * (len(USAGE_INPUTS) + 2))
        connection.executemany(
            f"INSERT INTO usage_inputs (id, digest, {names}) VALUES ({marks})",
            [(number + 1, inputs_digest(*one), *one) for number, one in enumerate(inputs)],
        )
        connection.executemany(
            'INSERT INTO people (id, tenant, "user") VALUES (?, ?, ?)',
            [(number, f"t{number % 10}", f"user-{number}@example.com") for number in range(1, 101)],
        )
        columns = ", ".join(USAGE_SUMS)
        marks = ", ".join("?" * (len(USAGE_SUMS) + 2))
        hours = f"INSERT INTO usage_hours ({columns}, hour, inputs) VALUES ({marks})"
        days = f"INSERT INTO usage_days ({columns}, day, inputs) VALUES ({marks})"
        for place in range(size.hours):
            hour = FIRST_HOUR + place
            sums = _sums(size.each, hour, size.all_columns)
            connection.executemany(hours, ((*sums, hour, one + 1) for one in range(size.groups)))
        for place in range(0, size.hours, 24):
            day, held = (FIRST_HOUR + place) // 24, min(24, size.hours - place)
            sums = _sums(size.each * held, FIRST_HOUR + place + held - 1, size.all_columns)
            connection.executemany(days, ((*sums, day, one + 1) for one in range(size.groups)))
        _insert_calls(connection, size, inputs)
        connection.commit()
        connection.execute("ANALYZE")


def _inputs(number: int) -> tuple[str | int, ...]:
    team, model = number % 200, number // 200 % 5
    tags = json.dumps({"cost_center": str(team % 7)}, separators=(",", ":"))
    target = f"provider-{model % 3}/model-{model}-2025"
    return (
        *(f"t{team % 10}", f"team-{team}", f"key_{number}", number % 101, "chat", f"model-{model}", target),
        *(f"model-{model}-2025", "", "", "internal", tags),
    )


def _sums(calls: int, hour: int, all_columns: bool) -> list[int]:
    known = {"calls": calls, "completed": calls, "input_tokens": 900 * calls, "output_tokens": 250 * calls}
    known |= {"cached_input_tokens": 300 * calls, "cost_nano": 3_000_000 * calls, "list_nano": 3_300_000 * calls}
    known["last_ns"] = (hour + 1) * HOUR_NS - 1
    return [known.get(name, calls if all_columns else 0) for name in USAGE_SUMS]


def _insert_calls(connection: sqlite3.Connection, size: Size, inputs: list[tuple[str | int, ...]]) -> None:
    """The latest of the calls, evenly over time, in the order in which they came."""
    per_hour = size.each * size.groups
    end_ns = (FIRST_HOUR + size.hours) * HOUR_NS
    step = HOUR_NS // per_hour
    columns = {row[1]: row[2] for row in connection.execute("PRAGMA table_info(calls)")}
    used = {"input_tokens": 900, "output_tokens": 250, "cached_input_tokens": 300}
    texts = {"usage_source": "provider", "pricing": "priced", "outcome": "completed", "price_version": "abc/def"}
    money = {"cost_nano": 3_000_000, "list_nano": 3_300_000, "status": 200, "ttfb_us": None, "seal": None}
    names = ["id", "started_ns", *(name for name in columns if name not in ("id", "started_ns"))]

    def row(number: int) -> tuple[object, ...]:
        started = end_ns - (size.rows - number) * step
        known = {**used, **texts, **money, **dict(zip(USAGE_INPUTS, inputs[number % size.groups], strict=True))}
        rest = (known.get(name, 0 if columns[name] == "INTEGER" else "") for name in names[2:])
        began = f"{started // 1_000_000:012x}"
        return (f"{began[:8]}-{began[8:]}-7000-8000-{number:012x}", started, *rest)

    marks = ", ".join("?" * len(names))
    connection.executemany(
        f"INSERT INTO calls ({', '.join(names)}) VALUES ({marks})", (row(number) for number in range(size.rows))
    )


_TABLES = ("usage_inputs", "people", "usage_hours", "usage_days", "calls")


def copied(path: Path, url: str) -> None:
    """The same ledger in an empty database of PostgreSQL."""
    import psycopg

    from gateway.ledger.partitions import Partitions
    from gateway.ledger.postgres import PostgresLedger

    with PostgresLedger(LedgerOptions(url=url), "bench") as store:
        store.offsets()
    with closing(sqlite3.connect(path)) as source, psycopg.connect(url, autocommit=True) as target:
        (latest,) = source.execute("SELECT max(started_ns) FROM calls").fetchone()
        (first,) = source.execute("SELECT min(started_ns) FROM calls").fetchone()
        Partitions().cover(target, {month_of(first), month_of(latest)})
        for table in _TABLES:
            names = [row[1] for row in source.execute(f"PRAGMA table_info({table})")]
            columns = ", ".join(f'"{name}"' for name in names)
            with target.cursor().copy(f"COPY {table} ({columns}) FROM STDIN".encode()) as copy:
                for row in source.execute(f"SELECT {columns} FROM {table}"):
                    copy.write("\t".join(_texts(table, names, row)) + "\n")
        target.execute("VACUUM (ANALYZE)")


def _texts(table: str, names: Iterable[str], row: Iterable[object]) -> Iterable[str]:
    for name, value in zip(names, row, strict=True):
        if isinstance(value, bytes):
            yield rf"\\x{value.hex()}"
        elif value is None:
            yield r"\\x" if (table, name) == ("calls", "seal") else r"\N"
        else:
            yield str(value)
