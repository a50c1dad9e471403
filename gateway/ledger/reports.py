"""Usage by tenant, team, key, model, day: read from the ledger, never written."""

import csv
import io
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from gateway.core.money import decimal_text
from gateway.stores.sqlite import named_queries, open_database

# What can be grouped by, and the SQL it stands for.
GROUPS: dict[str, str] = {
    "tenant": "tenant",
    "team": "team",
    "key": "key_id",
    "model": "model",
    "target": "target",
    "operation": "operation",
    "outcome": "outcome",
    "day": "strftime('%Y-%m-%d', started_ns / 1000000000, 'unixepoch')",
    "hour": "strftime('%Y-%m-%dT%H:00Z', started_ns / 1000000000, 'unixepoch')",
}
FILTERS: dict[str, str] = {name: GROUPS[name] for name in ("tenant", "team", "key", "model", "operation", "outcome")}


class LedgerUnavailable(Exception):
    """The ledger's database is away or damaged."""


class UsageRow(msgspec.Struct, kw_only=True):
    """One line of a report. `group`: the values of what was grouped by. Input tokens include cached ones, output
    tokens include reasoning. `cost_nano`: of priced calls; `unpriced`: calls that used something without a price."""

    group: dict[str, str]
    calls: int
    completed: int
    refused: int
    failed: int
    cancelled: int
    interrupted: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_nano: int
    unpriced: int
    estimated: int


NUMBERS = tuple(name for name in UsageRow.__struct_fields__ if name != "group")


def usage(
    database: Path,
    group_by: Sequence[str],
    since: datetime | None = None,
    until: datetime | None = None,
    filters: Mapping[str, str] | None = None,
) -> list[UsageRow]:
    """Usage of calls that started at or after `since` and before `until`, by groups, in the groups' order. Days and
    hours are UTC. A ledger that does not exist yet has no rows.

    Raises:
        ValueError: an unknown word to group or filter by. LedgerUnavailable: the ledger cannot be read.
    """
    unknown = [name for name in group_by if name not in GROUPS] or [n for n in filters or {} if n not in FILTERS]
    if unknown:
        raise ValueError(f"cannot group or filter by `{unknown[0]}`; known: {', '.join(GROUPS)}")
    if not database.exists():
        return []
    columns = "".join(f"{GROUPS[name]} AS g{index}, " for index, name in enumerate(group_by))
    names = ", ".join(f"g{index}" for index in range(len(group_by)))
    query = named_queries("gateway.ledger")["usage"].format(
        groups=columns,
        group_by=f"GROUP BY {names} ORDER BY {names}" if names else "",
        filters="".join(f" AND {FILTERS[name]} = :f_{name}" for name in filters or {}),
    )
    values: dict[str, Any] = {f"f_{name}": value for name, value in (filters or {}).items()}
    values["since_ns"] = _nanoseconds(since, 0)
    values["until_ns"] = _nanoseconds(until, 2**62)
    try:
        with closing(open_database(database, read_only=True)) as connection:
            rows = connection.execute(query, values).fetchall()
    except sqlite3.Error as error:
        raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error
    return [_row(row, group_by) for row in rows if row["calls"]]


def _nanoseconds(moment: datetime | None, default: int) -> int:
    return default if moment is None else int(moment.astimezone(UTC).timestamp()) * 1_000_000_000


def _row(row: sqlite3.Row, group_by: Sequence[str]) -> UsageRow:
    group = {name: str(row[f"g{index}"]) for index, name in enumerate(group_by)}
    return UsageRow(group=group, **{name: row[name] for name in NUMBERS})


_SHOWN = (
    *("calls", "completed", "refused", "failed", "cancelled", "interrupted"),
    *("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens", "cost_usd", "unpriced", "estimated"),
)


def cells(row: UsageRow) -> dict[str, str]:
    """A row as text, cost as an exact decimal."""
    numbers = {name: str(getattr(row, name)) for name in NUMBERS if name != "cost_nano"}
    return {**row.group, **numbers, "cost_usd": decimal_text(row.cost_nano)}


def as_csv(rows: Sequence[UsageRow], group_by: Sequence[str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, [*group_by, *_SHOWN], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        # A cell that a spreadsheet would run as a formula is given a quote in front.
        safe = {name: f"'{text}" if text[:1] in ("=", "+", "-", "@") else text for name, text in cells(row).items()}
        writer.writerow(safe)
    return out.getvalue()


def as_json(rows: Sequence[UsageRow]) -> list[dict[str, Any]]:
    return [{**row.group, **{name: getattr(row, name) for name in NUMBERS}} for row in rows]


_TABLE = ("calls", "refused", "failed", "input_tokens", "cached_input_tokens", "output_tokens", "cost_usd", "unpriced")


def table(rows: Sequence[UsageRow], group_by: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Headings and lines for people."""
    headings = [*group_by, *_TABLE]
    return headings, [[cells(row)[name] for name in headings] for row in rows]
