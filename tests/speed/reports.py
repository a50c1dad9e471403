"""`python -m tests.speed.reports`: how long reports take over a month of 100 million calls.

The roll-ups are written in full, as that month would leave them: 1,000 different combinations of team, key, user, model
and so on in every one of its 744 hours. Of the calls themselves only the latest million are stored: that no more are
read is shown by the plans of the queries, and by the figures, which `--rows` does not change. The bar is that of the
ledger's design: a report answers in under a second. It is judged by CPU time, which is all that a report takes once its
pages are in memory, and which other work on the machine does not change; the time by the clock stands beside it.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from gateway.ledger.options import LedgerPlace
from gateway.ledger.reports import usage
from gateway.ledger.slices import part_queries
from gateway.ledger.spending import spent
from gateway.ledger.sums import HOUR_NS
from gateway.stores.reading import SqliteReader
from tests.speed.decisions import Figure
from tests.speed.ledgers import FIRST_HOUR, Size, month_of_calls

BEGAN = datetime.fromtimestamp(FIRST_HOUR * 3600, UTC)
UNITS = ("days", "hours", "calls")


class Taken(NamedTuple):
    """Milliseconds, the best of several: of the CPU and by the clock."""

    cpu_ms: float
    clock_ms: float


def best(action: Callable[[], object], times: int = 3) -> Taken:
    found: list[Taken] = []
    for _ in range(times):
        began, cpu = time.perf_counter(), time.process_time()
        action()
        found.append(Taken((time.process_time() - cpu) * 1e3, (time.perf_counter() - began) * 1e3))
    return Taken(min(one.cpu_ms for one in found), min(one.clock_ms for one in found))


def measure(ledger: Path, size: Size) -> list[Figure]:
    place = LedgerPlace(ledger)
    end = BEGAN + timedelta(hours=size.hours)
    # Neither end is on an hour: parts of hours are read from the calls.
    odd = {"since": BEGAN + timedelta(days=1, minutes=7), "until": end - timedelta(minutes=11)}
    reports: list[tuple[str, Sequence[str], dict[str, Any]]] = [
        ("the whole month", [], {}),
        ("by team and model", ["team", "model"], {}),
        ("by tenant, team, key, user, model", ["tenant", "team", "key", "user", "model"], {}),
        ("by a tag and provider", ["tag:cost_center", "provider"], {}),
        ("by team and day", ["team", "day"], {}),
        ("one team by hour", ["hour"], {"filters": {"team": "team-7"}}),
        ("by team and month of Berlin", ["team", "month"], {"zone": "Europe/Berlin"}),
        ("by team and day of Berlin", ["team", "day"], {"zone": "Europe/Berlin"}),
        ("by day of Kathmandu, 5:45 from UTC", ["day"], {"zone": "Asia/Kathmandu"}),
        ("by team and model, from 00:07 to 23:49", ["team", "model"], odd),
    ]
    figures = [
        _figure(says, best(lambda g=groups, w=words: usage(place, g, **w)), 1_000.0) for says, groups, words in reports
    ]
    hour = {"since": end - timedelta(hours=1)}
    by_outcome = best(lambda: usage(place, ["team", "outcome"], **hour))
    lines = size.hours * min(200, size.groups)
    every = best(lambda: usage(place, ["team", "hour"]), times=1)
    hourly = best(lambda: usage(place, ["hour"]))
    month_ns = int(BEGAN.timestamp()) * 1_000_000_000
    team = best(lambda: spent(place, month_ns, month_ns + size.hours * HOUR_NS, {"team": "team-7", "tenant": "t7"}))
    return [
        *figures,
        _figure("the last hour by team and outcome: from its calls", by_outcome),
        _figure(f"by hour, of everybody: all {size.hours * size.groups:,} rows of the hours", hourly),
        _figure(f"by team and hour: {lines:,} lines", every),
        _figure("what a team has spent this month, for its budget", team, 50.0),
    ]


def _figure(says: str, taken: Taken, bar: float | None = None) -> Figure:
    return Figure(f"{says} ({taken.clock_ms:,.0f} ms)", taken.cpu_ms, "ms CPU", bar)


def plans(ledger: Path) -> list[str]:
    """What the database reads for a report by team, in its own words."""
    found: list[str] = []
    with SqliteReader(ledger, "gateway.ledger") as reader:
        inputs = "JOIN usage_inputs ON usage_inputs.id = inputs"
        shape = {"columns": "team AS c0, ", "group_by": "GROUP BY c0", "filters": "", "inputs": inputs}
        for unit in UNITS:
            query = part_queries(reader.queries, "usage", unit, **shape)[0]
            steps = reader.rows(f"EXPLAIN QUERY PLAN {query}", {"first": 1, "after": 2})
            found.append(f"usage_of_{unit}: {'; '.join(row['detail'] for row in steps)}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.speed.reports", description=__doc__)
    parser.add_argument("--groups", type=int, default=1_000, help="combinations in every hour")
    parser.add_argument("--rows", type=int, default=1_000_000, help="calls that are stored")
    parser.add_argument("--hours", type=int, default=31 * 24)
    options = parser.parse_args()
    size = Size(options.groups, options.hours, rows=options.rows)
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger.db"
        month_of_calls(ledger, size)
        figures = measure(ledger, size)
        told = plans(ledger)
    for one in figures:
        bar = "" if one.bar is None else f"   {'kept' if one.kept else 'MISSED'} (≤ {one.bar:g} {one.unit})"
        print(f"{one.says:72} {one.measured:9.1f} {one.unit}{bar}")
    print("\n".join(told))
    return 0 if all(one.kept for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
