"""Limits that several gateways, and several workers of one, share in a real Redis."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.testing import ScriptedUpstream, json_answer, raw
from tests.behaviour.test_lifecycle import ANSWER, CHAT
from tests.conftest import Gateway, GatewayFactory, within
from tests.redis_servers import RedisServer

SECRET = "of-the-shared-redis"
CHAT_BODY = {"model": "test-model", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis", f"requirepass {SECRET}")
    server.client = type(server.client)(port=server.port, password=SECRET)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream({CHAT: json_answer(ANSWER)}) as upstream:
        yield upstream


def options(redis: RedisServer, **store: Any) -> dict[str, Any]:
    return {
        "redis": {"url": redis.url, "password": "${env:REDIS_PASSWORD}"},
        # Patience for a busy machine; what is about patience says so.
        "limits_store": {"kind": "redis", "timeout_ms": 2_000, **store},
    }


def limits(**limit: Any) -> dict[str, str]:
    return {"limits": json.dumps({"limits": [{"id": "shared", "per": ["tenant"], **limit}]})}


async def start(*gateways: Gateway) -> None:
    for gateway in gateways:
        await asyncio.to_thread(lambda gateway=gateway: gateway.start(REDIS_PASSWORD=SECRET))


class Callers:
    """Somebody with a good key at each gateway."""

    def __init__(self, gateways: tuple[Gateway, ...], clients: list[httpx.AsyncClient]) -> None:
        self.gateways = gateways
        self._clients = clients

    async def chat(self, at: int = 0) -> httpx.Response:
        return await self._clients[at % len(self._clients)].post("/chat/completions", json=CHAT_BODY)

    async def ready(self, at: int = 0) -> dict[str, Any]:
        answer = await self._clients[at].get(self.gateways[at].url + "/health/ready")
        return answer.json()

    async def wait_until_store_is(self, word: str) -> None:
        async with within(15):
            for at in range(len(self.gateways)):
                while (await self.ready(at))["limits_store"] != word:
                    await asyncio.sleep(0.05)


@pytest_asyncio.fixture
async def call() -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:

        async def callers(*gateways: Gateway) -> Callers:
            await start(*gateways)
            clients = [
                await stack.enter_async_context(
                    httpx.AsyncClient(base_url=one.base_url, headers={"authorization": f"Bearer {one.key}"}, timeout=20)
                )
                for one in gateways
            ]
            found = Callers(gateways, clients)
            await found.wait_until_store_is("ok")
            return found

        yield callers


async def test_two_gateways_share_a_limit_to_the_last_call(
    make_gateway: GatewayFactory, upstream: ScriptedUpstream, redis_server: RedisServer, call: Any
) -> None:
    policies = limits(requests_per_hour=30)
    two = [make_gateway(upstream.base_url, policies=policies, **options(redis_server)) for _ in range(2)]
    callers = await call(*two)
    answers = await asyncio.gather(*(callers.chat(number) for number in range(60)))
    assert sorted(answer.status_code for answer in answers) == [200] * 30 + [429] * 30
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert SECRET not in "".join(gateway.log() for gateway in two)


async def test_workers_of_one_gateway_share_without_consent_to_anything_else(
    make_gateway: GatewayFactory, upstream: ScriptedUpstream, redis_server: RedisServer, call: Any
) -> None:
    gateway = make_gateway(
        upstream.base_url, policies=limits(requests_per_hour=10), server={"workers": 2}, **options(redis_server)
    )
    assert gateway.cli("check", check=False).returncode == 0
    callers = await call(gateway)
    unused, heard = httpx.Limits(max_keepalive_connections=0), 0
    async with within(20), httpx.AsyncClient(base_url=gateway.url, limits=unused, timeout=20) as client:
        while heard < 12:  # each connection may meet either worker, and either may be the later to have found Redis
            heard = heard + 1 if (await client.get("/health/ready")).json()["limits_store"] == "ok" else 0
    answers = await asyncio.gather(*(callers.chat() for _ in range(25)))
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [429] * 15


async def test_calls_go_on_while_redis_is_away_and_after_it_is_back(
    make_gateway: GatewayFactory, upstream: ScriptedUpstream, redis_server: RedisServer, call: Any
) -> None:
    gateway = make_gateway(
        upstream.base_url,
        policies=limits(requests_per_hour=5, concurrent_requests=3),
        **options(redis_server, timeout_ms=100),
    )
    callers = await call(gateway)
    assert (await callers.chat()).status_code == 200
    await callers.wait_until_store_is("ok")  # a busy machine may have kept that call waiting for Redis too long
    assert await gateway.metrics("gateway_limit_store_away") == 0
    redis_server.signal(signal.SIGSTOP)
    began = time.monotonic()
    assert [(await callers.chat()).status_code for _ in range(2)] == [200, 200]
    assert time.monotonic() - began < 10.0, "one of them waited for Redis, for as long as it is let wait"
    await callers.wait_until_store_is("away")
    assert await gateway.metrics("gateway_limit_store_away") == 1
    assert await gateway.metrics('gateway_limit_store_errors_total{reason="timeout"}') > 0
    redis_server.signal(signal.SIGCONT)
    await callers.wait_until_store_is("ok")
    assert await gateway.metrics("gateway_limit_store_away") == 0
    assert (await callers.chat()).status_code == 200
    assert len(callers.gateways[0].worker_pids()) == 1
    assert "starting it again" not in gateway.log(), "no restart"


async def test_a_limit_may_refuse_while_redis_is_away(
    make_gateway: GatewayFactory, upstream: ScriptedUpstream, redis_server: RedisServer, call: Any
) -> None:
    policies = limits(requests_per_hour=5, on_store_failure="refuse")
    callers = await call(make_gateway(upstream.base_url, policies=policies, **options(redis_server, timeout_ms=100)))
    redis_server.kill()
    await callers.wait_until_store_is("away")
    refused = await callers.chat()
    assert refused.status_code == 503
    assert len(upstream.requests) == 0
    redis_server.start()
    await callers.wait_until_store_is("ok")
    async with within(20):  # where Redis is too slow for it, a call is refused as well
        while (await callers.chat()).status_code != 200:
            await asyncio.sleep(0.1)


async def test_a_budget_survives_a_redis_that_comes_back_empty(
    make_gateway: GatewayFactory, upstream: ScriptedUpstream, redis_server: RedisServer, call: Any
) -> None:
    gateway = make_gateway(upstream.base_url, policies=limits(requests_per_month=3), **options(redis_server))
    callers = await call(gateway)
    assert [(await callers.chat()).status_code for _ in range(2)] == [200, 200]
    await asyncio.to_thread(gateway.records, 2)
    redis_server.kill()
    await callers.wait_until_store_is("away")
    redis_server.start()
    await callers.wait_until_store_is("ok")
    assert [(await callers.chat()).status_code for _ in range(2)] == [200, 429]


async def test_a_gateway_that_was_killed_leaves_no_call_under_way(
    make_gateway: GatewayFactory, upstream: ScriptedUpstream, redis_server: RedisServer, call: Any
) -> None:
    policies = limits(concurrent_requests=1)
    dying, other = [
        make_gateway(upstream.base_url, policies=policies, **options(redis_server, hold_s=3)) for _ in range(2)
    ]
    callers = await call(dying, other)
    upstream.set(CHAT, raw(60.0))
    hanging = asyncio.create_task(callers.chat(0))
    async with within(10):
        while not upstream.requests:
            await asyncio.sleep(0.01)
    upstream.set(CHAT, json_answer(ANSWER))
    assert (await callers.chat(1)).status_code == 429
    dying.kill()
    with pytest.raises(httpx.HTTPError):
        await hanging
    async with within(10):
        while (await callers.chat(1)).status_code != 200:
            await asyncio.sleep(0.1)


def test_redis_needs_to_be_said_where_it_is(make_gateway: GatewayFactory) -> None:
    gateway = make_gateway(limits_store={"kind": "redis"})
    said = gateway.cli("check", check=False)
    assert said.returncode == 1
    assert "needs `redis:`" in said.stdout
