"""What a call notices of the drainer: a gateway under a steady load, its drainer idle and then with a backlog."""

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.ports import free_port
from tests.postgres import PostgresServer
from tests.speed.child import Child
from tests.speed.contestants import Contestant, Ground, gateway
from tests.speed.driving import check_for
from tests.speed.ledger import write_journal
from tests.speed.load import load
from tests.speed.probing import answers_with

CONNECTIONS = 16  # of an upstream that takes 50 ms: some 300 calls a second
BACKLOG_PER_S = 50_000


class Latency(NamedTuple):
    """p99 of calls in µs: with an idle drainer, and with one at work throughout."""

    store: str
    idle_us: float
    busy_us: float


async def latencies(seconds: float) -> list[Latency]:
    """Of a gateway with its ledger in each store.

    Raises:
        BenchError: the gateway did not start. RuntimeError: answers were wrong, or the backlog did not last.
    """
    every_core = frozenset(os.sched_getaffinity(0))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(PostgresServer(fsync="on"))
        mock, sink = free_port(), free_port()
        for module, port in (("mock_upstream", mock), ("otlp_sink", sink)):
            argv = (sys.executable, "-m", f"tests.speed.{module}", str(port))
            stack.enter_context(Child(module, argv, every_core, folder / f"{module}.log"))
        found: list[Latency] = []
        for store, address in (("SQLite", None), ("PostgreSQL", server.fresh_database)):
            p99: list[float] = []
            for name, backlog in (("idle", 0), ("busy", int(seconds * BACKLOG_PER_S))):
                home = folder / f"{store}-{name}"
                home.mkdir()
                contestant = gateway(Ground(home, mock, sink))
                assert contestant.gateway is not None, "it is one"
                if address is not None:
                    _keep_ledger_at(contestant.gateway.folder / "config.yaml", address())
                journal = contestant.gateway.state / "journal"
                if backlog:
                    write_journal(journal, backlog)
                with Child(name, contestant.argv, every_core, home / "gateway.log") as child:
                    child.wait_until(lambda contestant=contestant: _answers(contestant))
                    p99.append(await _p99(contestant, seconds))
                    if backlog and not list(journal.glob("bench-*.jnl")):
                        raise RuntimeError("the backlog was drained before the load ended; the figure means nothing")
            found.append(Latency(store, *p99))
        return found


def _keep_ledger_at(config: Path, url: str) -> None:
    config.write_text(json.dumps({**json.loads(config.read_text()), "ledger": {"url": url}}))


def _answers(contestant: Contestant) -> bool:
    return answers_with(contestant.port, contestant.request("plain"))


async def _p99(contestant: Contestant, seconds: float) -> float:
    request, check = contestant.request("delayed"), check_for(contestant, "delayed")
    loaded = await load(contestant.port, request, check, CONNECTIONS, seconds)
    if loaded.wrong or not loaded.answers:
        raise RuntimeError(f"answers were wrong: {json.dumps(loaded.wrong)}")
    return loaded.p99_us
