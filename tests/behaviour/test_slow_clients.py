"""Clients that are slow on purpose: no wait without a bound, and no memory without one."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway.testing import Received, Write, json_answer
from tests.conftest import Gateway, GatewayFactory, Site, within

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
QUICK = {"server": {"header_s": 1.0}, "patience": {"request_body_s": 1.0, "response_write_s": 1.0}}


def head(gateway: Gateway, length: int) -> bytes:
    return f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key}\r\ncontent-length: {length}\r\n\r\n".encode()


def resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20


async def test_slow_headers_and_slow_bodies_end(make_gateway: GatewayFactory, fresh: Site) -> None:
    gateway = await asyncio.to_thread(make_gateway(fresh.upstream.base_url, **QUICK).start)
    async with within(15):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost:")
        assert await reader.read() == b"", "a head that does not come is given up"
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(head(gateway, 1000) + b'{"model": ')
        status_line = await reader.readline()
        assert b" 408 " in status_line
        assert b'"request_timeout"' in await reader.readuntil(b"}}")
        writer.close()
    assert fresh.upstream.requests == []


async def test_a_client_that_never_reads_costs_bounded_memory_and_is_given_up(
    make_gateway: GatewayFactory, fresh: Site
) -> None:
    gateway = await asyncio.to_thread(make_gateway(fresh.upstream.base_url, **QUICK).start)
    event = b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": "x" * 65_000}}]}).encode() + b"\n\n"
    sent = 0

    async def flood(_received: Received, write: Write) -> None:
        nonlocal sent
        await write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(5_000):
            await write(b"%x\r\n%s\r\n" % (len(event), event))
            sent += len(event)

    fresh.upstream.set(CHAT, flood)
    (worker,) = gateway.worker_pids()
    before = resident_mib(worker)
    body = b'{"model": "test-model", "messages": [], "stream": true}'
    _reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1024)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(head(gateway, len(body)) + body)
    async with within(20):
        while not fresh.upstream.requests or fresh.upstream.requests[-1].closed_at is None:
            await asyncio.sleep(0.05)
    assert sent < 100 * 2**20, "of 325 MB the upstream could send only a part"
    assert resident_mib(worker) - before < 40
    (record,) = await asyncio.to_thread(gateway.records, 1)
    assert (record["outcome"], record["usage_source"]) == ("cancelled", "estimate")
    writer.close()


async def test_the_pace_of_an_upstream_is_kept_and_the_wait_is_said(make_gateway: GatewayFactory, fresh: Site) -> None:
    pacing = {"requests_per_minute": 600, "max_queue": 3, "max_wait_s": 5}
    provider = {"kind": "openai-compatible", "base_url": fresh.upstream.base_url, "api_key": "k", "pacing": pacing}
    gateway = await asyncio.to_thread(make_gateway(providers={"mock": provider}).start)
    fresh.upstream.set(CHAT, json_answer({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}))
    headers = {"authorization": f"Bearer {gateway.key}"}
    url = f"{gateway.base_url}/chat/completions"
    calls = [fresh.client.post(url, headers=headers, json={"model": "test-model"}) for _ in range(30)]
    answers = await asyncio.gather(*calls)
    served = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(served) + len(refused) == 30
    assert refused, "a queue of three does not hold them all"
    assert refused[0].json()["error"]["code"] == "engine_overloaded"
    assert int(refused[0].headers["retry-after"]) >= 1
    assert any(int(answer.headers.get("x-gateway-queue-ms", 0)) > 50 for answer in served)
    assert len(fresh.upstream.requests) == len(served)


AZURE = {
    "the deployments path": (
        {"api_version": "2026-01-01"},
        "/openai/deployments/gpt-4o/chat/completions?api-version=2026-01-01",
    ),
    "the v1 path": ({}, "/openai/v1/chat/completions"),
}


@pytest.mark.parametrize("which", AZURE)
async def test_azure(make_gateway: GatewayFactory, fresh: Site, which: str) -> None:
    options, path = AZURE[which]
    base = fresh.upstream.base_url.removesuffix("/v1")
    provider = {"kind": "azure", "base_url": base, "api_key": "azure-key", **options}
    gateway = await asyncio.to_thread(
        make_gateway(providers={"az": provider}, models={"test-model": {"targets": ["az/gpt-4o"]}}).start
    )
    fresh.upstream.set(
        path.partition("?")[0], json_answer({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}})
    )
    answer = await fresh.client.post(
        f"{gateway.base_url}/chat/completions",
        headers={"authorization": f"Bearer {gateway.key}"},
        json={"model": "test-model"},
    )
    assert answer.status_code == 200
    received = fresh.upstream.requests[-1]
    assert received.path == path
    assert received.headers["api-key"] == "azure-key"
    assert "authorization" not in received.headers
