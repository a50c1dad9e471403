"""Usage by tenant, team, key, model, day: read from the ledger, never written."""

import csv
import io
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from gateway.core.money import decimal_text
from gateway.ledger.store import LedgerUnavailable
from gateway.stores.sqlite import named_queries, open_database

# What can be grouped by, and the SQL it stands for. `local_*` are functions of the report's time zone.
GROUPS: dict[str, str] = {
    "tenant": "tenant",
    "team": "team",
    "key": "key_id",
    "model": "model",
    "target": "target",
    "served_model": "served_model",
    "operation": "operation",
    "outcome": "outcome",
    "error": "error_code",
    "rule": "rule_id",
    "policy": "policy_version",
    "would_deny": "would_deny",
    "data_class": "data_class",
    "prompt": "prompt_id",
    "month": "local_month(started_ns / 900000000000)",
    "day": "local_day(started_ns / 900000000000)",
    "hour": "local_hour(started_ns / 900000000000)",
}
FILTERS: dict[str, str] = {
    name: GROUPS[name] for name in ("tenant", "team", "key", "model", "target", "operation", "outcome", "rule")
}
# Every zone's hours and days begin on a quarter of an hour of UTC, so a quarter is all that a moment need be known by.
_QUARTER_S = 900
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UsageRow(msgspec.Struct, kw_only=True):
    """One line of a report.

    Attributes:
        group: the values of what was grouped by.
        input_tokens, output_tokens: everything that went in and came out; the other token meters are parts of them.
        cost_nano: of priced calls. unpriced: calls that used something without a known price; they are not in the cost.
        would_refuse: calls that a rule in audit mode would have refused.
        estimated: calls whose usage was counted by us, because their answer was cut. inconsistent: whose provider's
            figures do not add up.
    """

    group: dict[str, str]
    calls: int
    completed: int
    refused: int
    failed: int
    cancelled: int
    interrupted: int
    would_refuse: int
    input_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    input_audio_tokens: int
    input_image_tokens: int
    output_tokens: int
    reasoning_tokens: int
    output_audio_tokens: int
    output_image_tokens: int
    images: int
    audio_ms: int
    characters: int
    search_units: int
    web_searches: int
    cached_audio_tokens: int
    file_searches: int
    code_sessions: int
    cost_nano: int
    unpriced: int
    estimated: int
    inconsistent: int


NUMBERS = tuple(name for name in UsageRow.__struct_fields__ if name != "group")


def usage(
    database: Path,
    group_by: Sequence[str],
    since: datetime | None = None,
    until: datetime | None = None,
    filters: Mapping[str, str] | None = None,
    zone: str = "UTC",
) -> list[UsageRow]:
    """Usage of calls that started at or after `since` and before `until`, by groups, in the groups' order. A ledger
    that does not exist yet has no rows.

    `zone`: the IANA time zone that months, days and hours are of. The hour that happens twice in autumn is two hours.

    Raises:
        ValueError: an unknown word to group or filter by, an unknown zone, a moment without a time zone, a period
            that ends before it begins.
        LedgerUnavailable: the ledger cannot be read.
    """
    filters = filters or {}
    _check_words(group_by, GROUPS, "group")
    _check_words(filters, FILTERS, "filter")
    functions = _time_functions(zone)
    values: dict[str, Any] = {f"f_{name}": value for name, value in filters.items()}
    values["since_ns"], values["until_ns"] = period(since, until)
    if not database.exists():
        return []
    try:
        with closing(open_database(database, read_only=True)) as connection:
            for name, function in functions.items():
                connection.create_function(name, 1, function, deterministic=True)
            rows = connection.execute(_query(group_by, filters), values).fetchall()
    except sqlite3.Error as error:
        raise LedgerUnavailable(f"the ledger {database} cannot be read: {error}") from error
    return [_row(row, group_by) for row in rows if row["calls"]]


def never_seen(database: Path, filters: Mapping[str, str]) -> list[str]:
    """Which of these filters match no call of any time, so that a slip of the pen is not taken for no usage."""
    if not database.exists():
        return []
    with closing(open_database(database, read_only=True)) as connection:
        sought = {name: f"SELECT 1 FROM calls WHERE {FILTERS[name]} = ? LIMIT 1" for name in filters}  # noqa: S608
        return [name for name, query in sought.items() if not connection.execute(query, [filters[name]]).fetchone()]


def _check_words(words: Sequence[str] | Mapping[str, str], known: Mapping[str, str], verb: str) -> None:
    for word in words:
        if word not in known:
            raise ValueError(f"cannot {verb} by `{word}`; known: {', '.join(known)}")


