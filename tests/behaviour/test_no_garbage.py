"""What a call was made of is freed when it ends: where the collector has to find it, it costs a sixth of the call."""

import asyncio
import json
import os
import subprocess
import sys

import pytest

from gateway.testing import DONE, Received, Script, ScriptedUpstream, Write, event, event_stream, json_answer
from tests.behaviour.garbage import CALLS
from tests.conftest import ROOT, GatewayFactory

CHOICE = {"index": 0, "finish_reason": "stop"}
WHOLE = json_answer({"id": "c", "choices": [{**CHOICE, "message": {"role": "assistant", "content": "yes"}}]})
STREAM = event_stream(event({"id": "c", "choices": [{**CHOICE, "delta": {"content": "yes"}}]}), DONE)
POLICIES = {
    "guardrails": "guards: [{id: pii, on: [input, output], detect: [personal_data], action: redact}]",
    "cache": "rules: [{id: all, ttl_s: 60}]",
    "routes": "routes: {test-model: {strategy: least_latency, hedge: {min_ms: 2000}}}",
}


async def either(received: Received, write: Write) -> None:
    await (STREAM if received.json()["stream"] else WHOLE)(received, write)


async def slowly(received: Received, write: Write) -> None:
    """So that the client is watched meanwhile."""
    await asyncio.sleep(0.1)
    await either(received, write)


@pytest.mark.parametrize("script", [either, slowly], ids=["at once", "slowly"])
@pytest.mark.parametrize("policies", [{}, POLICIES], ids=["plain", "guarded, cached and routed"])
async def test_calls_leave_nothing_to_the_collector(
    make_gateway: GatewayFactory, policies: dict[str, str], script: Script
) -> None:
    async with ScriptedUpstream({"*": script}) as upstream:
        gateway = make_gateway(upstream.base_url, policies=policies)
        key = await asyncio.to_thread(gateway.create_key)
        command = [sys.executable, "-m", "tests.behaviour.garbage", str(gateway.config_file), key, "test-model"]
        metrics = gateway.state / "run" / "metrics"
        metrics.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"statuses": {"200": 2 * CALLS, "404": CALLS}, "found": {}}
