"""`python -m tests.speed.caching`: what an answer from the cache costs a gateway, and what a miss costs beside none.

Gateways with everything on, that differ only in their cache.yaml, take turns under the same load; figures are medians
over the rounds, differences within a round. `off`: no cache. `hit`: every answer is kept. `miss`: every request wants a
new one (`no-cache`), which is kept. The bars, of what the call costs without a cache: a hit ≤ 0.9 times; a miss ≤ 1.3
times for a whole answer, ≤ 1.6 times for a stream, whose pieces go through a task of their own.
"""

import argparse
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import uvloop

from tests.speed.answers import Mode, expected
from tests.speed.child import BenchError, Child
from tests.speed.contestants import Contestant
from tests.speed.cores import placement
from tests.speed.decisions import Figure, shown
from tests.speed.http_reading import AnswerReader, request_bytes
from tests.speed.limits import CONNECTIONS, RATES, Stage
from tests.speed.load import load
from tests.speed.proc import cpu_s

KINDS = ("off", "hit", "miss")
MOST_HIT = 0.9
MOST_MISS: dict[str, float] = {"plain": 1.3, "stream": 1.6}


def started(stage: Stage, kind: str) -> tuple[Contestant, Child]:
    """A gateway that answers, with a rule for all its calls or without."""
    contestant, child = stage.gateway(kind, RATES)
    assert contestant.gateway is not None, "it has a folder"
    if kind != "off":
        policies = contestant.gateway.folder / "policies"
        (policies / "cache.yaml").write_text(json.dumps({"rules": [{"id": "all", "ttl_s": 3600}]}))
    return contestant, child


def asking(contestant: Contestant, mode: Mode) -> bytes:
    headers = {"content-type": "application/json", "authorization": f"Bearer {contestant.key}"}
    if contestant.name == "miss":
        headers["cache-control"] = "no-cache"
    body = contestant.dialect.request_body(mode)
    return request_bytes(contestant.port, "POST", contestant.dialect.path, body, headers)


async def measured(stage: Stage, mode: Mode, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Gateway CPU per request, in µs, of each kind, round by round."""
    gateways = [started(stage, kind) for kind in KINDS]

    def check(answer: AnswerReader) -> str:
        return "" if answer.status == 200 and answer.payload() == expected(mode) else f"status {answer.status}"

    seen: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(rounds + 1):
        for contestant, child in gateways:
            before = cpu_s(child.pid).total
            found = await load(contestant.port, asking(contestant, mode), check, CONNECTIONS, seconds)
            if found.wrong or not found.answers:
                raise BenchError(f"{contestant.name} answered wrongly: {found.wrong}")
            if number:  # the first round warms up, and fills the cache
                seen[contestant.name].append((cpu_s(child.pid).total - before) / found.answers * 1e6)
    return seen


def told(mode: Mode, seen: dict[str, list[float]]) -> list[Figure]:
    figures = [
        Figure(f"{mode}: gateway CPU per request, {kind}", median(all_us), "µs") for kind, all_us in seen.items()
    ]
    for kind, bar in (("hit", MOST_HIT), ("miss", MOST_MISS[mode])):
        ratio = median(one / off for one, off in zip(seen[kind], seen["off"], strict=True))
        figures.append(Figure(f"{mode}: a {kind}, of what a call costs without a cache", ratio, "times", bar))
    return figures


def run(options: argparse.Namespace) -> list[Figure]:
    where = placement()
    print(where.note)
    figures: list[Figure] = []
    modes: tuple[Mode, ...] = ("plain", "stream")
    for mode in modes:
        with tempfile.TemporaryDirectory(prefix="gateway-caching-") as folder, ExitStack() as stack:
            stage = Stage(Path(folder), where, stack)
            os.sched_setaffinity(0, where.load)
            figures += told(mode, uvloop.run(measured(stage, mode, options.rounds, options.seconds)))
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.speed.caching", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a turn of each gateway")
    return shown(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
