"""What was used in a time, added up by who used it: what limits go on counting from after a restart."""

import sqlite3
import time
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

import msgspec

from gateway.ledger.segments import newer_exists, writer_is_dead
from gateway.ledger.store import LedgerUnavailable
from gateway.stores.sqlite import open_database

POLL_S = 0.02
HOUR_S = 3600
HOUR_NS = HOUR_S * 10**9
_ONLY_IN_CALLS = {"run", "facts"}
_INTO = (
    *("input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "input_audio_tokens"),
    *("input_image_tokens", "cached_audio_tokens"),
)
_OUT = ("output_tokens", "reasoning_tokens", "output_audio_tokens", "output_image_tokens")
_QUARTER_NS = 900_000_000_000


class Used(msgspec.Struct, frozen=True):
    """What calls used that began at about the same time.

    Attributes:
        at: Unix seconds; the end of the hour in which they began, or of the quarter of an hour where calls themselves
            are asked, but never after the time asked for: who limits by it limits rather too much than too little.
        calls: that were sent. nano: of priced calls.
    """

    at: float
    tenant: str
    team: str
    key_id: str
    model: str
    target: str
    user: str
    prompt: str
    agent: str
    run: str
    facts: str
    calls: int
    input_tokens: int
    output_tokens: int
    nano: int


def used_since(database: Path, since: float, until: float, by: Collection[str]) -> list[Used]:
    """What calls used that began at or after `since` and before `until` (Unix seconds); from the hour on in which
    `since` is, where the sums by the hour tell it. A ledger that does not exist yet has none.

    Args:
        by: what is kept apart besides tenant, team, key and model: `user`, `prompt`, `agent`, `run`, `facts`; the rest
            is empty. Sums by the hour keep neither runs nor facts apart: for these every call is looked at.

    Raises:
        LedgerUnavailable: the ledger cannot be read.
    """
    if not database.exists():
        return []
    hour = int(until // HOUR_S)
    first = int(since * 1e9) if _ONLY_IN_CALLS & {*by} else hour * HOUR_NS
    try:
        with closing(open_database(database, read_only=True)) as connection:
            asked = {"since_ns": max(int(since * 1e9), first), "until_ns": int(until * 1e9)}
            rows = connection.execute(_query("calls", by), asked).fetchall()
            if not _ONLY_IN_CALLS & {*by}:
                hours = {"first": int(since // HOUR_S), "after": hour}
                rows += connection.execute(_query("usage_inputs", by), hours).fetchall()
    except sqlite3.Error as error:
        raise LedgerUnavailable(f"the ledger {database} cannot be read: {error}") from error
    return [Used(min(row[0] / 1e9, until - 0.001), *tuple(row)[1:]) for row in rows]


def wait_until_drained(folder: Path, seconds: float) -> bool:
    """Wait until what writers that are gone left behind is in the ledger; false if that takes longer. Blocks."""
    until = time.monotonic() + seconds
    while _left_behind(folder):
        if time.monotonic() >= until:
            return False
        time.sleep(POLL_S)
    return True


def _left_behind(folder: Path) -> bool:
    for path in folder.glob("*.jnl"):
        try:
            if writer_is_dead(path) and not newer_exists(path):
                return True
        except FileNotFoundError:
            continue  # it has just been drained
    return False


def _query(who: str, by: Collection[str]) -> str:
    """From the calls, by the quarter of an hour, or from the sums by the hour (`usage_inputs`)."""
    counts, number, source = "calls", "count(*)", "calls"
    ends = f"(calls.started_ns / {_QUARTER_NS} + 1) * {_QUARTER_NS} - 1000000000"
    times = "calls.started_ns >= :since_ns AND calls.started_ns < :until_ns"
    if who != "calls":
        counts, number = "usage_hours", "sum(usage_hours.calls)"
        source = "usage_hours JOIN usage_inputs ON usage_inputs.id = usage_hours.inputs"
        ends = f"(usage_hours.hour + 1) * {HOUR_NS} - 1000000000"
        times = "usage_hours.hour >= :first AND usage_hours.hour < :after"
    apart = {
        "user": "coalesce(people.user, '')",
        "prompt": f"{who}.prompt_id",
        "agent": f"{who}.agent",
        "run": f"{who}.run_id",
        "facts": f"{who}.facts",
    }
    kept = [column if word in by else "''" for word, column in apart.items()]
    into, out = (f"sum({' + '.join(f'{counts}.{name}' for name in names)})" for names in (_INTO, _OUT))
    return (
        f"SELECT {ends} AS at, {who}.tenant, {who}.team, {who}.key_id, {who}.model, {who}.target, {', '.join(kept)}, "  # noqa: S608  words of this file alone
        f"{number}, {into}, {out}, coalesce(sum({counts}.cost_nano), 0) "
        f"FROM {source} LEFT JOIN people ON people.id = {who}.person "
        f"WHERE {times} AND {who}.target <> '' GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"
    )
