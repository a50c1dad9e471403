"""Two gateways that share a Redis: what one finds broken, the other passes over without a failure of its own."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.testing import ScriptedUpstream, json_answer, status
from tests.behaviour.test_routes import CHAT, body, said
from tests.behaviour.test_targets_taken_out import status_of
from tests.conftest import GatewayFactory, within
from tests.redis_servers import running

ROUTES = "ejection: {consecutive: 1, open_s: 60, max_open_s: 60}\nretries: {max_attempts: 2, base_ms: 0}\n"


def provider(upstream: ScriptedUpstream) -> dict[str, Any]:
    return {"kind": "openai-compatible", "base_url": upstream.base_url, "api_key": "k", "protocols": ["chat"]}


@pytest.mark.asyncio
async def test_a_gateway_passes_over_what_another_found_broken(make_gateway: GatewayFactory, tmp_path: Path) -> None:
    async with ScriptedUpstream({}) as broken, ScriptedUpstream({}) as first, ScriptedUpstream({}) as second:
        broken.set(CHAT, status(503))
        first.set(CHAT, json_answer(said("from one")))
        second.set(CHAT, json_answer(said("from two")))
        with running(tmp_path / "redis") as redis:
            finder, hearer = [
                make_gateway(
                    providers={"one": provider(one), "two": provider(second)},
                    models={"fast": {"targets": ["one/m", "two/m"]}, "only": {"targets": ["one/m"]}},
                    policies={"routes": ROUTES},
                    redis={"url": redis.url},
                )
                for one in (broken, first)
            ]
            await asyncio.gather(asyncio.to_thread(finder.start), asyncio.to_thread(hearer.start))

            async def answered(gateway: Any, model: str = "fast") -> str:
                headers = {"authorization": f"Bearer {gateway.key}"}
                async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=20) as client:
                    return (await client.post("/chat/completions", json=body(model=model))).text

            async with within(20):
                asked_of: Any = redis.client
                while sum(one["name"] == "llm-gateway" for one in asked_of.client_list()) < 2:
                    await asyncio.sleep(0.05)
                assert "from one" in await answered(hearer)
                assert "from two" in await answered(finder)
                while (found := await status_of(hearer, "one/m")).get("state") != "open":
                    await asyncio.sleep(0.05)
            assert found["heard"]
            asked = len(first.requests)
            assert "from two" in await answered(hearer)
            assert len(first.requests) == asked
            assert "from one" in await answered(hearer, "only"), "who may go nowhere else goes there all the same"
