"""What the log says of a gateway with several workers: of its end, and each thing once."""

import asyncio
import json
import os
import signal
import socket
import time
from typing import Any

import httpx
import pytest

from gateway.config import child_environment
from gateway.processes import Worker, WorkerSpec
from gateway.telemetry.metrics import fresh_folder
from gateway.testing import DONE, ScriptedUpstream, event, event_stream
from tests.conftest import ACCESS, Gateway, GatewayFactory, within

CHAT = "/v1/chat/completions"
BODY = {"model": "test-model", "messages": [], "stream": True}
TWO = {"workers": 2, "limits_per_worker": True}


def answer_of(events: int) -> Any:
    """Ten events a second."""
    one = event({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "x"}}]})
    steps: list[bytes | float] = [step for _ in range(events) for step in (one, 0.1)]
    return event_stream(*steps, event({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}), DONE)


def said(gateway: Gateway, begins: str) -> list[tuple[str, str]]:
    """Level and words of the log's messages that begin so."""
    lines = [json.loads(line) for line in gateway.log().splitlines() if line.startswith('{"event":"message"')]
    return [(one["level"], one["message"]) for one in lines if one["message"].startswith(begins)]


async def stopped(gateway: Gateway, upstream: ScriptedUpstream, calls: int) -> list[bytes]:
    """The answers of calls under way while the gateway is told to end, and has ended."""
    assert gateway.process is not None
    headers = {"authorization": f"Bearer {gateway.key}"}
    async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=30) as client:
        under_way = [asyncio.create_task(client.post("/chat/completions", json=BODY)) for _ in range(calls)]
        async with within(20):
            while len(upstream.requests) < calls:
                await asyncio.sleep(0.01)
        gateway.process.send_signal(signal.SIGTERM)
        answers = await asyncio.gather(*under_way)
    assert await asyncio.to_thread(gateway.process.wait, 40) == 0
    return [answer.content for answer in answers]


async def test_a_stop_in_order_is_two_lines_whatever_the_number_of_workers(make_gateway: GatewayFactory) -> None:
    async with ScriptedUpstream({CHAT: answer_of(30)}) as upstream:
        gateway = make_gateway(upstream.base_url, server={**TWO, "grace_s": 30, "drain_delay_s": 0.5})
        await asyncio.to_thread(gateway.start)
        async with within(20):
            while len(gateway.worker_pids()) < 2:
                await asyncio.sleep(0.05)
        answers = await stopped(gateway, upstream, 3)
    assert all(answer.endswith(DONE) for answer in answers)
    begun = "stopping on SIGTERM: 3 calls are under way and may finish within 30 s; new calls are taken for 0.5 s more"
    assert said(gateway, "stopping") == [("info", begun)]
    assert said(gateway, "stopped") == [("info", "stopped: no call was cut; all is in the ledger")]


async def test_what_the_grace_does_not_suffice_for_is_counted_at_the_end(make_gateway: GatewayFactory) -> None:
    async with ScriptedUpstream({CHAT: answer_of(1000)}) as upstream:
        gateway = make_gateway(upstream.base_url, server={**TWO, "grace_s": 0.5})
        await asyncio.to_thread(gateway.start)
        answers = await stopped(gateway, upstream, 2)
    assert all(b"shutting_down" in answer for answer in answers)
    assert said(gateway, "stopping") == [
        ("info", "stopping on SIGTERM: 2 calls are under way and may finish within 0.5 s")
    ]
    ended = "stopped: 2 calls were cut, for 0.5 s of grace were not enough; all is in the ledger"
    assert said(gateway, "stopped") == [("warning", ended)]


async def test_a_worker_that_dies_while_it_drains_is_told_of(make_gateway: GatewayFactory) -> None:
    async with ScriptedUpstream({CHAT: answer_of(1000)}) as upstream:
        gateway = make_gateway(upstream.base_url, server={"grace_s": 30})
        await asyncio.to_thread(gateway.start)
        assert gateway.process is not None
        (worker,) = gateway.worker_pids()
        headers = {"authorization": f"Bearer {gateway.key}"}
        async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=30) as client:
            call = asyncio.create_task(client.post("/chat/completions", json=BODY))
            async with within(20):
                while not upstream.requests:
                    await asyncio.sleep(0.01)
                gateway.process.send_signal(signal.SIGTERM)
                while not said(gateway, "stopping on SIGTERM: 1 call is under way"):
                    await asyncio.sleep(0.02)
            os.kill(worker, signal.SIGKILL)
            with pytest.raises(httpx.HTTPError):
                await call
        assert await asyncio.to_thread(gateway.process.wait, 20) == 0
    died = "stopped: 1 of the workers died before the end, with the calls that they still had; all is in the ledger"
    assert said(gateway, "stopped") == [("warning", died)]


async def test_a_worker_that_is_just_being_started_ends_too(make_gateway: GatewayFactory) -> None:
    gateway = make_gateway()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        spec = WorkerSpec(str(gateway.config_file), 0, 1, listener.fileno())
        fresh_folder(gateway.folder / "metrics")
        worker = Worker(spec, child_environment(gateway.folder / "metrics"), time.monotonic, lambda _: None)
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(0)
        assert worker.pid is None
        worker.stop()
        try:
            async with within(10):
                await running
        finally:
            worker.kill()
    assert not worker.died


async def test_what_all_workers_follow_is_told_once(make_gateway: GatewayFactory) -> None:
    gateway = make_gateway(server=TWO)
    prompt = gateway.folder / "policies" / "prompts" / "demo" / "prompt.yaml"
    prompt.parent.mkdir(parents=True)
    prompt.write_text("nonsense: 1\n")
    await asyncio.to_thread(gateway.start)
    access = gateway.folder / "policies" / "access.yaml"
    for text, told in (
        (ACCESS + "# said anew\n", "policies reloaded"),
        ("nonsense: 1\n", "policies were not reloaded"),
    ):
        access.write_text(text)
        async with within(20):
            while not said(gateway, told):
                await asyncio.sleep(0.05)
    await asyncio.sleep(1.5)  # by then each of the others would have looked
    for told in ("policies reloaded", "policies were not reloaded", "prompt: "):
        assert len(said(gateway, told)) == 1, told
    await asyncio.to_thread(gateway.stop)
    assert said(gateway, "stopping on SIGTERM: no call is under way")
