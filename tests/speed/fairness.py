"""`python -m tests.speed.fairness`: what tenants do to each other, and what an upstream's 429s do to all.

A real gateway in a process of its own, in front of a mock upstream that can do so much and no more:

* Of two tenants one floods. How much later does the other's 95th-percentile answer come than when it is alone? Once as
  the gateway does it, once with an upstream that is left to queue first come, first served.
* More is asked of an upstream than its rate limit lets through. Which part of what reaches it is refused, with and
  without learning from its headers?
* What it costs a call: microseconds at the gate.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import httpx

from gateway.core.call import Call
from gateway.core.fields import NoFields
from gateway.core.principal import Principal
from gateway.core.record import Record
from gateway.edge.operations import OPERATIONS
from gateway.providers.options import PacingOptions
from gateway.providers.pacing.pacer import Pacer, rough_demand
from gateway.testing import Received, ScriptedUpstream, Write
from tests.conftest import Gateway, gateways
from tests.speed.decisions import Figure

PATH = "/v1/chat/completions"
CAPACITY, TAKES_S = 24, 0.8
FLOOD_CLIENTS = 72
LIMIT_PER_MINUTE, LEFT = 900, 60
TENANTS = "tenants: [{id: quiet, teams: [{id: a}]}, {id: flood, teams: [{id: a}]}]\n"
ACCESS = 'rules: [{id: all, effect: allow, owner: bench, reason: bench, tenants: ["*"], models: ["*"]}]\n'
BODY = {"model": "test-model", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 100}
ANSWER = json.dumps({"id": "x", "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 90}}).encode()


def _answer(status: int, headers: dict[str, str], body: bytes) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} x\r\ncontent-type: application/json\r\n{lines}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Narrow:
    """An upstream that works on CAPACITY calls at a time; others wait, first come, first served."""

    def __init__(self, seed: int = 1) -> None:
        self._room = asyncio.Semaphore(CAPACITY)
        self._random = random.Random(seed)

    async def __call__(self, received: Received, write: Write) -> None:
        async with self._room:
            await asyncio.sleep(TAKES_S * self._random.uniform(0.6, 1.4))
        await write(_answer(200, {}, ANSWER))


class RateLimited:
    """An upstream that lets LIMIT_PER_MINUTE through, refilled little by little, and tells what is left as OpenAI
    does. Of its first minute only LEFT are left."""

    def __init__(self) -> None:
        self.level, self.at = float(LEFT), time.monotonic()
        self.asked = self.refused = 0

    async def __call__(self, received: Received, write: Write) -> None:
        now, rate = time.monotonic(), LIMIT_PER_MINUTE / 60
        self.level, self.at = min(float(LIMIT_PER_MINUTE), self.level + (now - self.at) * rate), now
        self.asked += 1
        allowed = self.level >= 1
        self.level -= allowed
        self.refused += not allowed
        said = {
            "x-ratelimit-limit-requests": str(LIMIT_PER_MINUTE),
            "x-ratelimit-remaining-requests": str(int(self.level)),
            "x-ratelimit-reset-requests": f"{(LIMIT_PER_MINUTE - self.level) / rate * 1000:.0f}ms",
        }
        await asyncio.sleep(0.02)
        await write(_answer(200 if allowed else 429, said, ANSWER if allowed else b'{"error": {"message": "slow"}}'))


@contextlib.asynccontextmanager
async def serving(upstream: ScriptedUpstream, pacing: dict[str, Any]) -> AsyncIterator[Gateway]:
    provider = {"kind": "openai-compatible", "base_url": upstream.base_url, "api_key": "k", "pacing": pacing}
    with tempfile.TemporaryDirectory() as folder, gateways(Path(folder)) as make:
        gateway = make(providers={"mock": provider}, policies={"tenants": TENANTS, "access": ACCESS})
        gateway.key = _key(gateway, "quiet")
        yield await asyncio.to_thread(gateway.start)


def _key(gateway: Gateway, tenant: str) -> str:
    said = gateway.cli("keys", "create", "--tenant", tenant, "--team", "a", "--owner", "bench", "--json")
    return json.loads(said.stdout)["key"]


async def ask(
    gateway: Gateway, key: str, clients: int, until: float, think_s: float = 0.0, spread_s: float = 0.0
) -> list[float]:
    """Latencies of answers to clients that each ask, wait for the answer, think, and ask again."""
    taken: list[float] = []

    async def one(client: httpx.AsyncClient, number: int) -> None:
        chance = random.Random(number)
        await asyncio.sleep(spread_s * number / clients)
        while time.monotonic() < until:
            began = time.monotonic()
            answer = await client.post("/chat/completions", json=BODY)
            if answer.status_code == 200:
                taken.append(time.monotonic() - began)
            await asyncio.sleep(think_s * chance.uniform(0.5, 1.5) if answer.status_code == 200 else 0.05)

    headers, limits = {"authorization": f"Bearer {key}"}, httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=60, limits=limits) as client:
        await asyncio.gather(*(one(client, number) for number in range(clients)))
    return taken


def p95(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


async def flooded(pacing: dict[str, Any], seconds: float) -> tuple[float, float, int]:
    """(p95 of the quiet tenant alone, p95 beside a flood, answers to the flood)."""
    async with ScriptedUpstream({PATH: Narrow()}) as upstream, serving(upstream, pacing) as gateway:
        flood_key = await asyncio.to_thread(_key, gateway, "flood")
        await asyncio.sleep(1)
        alone = await ask(gateway, gateway.key, 4, time.monotonic() + seconds, 0.1)
        until = time.monotonic() + seconds + 3 * TAKES_S
        flood = asyncio.create_task(ask(gateway, flood_key, FLOOD_CLIENTS, until, spread_s=2 * TAKES_S))
        await asyncio.sleep(2.5 * TAKES_S)
        beside = await ask(gateway, gateway.key, 4, time.monotonic() + seconds, 0.1)
        return p95(alone), p95(beside), len(await flood)


async def refused_part(pacing: dict[str, Any], seconds: float) -> tuple[int, int]:
    """(calls that reached the upstream, those of them that it refused), when more is asked than it lets through."""
    narrow = RateLimited()
    async with ScriptedUpstream({PATH: narrow}) as upstream, serving(upstream, pacing) as gateway:
        await ask(gateway, gateway.key, 24, time.monotonic() + seconds)
    return narrow.asked, narrow.refused


async def _opened() -> None:
    return


PLAIN = [("content-type", "application/json"), ("date", "Sat, 15 Nov 2025 00:56:36 GMT"), ("x-request-id", "req_1"),
         ("openai-processing-ms", "12"), ("openai-version", "2020-10-01"), ("cf-ray", "x"), ("server", "cloudflare"),
         ("content-length", "500"), ("strict-transport-security", "max-age=31536000")]  # fmt: skip
OPENAI = [*PLAIN, ("x-ratelimit-limit-requests", "10000"), ("x-ratelimit-limit-tokens", "30000000"),
          ("x-ratelimit-remaining-requests", "9999"), ("x-ratelimit-remaining-tokens", "29999936"),
          ("x-ratelimit-reset-requests", "6ms"), ("x-ratelimit-reset-tokens", "0s")]  # fmt: skip
ANTHROPIC = [*PLAIN, *((f"anthropic-ratelimit-{what}-{part}", value)
             for what in ("requests", "tokens", "input-tokens", "output-tokens")
             for part, value in (("limit", "4000000"), ("remaining", "3999000"), ("reset", "2025-11-15T00:56:37Z")))]  # fmt: skip


def costs() -> Iterable[Figure]:
    """What the gates cost a call that none of them holds back."""
    record = Record(id="0-1", started_ns=0, tenant="t", team="a", key_id="k", operation="chat", bytes_in=300)
    call = Call(operation=OPERATIONS[0], headers={}, record=record, open=_opened, fields=NoFields(), arrived=0.0)
    call.caller = Principal(key_id="k", tenant="t", team="a")
    for name, headers, bar, every_ms in (
        ("an upstream that tells nothing", PLAIN, 2.0, None),
        ("with OpenAI's headers", OPENAI, 2.0, 1.0),
        ("with Anthropic's headers", ANTHROPIC, 2.0, 1.0),
        ("with OpenAI's headers, read on every answer", OPENAI, None, 100.0),
        ("with Anthropic's headers, read on every answer", ANTHROPIC, None, 100.0),
    ):
        clock = [0.0]
        step_s = (every_ms or 1.0) / 1000
        paced = Pacer(PacingOptions(), "mock", 1, rough_demand, lambda clock=clock: clock[0], time.time)

        def one(
            paced: Pacer = paced, clock: list[float] = clock, step_s: float = step_s, headers: Any = headers
        ) -> None:
            clock[0] += step_s
            left = paced.leave(call, "m")
            assert left is not None
            paced.hear(left, 200, headers)
            paced.end(left)

        one()
        yield Figure(f"at the gate, {name}", _best_us(one), "µs a call", bar)


def _best_us(action: Callable[[], None]) -> float:
    """Microseconds, the best of many short runs: whatever else runs on the machine is not in all of them."""
    best = float("inf")
    for _ in range(300):
        began = time.perf_counter()
        for _ in range(200):
            action()
        best = min(best, (time.perf_counter() - began) / 200 * 1e6)
    return best


async def measured(seconds: float) -> list[Figure]:
    fair = {"concurrency": CAPACITY, "max_queue": 200, "max_wait_s": 30, "learn": False}
    figures: list[Figure] = []
    for name, pacing, bar in (("shared by weight", fair, 1.2), ("first come, first served", {"learn": False}, None)):
        alone, beside, flood = await flooded(pacing, seconds)
        figures.append(Figure(f"{name}: p95 of the quiet tenant alone", alone * 1000, "ms"))
        figures.append(Figure(f"{name}: p95 beside a flood ({flood} answers to it)", beside * 1000, "ms"))
        figures.append(Figure(f"{name}: ratio", beside / alone, "×", bar))
    for name, pacing, bar in (("learned", {}, 2.0), ("not learned", {"learn": False}, None)):
        asked, refused = await refused_part(pacing, seconds)
        figures.append(Figure(f"limits {name}: 429s of {asked} calls upstream", 100 * refused / asked, "%", bar))
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each load lasts")
    options = parser.parse_args()
    figures = [*costs(), *asyncio.run(measured(options.seconds))]
    for figure in figures:
        bar = "" if figure.bar is None else f"   bar {figure.bar:g}: {'kept' if figure.kept else 'NOT KEPT'}"
        print(f"{figure.says:<72} {figure.measured:>9.2f} {figure.unit}{bar}")
    return 0 if all(figure.kept for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
