"""An upstream's limits, as a real gateway keeps to them: learned from its headers, shown to operators, shared fairly."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from gateway.testing import json_answer
from tests.conftest import GatewayFactory, Site, within

pytestmark = pytest.mark.asyncio(loop_scope="module")
CHAT = "/v1/chat/completions"
ANSWER = {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}


def told(remaining: int, reset: str) -> dict[str, str]:
    return {
        "x-ratelimit-limit-requests": "600",
        "x-ratelimit-remaining-requests": str(remaining),
        "x-ratelimit-reset-requests": reset,
    }


async def test_calls_wait_while_the_upstream_says_that_nothing_is_left(
    make_gateway: GatewayFactory, fresh: Site
) -> None:
    gateway = make_gateway(fresh.upstream.base_url, operators={"admin_key": "gwa-tests", "metrics_key": "gwm-tests"})
    await asyncio.to_thread(gateway.start)
    fresh.upstream.set(CHAT, json_answer(ANSWER, headers=told(0, "60s")))
    headers = {"authorization": f"Bearer {gateway.key}"}
    async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=20) as client:

        async def ask() -> httpx.Response:
            return await client.post("/chat/completions", json={"model": "test-model"})

        assert (await ask()).status_code == 200
        began = time.monotonic()
        answers = await asyncio.gather(*(ask() for _ in range(3)))
        assert [answer.status_code for answer in answers] == [200] * 3
        # Ten a second, from the first on: of the others the last waits for two turns at least, and none for a minute.
        assert 0.2 < time.monotonic() - began < 20
        status: dict[str, Any] = (await _get(client, f"{gateway.url}/admin/status", "gwa-tests")).json()
        lane = status["upstreams"]["mock"]["models"]["real-model"]
        assert lane["learned_limits"] == [{"limit": "requests_per_minute", "maximum": 600, "remaining": 0}]
        assert (lane["in_flight"], lane["queued"]) == (0, 0)
        labels = 'limit="requests_per_minute",model="real-model",provider="mock"'
        learned = f"gateway_upstream_learned_limit{{{labels}}} 600.0"
        async with within(10):  # gauges are set now and then
            while learned not in (metrics := (await _get(client, f"{gateway.url}/metrics", "gwm-tests")).text):
                await asyncio.sleep(0.1)
    assert 'gateway_upstream_queue_depth{provider="mock"} 0.0' in metrics
    assert 'gateway_upstream_queue_wait_seconds_count{provider="mock"}' in metrics
    records = await asyncio.to_thread(gateway.records, 4)
    assert sum(record["queued_us"] > 20_000 for record in records) >= 2


async def test_after_a_429_nobody_asks_until_the_upstream_wants_to_be_asked(
    make_gateway: GatewayFactory, fresh: Site
) -> None:
    gateway = await asyncio.to_thread(make_gateway(fresh.upstream.base_url).start)
    refused = json_answer({"error": {"message": "slow down"}}, 429, {"retry-after": "30"})
    fresh.upstream.set(CHAT, refused, json_answer(ANSWER))
    headers = {"authorization": f"Bearer {gateway.key}"}
    async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=20) as client:
        passed_on = await client.post("/chat/completions", json={"model": "test-model"})
        held_back = await client.post("/chat/completions", json={"model": "test-model"})
    assert (passed_on.status_code, passed_on.json()["error"]["message"]) == (429, "slow down")
    assert (held_back.status_code, held_back.json()["error"]["code"]) == (429, "engine_overloaded")
    assert 25 <= int(held_back.headers["retry-after"]) <= 30
    assert len(fresh.upstream.requests) == 1, "the second was not sent"


async def _get(client: httpx.AsyncClient, url: str, key: str) -> httpx.Response:
    answer = await client.get(url, headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    return answer
