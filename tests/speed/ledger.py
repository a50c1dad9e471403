"""`python -m tests.speed.ledger`: how fast journals get into the ledger, and what a call notices of it.

Records are as a usual call leaves them: one attempt with the provider's usage object, two charges, 1.6 KB in the
journal. Each rate is that of the drainer's own rounds, from segments on the disk to the last commit; PostgreSQL is a
real server on this machine that syncs what it commits. The latency is that of a real gateway that is asked so many times
a second, with a drainer that has nothing to do and with one that has a backlog throughout.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.core.attempt import Attempt, Charge
from gateway.core.clock import SystemClock, uuid7
from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.ledger.journal import Journal, JournalOptions
from gateway.ledger.opening import open_ledger
from gateway.ledger.options import LedgerOptions, LedgerPlace
from gateway.ledger.rounds import Rounds
from tests.postgres import PostgresServer

SQLITE_BAR, POSTGRES_BAR = 20_000, 30_000
LATENCY_BAR = 0.2
RAW_USAGE = (
    '{{"prompt_tokens":{0},"completion_tokens":{1},"total_tokens":{2},"prompt_tokens_details":{{"cached_tokens":0,'
    '"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0,'
    '"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}}'
)


class Rate(NamedTuple):
    """`cpu_us`: of this process, per record; what the server uses is not in it."""

    store: str
    records_per_s: float
    cpu_us: float
    bar: float


def records(count: int, begin_ns: int) -> Iterator[Record]:
    """Of 5 tenants, 40 teams and 200 keys, a millisecond apart."""
    served = {"target": "openai/gpt-4o-mini", "served_model": "gpt-4o-mini-2024-07-18", "status": 200}
    priced = {"pricing": "priced", "price_version": "abcdef0123456789/genai", "usage_source": "provider"}
    for number in range(count):
        at = begin_ns + number * 1_000_000
        into, out = 200 + number % 50, 40 + number % 9
        usage = Usage(input_tokens=into, output_tokens=out)
        rates = (("input_tokens", into, 150), ("output_tokens", out, 600))
        charges = tuple(
            Charge(meter, used, 1_000_000, rate * 1_000_000, rate * 1_000_000, used * rate, used * rate)
            for meter, used, rate in rates
        )
        ended = {"usage": usage, "ttfb_us": 400_000 + number % 1_000, "duration_us": 800_000 + number % 3_000}
        attempt = Attempt(
            served=True,
            started_ns=at + 100_000,
            provider="openai",
            outcome="completed",
            finish_reason="stop",
            upstream_request_id=f"req_{number:032x}",
            raw_usage=RAW_USAGE.format(into, out, into + out),
            charges=charges,
            **served,
            **priced,
            **ended,
        )
        yield Record(
            id=uuid7(at),
            started_ns=at,
            tenant=f"tenant-{number % 5}",
            team=f"team-{number % 40}",
            key_id=f"key_{number % 200}",
            operation="chat",
            model="gpt-4o-mini",
            outcome="completed",
            rule_id="everybody",
            finish_reason="stop",
            cost_nano=attempt.cost_nano,
            list_nano=attempt.list_nano,
            policy_version="0123456789abcdef",
            attributes='{"max_output":100}',
            facts='{"labels":{"env":"prod"}}',
            bytes_in=900,
            bytes_out=1_000,
            upstream_request_id=f"req_{number:032x}",
            response_id=f"chatcmpl-{number * 2654435761 % 2**32:08x}{number:021x}",  # in no order, as they are
            trace_id=f"{number:032x}",
            attempts=(attempt,),
            **served,
            **priced,
            **ended,
        )


def write_journal(folder: Path, count: int, begin_ns: int | None = None) -> None:
    """Segments of a writer that has ended."""
    begin_ns = time.time_ns() - count * 1_000_000 if begin_ns is None else begin_ns
    with Journal(JournalOptions(max_bytes=None), folder, "bench") as journal:
        for record in records(count, begin_ns):
            journal.closed(record)


def measure(store: str, place: LedgerPlace, count: int, bar: float) -> Rate:
    """Drain `count` records from the journal in the place's folder.

    Raises:
        RuntimeError: it did not take them all.
    """
    folder = place.file.parent / "journal"
    write_journal(folder, count)
    with open_ledger(place) as ledger:
        ledger.offsets()
        began, cpu = time.perf_counter(), time.process_time()
        drained = Rounds(folder, ledger, SystemClock()).drain_once()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    if drained.error or drained.records != count:
        raise RuntimeError(f"{store}: {drained.records} of {count} records were drained; {drained.error}")
    return Rate(store, count / seconds, cpu / count * 1e6, bar)


def rates(count: int, rounds: int) -> list[Rate]:
    """The best of so many rounds, for each store."""
    found: list[Rate] = []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(PostgresServer(fsync="on"))
        for number in range(rounds):
            lite, postgres = folder / f"lite-{number}", folder / f"postgres-{number}"
            found.append(measure("SQLite", LedgerPlace(lite / "ledger.db"), count, SQLITE_BAR))
            options = LedgerOptions(url=server.fresh_database())
            place = LedgerPlace(postgres / "ledger.db", options)
            found.append(measure("PostgreSQL", place, count, POSTGRES_BAR))
    return [
        max((rate for rate in found if rate.store == store), key=lambda rate: rate.records_per_s)
        for store in ("SQLite", "PostgreSQL")
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency-s", type=float, default=10.0, help="seconds of each latency measurement; 0: none")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    print(f"ledger: {options.records} records, {os.cpu_count()} cores, load average {load:.1f} before")
    for rate in rates(options.records, options.rounds):
        kept = "kept" if rate.records_per_s >= rate.bar else "MISSED"
        print(
            f"  {rate.store:<11} {rate.records_per_s:>8,.0f} records/s   {rate.cpu_us:>5.1f} µs CPU each"
            f"   bar {rate.bar:,.0f}: {kept}"
        )
    if options.latency_s:
        from tests.speed.ledger_latency import latencies

        for one in asyncio.run(latencies(options.latency_s)):
            more = one.busy_us / one.idle_us - 1
            print(
                f"  {one.store:<11} a call's p99, the drainer idle {one.idle_us:,.0f} µs, at work {one.busy_us:,.0f} µs"
                f" ({more:+.0%})   bar {LATENCY_BAR:+.0%}: {'kept' if more <= LATENCY_BAR else 'MISSED'}"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
