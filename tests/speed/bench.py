"""One run: the ground is laid (mock upstream, OTLP sink), the contestants compete, the figures are shown."""

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import msgspec
import uvloop

from tests.ports import free_port
from tests.speed.bars import bars
from tests.speed.child import ROOT, Child
from tests.speed.contestants import Contestant, Ground, gateway, line_up
from tests.speed.cores import Placement, placement
from tests.speed.http_reading import request_bytes
from tests.speed.interpreter import interpreter
from tests.speed.probing import answers_with
from tests.speed.profiling import profile
from tests.speed.report import as_json, table, verdict
from tests.speed.rounds import Effort, Field


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of a run. `judge_speed`: bars about speed and size count too, not only those about facts.
    `profile`: flame graphs instead of figures."""

    effort: Effort
    judge_speed: bool = True
    profile: bool = False


def run(request: Request) -> bool:
    """Run and print; whether every bar that counts is kept.

    Raises:
        BenchError: a process did not start or answered nonsense.
    """
    if sys.platform != "linux":
        raise SystemExit("the bench reads /proc and pins processes to cores: Linux only")
    where = placement()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder, ExitStack() as stack:
        ground = _lay(Path(folder), where, stack)
        os.sched_setaffinity(0, where.load)
        if request.profile:
            uvloop.run(_profile(ground, where))
            return True
        return uvloop.run(_compete(ground, where, request))


def _lay(folder: Path, where: Placement, stack: ExitStack) -> Ground:
    """Start what everybody needs."""
    ground = Ground(folder, free_port(), free_port())
    for module, port in (("mock_upstream", ground.mock_port), ("otlp_sink", ground.sink_port)):
        argv = (sys.executable, "-m", f"tests.speed.{module}", str(port))
        child = stack.enter_context(Child(module, argv, where.load, folder / f"{module}.log"))
        child.wait_until(lambda port=port: answers_with(port, request_bytes(port, "GET", "/stats")))
    return ground


async def _compete(ground: Ground, where: Placement, request: Request) -> bool:
    effort = request.effort
    contestants, absent = line_up(ground)
    print(f"{where.note}\n{interpreter()}")
    print(f"{effort.rounds} rounds of {effort.seconds:g} s; whole answers by {'wrk' if effort.wrk else 'our own load'}")
    for one in absent:
        print(f"left out: {one.name}, {one.reason}")
    outcome = await Field(ground, where, effort, _say).run(contestants)
    for name, reason in outcome.left_out.items():
        print(f"left out: {name}, {reason}")
    found = bars(outcome)
    print(f"\n{table(outcome)}\n\n{verdict(found)}")
    if path := os.environ.get("BENCH_JSON"):
        Path(path).write_text(as_json(outcome, found, absent, effort, where.note) + "\n")
    return all(bar.passed for bar in found if request.judge_speed or not bar.timed)


async def _profile(ground: Ground, where: Placement) -> None:
    contestant: Contestant = gateway(ground)
    with Child(contestant.name, contestant.argv, where.contestants, ground.folder / "gateway.log") as child:
        child.wait_until(lambda: answers_with(contestant.port, contestant.request("plain")))
        for graph in await profile(contestant, child, ground.mock_port, ROOT / "build"):
            print(graph)


def _say(text: str) -> None:
    """Progress goes to standard error, so that the table can be kept by itself."""
    print(text, file=sys.stderr, flush=True)
