"""The journals have no more room: new calls are refused, or served and counted, as `metering.on_journal_failure` says."""

import asyncio
from typing import Literal

import httpx
import pytest

from gateway.testing import ScriptedUpstream, json_answer
from tests.conftest import GatewayFactory

CHAT = "/v1/chat/completions"
ANSWER = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
}
BODY = {"model": "test-model", "messages": []}


@pytest.mark.parametrize("told", ["serve", "refuse"])
async def test_a_full_journal_serves_or_refuses_as_it_is_told(
    told: Literal["serve", "refuse"], make_gateway: GatewayFactory
) -> None:
    async with ScriptedUpstream({CHAT: json_answer(ANSWER)}) as upstream:
        gateway = make_gateway(upstream.base_url, journal={"max_bytes": 1}, metering={"on_journal_failure": told})
        await asyncio.to_thread(gateway.start)
        headers = {"authorization": f"Bearer {gateway.key}"}
        async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=20) as client:
            answers = [await client.post("/chat/completions", json=BODY) for _ in range(4)]
        statuses = [answer.status_code for answer in answers]
        asked = len(upstream.requests)
        failures = await gateway.metrics("gateway_journal_failures_total")
        if told == "serve":
            assert (statuses, asked) == ([200] * 4, 4)
        else:
            assert (statuses, asked) == ([503] * 4, 0)
            assert {answer.json()["error"]["code"] for answer in answers} == {"metering_unavailable"}
            assert "Traceback" not in gateway.log(), "a full disk is no bug"
        assert failures == 8, "of each call the beginning and the end"
        assert await asyncio.to_thread(gateway.stop) == 0
        assert gateway.records() == [], "what had no room is lost, and said to be"
