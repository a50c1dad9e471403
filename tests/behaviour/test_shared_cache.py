"""Two replicas with one Redis: what one has answered, the other need not ask; and nothing fails while Redis is away."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.testing import DONE, Gated, ScriptedUpstream, event_stream, json_answer, status
from tests.behaviour.cached_desk import ANSWER, CHAT, CHUNKS, END
from tests.conftest import Gateway, gateways, within
from tests.redis_servers import RedisServer, eventually

CACHE = "rules: [{id: all, ttl_s: 3600}]\n"


class Pair:
    def __init__(self, gateways: list[Gateway], upstream: ScriptedUpstream, redis: RedisServer) -> None:
        self.gateways, self.upstream, self.redis = gateways, upstream, redis
        self.clients = [
            httpx.AsyncClient(base_url=one.base_url, headers={"authorization": f"Bearer {one.key}"}, timeout=20)
            for one in gateways
        ]

    async def ask(self, which: int, said: str, **fields: Any) -> httpx.Response:
        body = {"model": "test-model", "messages": [{"role": "user", "content": said}], **fields}
        return await self.clients[which].post("/chat/completions", json=body)


@pytest_asyncio.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    redis = RedisServer(tmp_path / "redis").start()
    try:
        async with ScriptedUpstream({CHAT: json_answer(ANSWER)}) as upstream:
            with gateways(tmp_path) as make:
                wiring: dict[str, Any] = {"redis": {"url": redis.url}, "cache": {"redis": True, "timeout_ms": 1_000}}
                made = [make(upstream.base_url, policies={"cache": CACHE}, **wiring) for _ in range(2)]
                for one in made:
                    await asyncio.to_thread(one.start)
                pair = Pair(made, upstream, redis)
                asked_of: Any = redis.client
                # Two of each: its cache's, and that for what routes find out. It serves without them as well.
                await eventually(lambda: sum(one["name"] == "llm-gateway" for one in asked_of.client_list()) >= 4, 20)
                yield pair
                for client in pair.clients:
                    await client.aclose()
    finally:
        redis.kill()


async def test_one_answers_what_the_other_has_asked(pair: Pair) -> None:
    first, second = [await pair.ask(which, "shared") for which in (0, 1)]
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("miss", "hit")
    assert first.content == second.content
    pair.upstream.set(CHAT, event_stream(*CHUNKS, END, DONE))
    streams = [await pair.ask(which, "shared", stream=True, stream_options={"include_usage": True}) for which in (0, 1)]
    assert [one.headers["x-cache"] for one in streams] == ["miss", "hit"]
    assert streams[0].content == streams[1].content
    assert len(pair.upstream.requests) == 2


async def test_at_once_only_one_of_them_asks(pair: Pair) -> None:
    script = Gated(json_answer(ANSWER))
    pair.upstream.set(CHAT, script)
    asking = [asyncio.create_task(pair.ask(number % 2, "at once")) for number in range(10)]
    await script.begun.wait()
    await asyncio.sleep(0.3)
    script.gate.set()
    answers = await asyncio.gather(*asking)
    assert sorted(one.headers["x-cache"] for one in answers) == ["hit"] * 9 + ["miss"]
    assert len(pair.upstream.requests) == 1


async def test_what_failed_for_one_the_other_may_ask_at_once(pair: Pair) -> None:
    pair.upstream.set(CHAT, status(400))
    assert (await pair.ask(0, "fails")).status_code == 400
    pair.upstream.set(CHAT, json_answer(ANSWER))
    assert (await pair.ask(1, "fails")).headers["x-cache"] == "miss"


@pytest.mark.parametrize("gone", ["stopped", "killed"])
async def test_while_redis_is_away_each_has_its_own(pair: Pair, gone: str) -> None:
    if gone == "stopped":
        pair.redis.signal(signal.SIGSTOP)
    else:
        pair.redis.kill()
    told = [(await pair.ask(which, "away")).headers["x-cache"] for which in (0, 1, 0, 1)]
    assert told == ["miss", "miss", "hit", "hit"]

    async def away(expected: int) -> None:
        async with within(30):
            for one in pair.gateways:
                while await one.metrics("gateway_cache_store_away") != expected:
                    await asyncio.sleep(0.1)

    await away(1)
    if gone == "stopped":
        pair.redis.signal(signal.SIGCONT)
    else:
        pair.redis.start()
    await away(0)
    assert [(await pair.ask(which, "back")).headers["x-cache"] for which in (0, 1)] == ["miss", "hit"]
