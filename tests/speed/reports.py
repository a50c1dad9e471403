"""`python -m tests.speed.reports`: how long reports take over a month of 100 million calls.

The roll-ups are written in full, as that month would leave them: 1,000 different combinations of team, key, user, model
and so on in every one of its 744 hours, in SQLite and in a real PostgreSQL. Of the calls themselves only the latest
million are stored: that no more are read is shown by the plans of the queries, and by the figures, which `--rows` does
not change. The bar is that of the ledger's design: a report answers in under a second. It is judged by CPU time, the
server's with ours, which is all that a report takes once its pages are in memory, and which other work on the machine
changes little; the time by the clock stands beside it.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from gateway.ledger.options import LedgerOptions, LedgerPlace
from gateway.ledger.reports import usage, usage_lines
from gateway.ledger.slices import part_queries
from gateway.ledger.spending import spent
from gateway.ledger.summing import SUMS, added
from gateway.ledger.sums import HOUR_NS
from gateway.stores.reading import SqliteReader
from tests.postgres import PostgresServer
from tests.speed.ledgers import FIRST_HOUR, Size, copied, month_of_calls

BEGAN = datetime.fromtimestamp(FIRST_HOUR * 3600, UTC)
UNITS = ("days", "hours", "calls")
PAGE = 1_000
BAR_MS = 1_000.0


class Taken(NamedTuple):
    """Milliseconds: of our CPU, of the server's, and by the clock."""

    cpu_ms: float
    server_ms: float
    clock_ms: float


class Figure(NamedTuple):
    """`bar_ms`: the most that the CPU may take; None where nothing is asked for."""

    says: str
    taken: Taken
    bar_ms: float | None = BAR_MS

    @property
    def kept(self) -> bool:
        return self.bar_ms is None or self.taken.cpu_ms + self.taken.server_ms <= self.bar_ms


class Clock:
    """`server`: the first process of a PostgreSQL server that does nothing else."""

    def __init__(self, server: psutil.Process | None = None) -> None:
        self._server = server

    def best(self, action: Callable[[], object], times: int = 3) -> Taken:
        """Of so many times the one that took the least CPU."""
        found: list[Taken] = []
        for _ in range(times):
            began, cpu, server = time.perf_counter(), time.process_time(), self._served()
            action()
            ended, used = time.perf_counter(), time.process_time()
            found.append(Taken((used - cpu) * 1e3, (self._served() - server) * 1e3, (ended - began) * 1e3))
        return min(found, key=lambda one: one.cpu_ms + one.server_ms)

    def _served(self) -> float:
        """Seconds, of connections that are closed: each report has one of its own."""
        if self._server is None:
            return 0.0
        while any(map(_serves, self._server.children())):
            time.sleep(0.005)
        times = self._server.cpu_times()
        return times.children_user + times.children_system


def _serves(process: psutil.Process) -> bool:
    """Whether it is a connection's or works for one, or has ended and is not counted yet."""
    try:
        title = " ".join(process.cmdline())
        # One that is ending has no title any more.
        return not title or title.startswith(("postgres: postgres ", "postgres: parallel"))
    except psutil.NoSuchProcess as error:
        return isinstance(error, psutil.ZombieProcess)


def measure(place: LedgerPlace, size: Size, clock: Clock) -> list[Figure]:
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
        (f"by hour, of everybody: all {size.hours * size.groups:,} rows of the hours", ["hour"], {}),
        ("by hour and model, of everybody", ["hour", "model"], {}),
    ]
    best = clock.best
    middle = [f"team-{min(200, size.groups) // 2}", ""]
    lines = f"{size.hours * min(200, size.groups):,} lines"
    month_ns = int(BEGAN.timestamp()) * 1_000_000_000
    team = {"team": "team-7", "tenant": "t7"}

    def page(words: Sequence[str], after: Sequence[str] | None) -> Taken:
        return best(lambda: usage(place, words, after=after, limit=PAGE + 1))

    return [
        *(Figure(says, best(lambda g=groups, w=words: usage(place, g, **w))) for says, groups, words in reports),
        Figure("the last hour by team and outcome: from its calls",
               best(lambda: usage(place, ["team", "outcome"], end - timedelta(hours=1))), None),
        Figure(f"by team and hour, {lines}: the first page of {PAGE:,}", page(["team", "hour"], None)),
        Figure("the same, a page in the middle", page(["team", "hour"], middle)),
        Figure(f"by hour and team: the first page of {PAGE:,}", page(["hour", "team"], None)),
        Figure("by team and hour: every line, as the command line streams them",
               best(lambda: sum(1 for _ in usage_lines(place, ["team", "hour"])), times=1), None),
        Figure("what a team has spent this month, for its budget",
               best(lambda: spent(place, month_ns, month_ns + size.hours * HOUR_NS, team)), 50.0),
    ]  # fmt: skip


def plans(ledger: Path) -> list[str]:
    """What the database reads for a report by team, in its own words."""
    found: list[str] = []
    with SqliteReader(ledger, "gateway.ledger") as reader:
        inputs = "JOIN usage_inputs ON usage_inputs.id = inputs"
        shape = {"columns": "team AS c0, ", "group_by": "GROUP BY c0", "filters": "", "inputs": inputs}
        shape["sums"] = added(SUMS)
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
    parser.add_argument("--all-columns", action="store_true", help="every column counts something in every row")
    options = parser.parse_args()
    size = Size(options.groups, options.hours, rows=options.rows, all_columns=options.all_columns)
    figures: list[Figure] = []
    with ExitStack() as stack:
        ledger = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "ledger.db"
        month_of_calls(ledger, size)
        figures += _told("SQLite", measure(LedgerPlace(ledger), size, Clock()))
        print("\n".join(plans(ledger)))
        server = stack.enter_context(PostgresServer(autovacuum="off"))
        assert server.process is not None
        url = server.fresh_database()
        copied(ledger, url)
        place = LedgerPlace(ledger, LedgerOptions(url=url))
        figures += _told("PostgreSQL", measure(place, size, Clock(psutil.Process(server.process.pid))))
    return 0 if all(one.kept for one in figures) else 1


def _told(store: str, figures: list[Figure]) -> list[Figure]:
    print(f"{store}, ms; {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    print(f"{'':72} {'CPU':>8} {'server':>8} {'clock':>8}")
    for one in figures:
        bar = "" if one.bar_ms is None else f"   {'kept' if one.kept else 'MISSED'} (CPU ≤ {one.bar_ms:g})"
        print(f"{one.says:72} {one.taken.cpu_ms:8,.1f} {one.taken.server_ms:8,.1f} {one.taken.clock_ms:8,.1f}{bar}")
    return figures


if __name__ == "__main__":
    sys.exit(main())
