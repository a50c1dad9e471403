"""What a call was made of is freed when it ends: where the collector has to find it, it costs a sixth of the call."""

import asyncio
import json
import os
import subprocess
import sys

import pytest

from gateway.testing import DONE, Received, ScriptedUpstream, Write, body_answer, event, event_stream, json_answer
from tests.behaviour.garbage import CALLS
from tests.conftest import ROOT, GatewayFactory

CHOICE = {"index": 0, "finish_reason": "stop"}
WHOLE = json_answer({"id": "c", "choices": [{**CHOICE, "message": {"role": "assistant", "content": "yes"}}]})
STREAM = event_stream(event({"id": "c", "choices": [{**CHOICE, "delta": {"content": "yes"}}]}), DONE)
POLICIES = {
    "guardrails": "guards: [{id: pii, on: [input, output], detect: [personal_data], action: redact}]",
    "cache": "rules: [{id: all, ttl_s: 60}]",
    "routes": """
        retries: {max_attempts: 3, base_ms: 1, max_ms: 5}
        retry_budget: {at_least: 1_000}
        ejection: {enabled: false}
        routes: {test-model: {strategy: least_latency, hedge: {after_ms: 20}}}
    """,
}


async def either(received: Received, write: Write) -> None:
    await (STREAM if received.json().get("stream") else WHOLE)(received, write)


async def slowly(received: Received, write: Write) -> None:
    """So that the client is watched meanwhile."""
    await asyncio.sleep(0.1)
    await either(received, write)


async def cut(received: Received, write: Write) -> None:
    await write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{")
    raise ConnectionResetError


NONSENSE = body_answer(b"{", "application/json")
SCRIPTS = {"at once": (either, 200), "slowly": (slowly, 200), "cut off": (cut, 502), "no JSON": (NONSENSE, 502)}
TARGETS = {"test-model": {"targets": ["mock/real-model", "mock/other-model"]}}


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("policies", [{}, POLICIES], ids=["plain", "guarded, cached and routed"])
async def test_calls_leave_nothing_to_the_collector(
    make_gateway: GatewayFactory, policies: dict[str, str], script: str
) -> None:
    answer, status = SCRIPTS[script]
    async with ScriptedUpstream({"*": answer}) as upstream:
        gateway = make_gateway(upstream.base_url, policies=policies, models=TARGETS)
        key = await asyncio.to_thread(gateway.create_key)
        command = [sys.executable, "-m", "tests.behaviour.garbage", str(gateway.config_file), key, "test-model"]
        metrics = gateway.state / "run" / "metrics"
        metrics.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"statuses": {str(status): 2 * CALLS, "404": CALLS}, "found": {}}