def _query(group_by: Sequence[str], filters: Mapping[str, str]) -> str:
    """Words come from the tables above, values are parameters."""
    names = ", ".join(f"g{index}" for index in range(len(group_by)))
    return named_queries("gateway.ledger")["usage"].format(
        groups="".join(f"{GROUPS[name]} AS g{index}, " for index, name in enumerate(group_by)),
        group_by=f"GROUP BY {names} ORDER BY {names}" if names else "",
        filters="".join(f" AND {FILTERS[name]} = :f_{name}" for name in filters),
    )


def _time_functions(zone: str) -> dict[str, Callable[[int], str]]:
    try:
        # UTC needs no time zone database, which small systems do not have.
        place = UTC if zone == "UTC" else ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"unknown time zone `{zone}`; give an IANA name, such as Europe/Berlin") from None

    def at(quarter: int) -> datetime:
        return datetime.fromtimestamp(quarter * _QUARTER_S, place)

    @lru_cache(maxsize=4096)
    def month(quarter: int) -> str:
        return at(quarter).strftime("%Y-%m")

    @lru_cache(maxsize=4096)
    def day(quarter: int) -> str:
        return at(quarter).strftime("%Y-%m-%d")

    @lru_cache(maxsize=4096)
    def hour(quarter: int) -> str:
        text = at(quarter).replace(minute=0).isoformat(timespec="minutes")
        return text.replace("+00:00", "Z") if place is UTC else text

    return {"local_month": month, "local_day": day, "local_hour": hour}


def period(since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """Unix nanoseconds of the first moment and of the first after the last; None is as far as SQLite can compare.

    Raises:
        ValueError: a moment without a time zone, or a period that ends before it begins.
    """
    since_ns = 0 if since is None else _nanoseconds(since)
    until_ns = 2**63 - 1 if until is None else _nanoseconds(until)
    if since_ns > until_ns:
        raise ValueError(f"the period ends ({until}) before it begins ({since})")
    return since_ns, until_ns


def _nanoseconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} names no time zone")
    since_epoch = (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    return max(0, min(since_epoch, 2**63 - 1))  # what SQLite can compare; nothing was recorded beyond


def _row(row: sqlite3.Row, group_by: Sequence[str]) -> UsageRow:
    group = {name: str(row[f"g{index}"]) for index, name in enumerate(group_by)}
    return UsageRow(group=group, **{name: row[name] for name in NUMBERS})


_SHOWN = tuple("cost_usd" if name == "cost_nano" else name for name in NUMBERS)


def cells(row: UsageRow) -> dict[str, str]:
    """A row as text, cost as an exact decimal; empty where nothing has a price, for that is not the same as free."""
    numbers = {name: str(getattr(row, name)) for name in NUMBERS if name != "cost_nano"}
    unknown = row.unpriced and not row.cost_nano
    return {**row.group, **numbers, "cost_usd": "" if unknown else decimal_text(row.cost_nano)}


def as_csv(rows: Sequence[UsageRow], group_by: Sequence[str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, [*group_by, *_SHOWN], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        # A cell that a spreadsheet would run as a formula is given a quote in front.
        safe = {name: f"'{text}" if text.startswith(_FORMULA) else text for name, text in cells(row).items()}
        writer.writerow(safe)
    return out.getvalue()


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(rows: Sequence[UsageRow]) -> list[dict[str, Any]]:
    """`cost_usd`: the exact decimal of `cost_nano`, as text."""
    return [
        {**row.group, **{name: getattr(row, name) for name in NUMBERS}, "cost_usd": decimal_text(row.cost_nano)}
        for row in rows
    ]


_ALWAYS = {
    *("calls", "refused", "failed", "input_tokens", "cached_input_tokens", "output_tokens", "cost_usd", "unpriced"),
}
_IF_ANY = {
    *("cancelled", "interrupted", "would_refuse", "estimated", "inconsistent"),
    *("images", "audio_ms", "characters", "search_units", "web_searches", "file_searches", "code_sessions"),
}


def table(rows: Sequence[UsageRow], group_by: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Headings and lines for people: what is always of interest, and the rarer columns if they count anything. Under
    several lines stands their sum."""
    texts = [cells(row) for row in rows]
    if len(rows) > 1 and group_by:
        sums = {name: sum(getattr(row, name) for row in rows) for name in NUMBERS}
        texts.append(cells(UsageRow(group={**dict.fromkeys(group_by, ""), group_by[0]: "total"}, **sums)))
    used = {name for text in texts for name in _IF_ANY if text[name] != "0"}
    headings = [*group_by, *(name for name in _SHOWN if name in _ALWAYS | used)]
    return headings, [[text[name] for name in headings] for text in texts]
