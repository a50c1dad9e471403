"""`python -m tests.speed.limits`: what limits in Redis cost a gateway, and how exactly two gateways keep one together.

Cost: gateways with everything on, that differ only in where limits are counted, take turns under the same load; what
Redis adds is the median over the rounds of the difference within a round. Keeping: two gateways below one limit of
1,000 requests/s, both with more than that to do for 30 s. The bars: ≤ 40 µs of gateway CPU per request; admitted within
1 % of the limit, and with leases never more than that above it, nor less than what may be lent out below.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import uvloop

from gateway.limits.leases import MORE_THAN_LAST
from tests.ports import free_port
from tests.redis_binary import redis_binary
from tests.speed.answers import WHOLE
from tests.speed.child import BenchError, Child
from tests.speed.contestants import Contestant, Ground
from tests.speed.cores import Placement, placement
from tests.speed.decisions import Figure, shown
from tests.speed.gateway_contestant import METRICS_KEY, PLENTY, GatewayFiles, sum_of_counter
from tests.speed.http_reading import AnswerReader, request_bytes
from tests.speed.load import Loaded, load
from tests.speed.probing import answers_with, ask
from tests.speed.proc import cpu_s

CONNECTIONS = 64
LIMIT_PER_S = 1_000
LEASE_MS = 250
MOST_US = 40.0
RATES = [
    {"id": "per-tenant", "per": ["tenant"], "requests_per_minute": PLENTY, "tokens_per_minute": PLENTY},
    {"id": "per-team", "per": ["tenant", "team"], "requests_per_minute": PLENTY, "tokens_per_minute": PLENTY},
    {"id": "per-key", "per": ["key"], "requests_per_minute": PLENTY},
]
UNDER_WAY = {"id": "under-way", "per": ["key"], "concurrent_requests": 10_000}
SHARED = [{"id": "shared", "per": ["tenant"], "requests_per_second": LIMIT_PER_S}]


class Kept(NamedTuple):
    """What two gateways admitted together. `asked`: all calls that were answered."""

    admitted: int
    asked: int
    seconds: float
    store_errors: int

    @property
    def of_limit(self) -> float:
        return self.admitted / (LIMIT_PER_S * self.seconds)


class Stage:
    """The mock upstream, the sink, Redis, and gateways on them."""

    def __init__(self, folder: Path, where: Placement, stack: ExitStack) -> None:
        self._folder = folder
        self._where = where
        self._stack = stack
        self.ground = Ground(folder, free_port(), free_port())
        self.redis_port = free_port()
        for module, port in (("mock_upstream", self.ground.mock_port), ("otlp_sink", self.ground.sink_port)):
            child = self._start(module, (sys.executable, "-m", f"tests.speed.{module}", str(port)), where.load)
            child.wait_until(lambda port=port: answers_with(port, request_bytes(port, "GET", "/stats")))
        if (redis := redis_binary()) is None:
            raise BenchError("no redis-server is installed")
        self._start("redis", (str(redis), "--port", str(self.redis_port), "--save", ""), where.load)

    def gateway(self, name: str, limits: list[dict[str, Any]], **store: object) -> tuple[Contestant, Child]:
        """A gateway that answers. `store`: options of limits_store; none: it counts for itself."""
        ground = self.ground
        files = GatewayFiles.write(self._folder / name, free_port(), ground.mock_port, ground.sink_port)
        (files.folder / "policies" / "limits.yaml").write_text(json.dumps({"limits": limits}))
        config = json.loads((files.folder / "config.yaml").read_text())
        if store:
            config["redis"] = {"url": f"redis://127.0.0.1:{self.redis_port}"}
            config["limits_store"] = {"kind": "redis", "prefix": str(store.pop("prefix", name)), **store}
        (files.folder / "config.yaml").write_text(json.dumps(config))
        contestant = Contestant(
            name=name, argv=files.command("serve"), port=files.port, key=files.create_key(), gateway=files
        )
        child = self._start(name, contestant.argv, self._where.contestants)
        child.wait_until(lambda: answers_with(contestant.port, contestant.request("plain")))
        return contestant, child

    def _start(self, name: str, argv: tuple[str, ...], cores: frozenset[int]) -> Child:
        return self._stack.enter_context(Child(name, argv, cores, self._folder / f"{name}.log"))


def store_errors(contestant: Contestant) -> int:
    headers = {"authorization": f"Bearer {METRICS_KEY}"}
    answer = ask(contestant.port, request_bytes(contestant.port, "GET", "/metrics", headers=headers), timeout_s=20)
    return sum_of_counter(answer.payload().decode(), "gateway_limit_store_errors_total")


def whole(answer: AnswerReader) -> str:
    return "" if answer.status == 200 and answer.payload() == WHOLE else f"status {answer.status}"


async def cost(stage: Stage, rounds: int, seconds: float) -> list[Figure]:
    """What a request costs with limits in this process, in Redis, and leased from there."""
    gateways = [
        stage.gateway("process", [*RATES, UNDER_WAY]),
        stage.gateway("exact", [*RATES, UNDER_WAY], mode="exact"),
        # What is under way is never lent: calls below such a limit ask each time.
        stage.gateway("lease", RATES, mode="lease", lease_ms=LEASE_MS),
    ]
    seen: dict[str, list[float]] = {contestant.name: [] for contestant, _ in gateways}
    for number in range(rounds + 1):
        for contestant, child in gateways:
            before = cpu_s(child.pid).total
            found = await load(contestant.port, contestant.request("plain"), whole, CONNECTIONS, seconds)
            if found.wrong or not found.answers:
                raise BenchError(f"{contestant.name} answered wrongly: {found.wrong}")
            if number:  # the first round warms up
                seen[contestant.name].append((cpu_s(child.pid).total - before) / found.answers * 1e6)
    errors = sum(store_errors(contestant) for contestant, _ in gateways[1:])
    figures = [
        Figure(f"gateway CPU per request, limits: {name}", median(all_us), "µs") for name, all_us in seen.items()
    ]
    for name, bar in (("exact", MOST_US), ("lease", None)):
        added = median(one - base for one, base in zip(seen[name], seen["process"], strict=True))
        ratio = median(one / base for one, base in zip(seen[name], seen["process"], strict=True))
        figures.append(Figure(f"Redis adds, {name} ({ratio:.2f} times)", added, "µs", bar))
    return [*figures, Figure("times that Redis could not be asked", errors, "", 0)]


async def kept(stage: Stage, mode: str, seconds: float) -> Kept:
    """Both gateways under load from the start of a window on, so that whole windows are compared."""
    both = [
        stage.gateway(f"{mode}-{number}", SHARED, mode=mode, lease_ms=LEASE_MS, prefix=mode)[0] for number in range(2)
    ]
    admitted = 0

    def count(answer: AnswerReader) -> str:
        nonlocal admitted
        admitted += answer.status == 200
        return "" if answer.status in (200, 429) else f"status {answer.status}"

    await asyncio.sleep(2)
    await asyncio.sleep(1 - time.time() % 1)
    found: list[Loaded] = await asyncio.gather(
        *(load(one.port, one.request("plain"), count, CONNECTIONS // 4, seconds) for one in both)
    )
    wrong = [one.wrong for one in found if one.wrong]
    if wrong:
        raise BenchError(f"answers that are neither admitted nor refused: {wrong}")
    return Kept(admitted, sum(one.answers for one in found), seconds, sum(map(store_errors, both)))


def told(mode: str, one: Kept) -> list[Figure]:
    """A lease may leave unused what it lends, so its bar below is wider; above the limit nothing may be, but for the
    last answers, which end a moment after the time is over."""
    if one.asked < 1.2 * LIMIT_PER_S * one.seconds:
        asked = (
            f"only {one.asked / one.seconds:,.0f} calls/s could be made here, which says nothing of {LIMIT_PER_S:,}/s"
        )
        return [Figure(f"{mode}: {asked}", float("inf"), "%", 1.0)]
    off = (one.of_limit - 1) * 100
    bar = 1.0 if mode == "exact" or off > 0 else MORE_THAN_LAST * LEASE_MS / 1000 * 100
    asked = f"{one.asked / one.seconds:,.0f} calls/s for {LIMIT_PER_S:,}/s"
    return [
        Figure(f"admitted, {mode}, {asked}: {one.admitted:,}, off by", abs(off), "%", bar),
        Figure(f"times that Redis could not be asked, {mode}", one.store_errors, "", 0),
    ]


def run(options: argparse.Namespace) -> list[Figure]:
    where = placement()
    print(where.note)
    figures: list[Figure] = []
    for part in ("cost", "exact", "lease"):
        with tempfile.TemporaryDirectory(prefix="gateway-limits-") as folder, ExitStack() as stack:
            stage = Stage(Path(folder), where, stack)
            os.sched_setaffinity(0, where.load)
            if part == "cost":
                figures += uvloop.run(cost(stage, options.rounds, options.seconds))
            else:
                figures += told(part, uvloop.run(kept(stage, part, options.overload_s)))
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.speed.limits", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a turn of each gateway")
    parser.add_argument("--overload-s", type=float, default=30.0, help="how long two gateways are overloaded")
    return shown(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
