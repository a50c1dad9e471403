"""HTTP/2 by Granian, in the place of the gateway's own server: the same answers."""

import asyncio

import httpx
from pyreqwest.client import ClientBuilder
from pyreqwest.http import Url

from gateway.testing import DONE, ScriptedUpstream, event, event_stream, json_answer
from tests.conftest import GatewayFactory

CHAT = "/v1/chat/completions"
ANSWER = {"id": "a", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}}
BODY = {"model": "test-model", "messages": []}


async def test_whole_answers_streams_refusals_and_both_versions(make_gateway: GatewayFactory) -> None:
    stream = event_stream(event({"choices": [], "usage": ANSWER["usage"]}), DONE)
    async with ScriptedUpstream({CHAT: [json_answer(ANSWER), stream, json_answer(ANSWER)]}) as upstream:
        gateway = await asyncio.to_thread(make_gateway(upstream.base_url, server={"http": "auto"}).start)
        url = f"{gateway.base_url}/chat/completions"
        two, one = ClientBuilder().http2_prior_knowledge().build(), ClientBuilder().http1_only().build()
        found: list[tuple[str, int, bytes]] = []
        async with two, one:
            for client, key, body in (
                (two, gateway.key, b'{"model": "test-model"}'),
                (two, gateway.key, b'{"model": "test-model", "stream": true}'),
                (two, "gw-wrong", b'{"model": "test-model"}'),
                (one, gateway.key, b'{"model": "test-model"}'),
            ):
                headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
                answer = await client.post(Url(url)).headers(headers).body_bytes(body).build().send()
                found.append((answer.version, answer.status, bytes(await answer.bytes())))
        assert [one[:2] for one in found] == [
            ("HTTP/2.0", 200),
            ("HTTP/2.0", 200),
            ("HTTP/2.0", 401),
            ("HTTP/1.1", 200),
        ]
        assert found[1][2].endswith(DONE)
        assert b"invalid" in found[2][2]
        assert [row["outcome"] for row in await asyncio.to_thread(gateway.records, 3)][:3] == ["completed"] * 3


async def test_a_hang_up_stops_the_upstream_there_as_well(make_gateway: GatewayFactory) -> None:
    async with ScriptedUpstream({CHAT: event_stream(*[event({"choices": []}), 0.05] * 2_000)}) as upstream:
        gateway = await asyncio.to_thread(make_gateway(upstream.base_url, server={"http": "auto"}).start)
        headers = {"authorization": f"Bearer {gateway.key}"}
        async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=20) as client:
            async with client.stream("POST", "/chat/completions", json={**BODY, "stream": True}) as answer:
                await anext(answer.aiter_bytes())
        async with asyncio.timeout(10):
            while upstream.requests[0].closed_at is None:
                await asyncio.sleep(0.02)
