"""A client that hangs up stops the upstream within 100 ms, wherever the call stands, and pays for what was made."""

import asyncio
import json
from collections.abc import Callable

import pytest

from gateway.testing import Received, Script, Write, event, event_stream, raw
from tests.conftest import Site, within
from tests.patience import stood_in_line_s

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"


def delta(text: str) -> bytes:
    return event({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]})


async def open_call(site: Site, **fields: object) -> asyncio.StreamWriter:
    """A chat call sent by hand, so that the connection can be dropped at will."""
    body = json.dumps({"model": "test-model", "messages": [{"role": "user", "content": "x" * 300}], **fields}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", site.gateway.port)
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {site.gateway.key}\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    writer.test_reader = reader
    return writer


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    async with within(seconds):
        while not condition():
            await asyncio.sleep(0.002)


async def hang_up_and_time(site: Site, writer: asyncio.StreamWriter) -> float:
    """Drop the connection; the seconds until the upstream saw its own dropped, but for those in which nobody had a
    core for it."""
    received: Received = site.upstream.requests[-1]
    workers = site.gateway.worker_pids()
    waited_s = stood_in_line_s(workers)
    began = asyncio.get_running_loop().time()
    writer.transport.abort()
    await until(lambda: received.closed_at is not None)
    assert received.closed_at is not None
    return received.closed_at - began - (stood_in_line_s(workers) - waited_s)


STALLS: dict[str, tuple[Script, bool]] = {
    "before the headers, whole": (raw(30.0), False),
    "before the headers, stream": (raw(30.0), True),
    "before the first event": (raw(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n", 30.0), True),
    "in the middle of a whole answer": (raw(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"a"', 30.0), False),
}  # fmt: skip


@pytest.mark.parametrize("where", STALLS)
async def test_while_the_upstream_is_silent(fresh: Site, where: str) -> None:
    script, stream = STALLS[where]
    fresh.upstream.set(CHAT, script)
    writer = await open_call(fresh, stream=stream)
    await until(lambda: fresh.upstream.requests)
    await asyncio.sleep(0.15)
    assert await hang_up_and_time(fresh, writer) < 0.1
    record = await fresh.last_record()
    assert record["outcome"] == "cancelled"
    assert record["usage_source"] == "estimate"
    assert record["input_tokens"] > 50, "what had gone in is counted"


async def test_in_the_middle_of_a_stream(fresh: Site) -> None:
    made = 0

    async def flowing(received: Received, write: Write) -> None:
        nonlocal made
        await event_stream(finish=False)(received, write)
        while made < 1_000:
            made += 1
            await write(b"%x\r\n%s\r\n" % (len(delta("word ")), delta("word ")))
            await asyncio.sleep(0.01)

    fresh.upstream.set(CHAT, flowing)
    writer = await open_call(fresh, stream=True)
    reader: asyncio.StreamReader = writer.test_reader
    async with within(10):
        got = b""
        while got.count(b"word") < 20:
            got += await reader.read(4096)
    assert await hang_up_and_time(fresh, writer) < 0.1
    record = await fresh.last_record()
    assert (record["outcome"], record["usage_source"]) == ("cancelled", "estimate")
    assert 20 <= record["output_tokens"] <= made < 1_000
    assert record["cost_nano"] == record["input_tokens"] * 1000 + record["output_tokens"] * 2000


async def test_at_once_after_sending(fresh: Site) -> None:
    """Sooner than the first tick of the watcher."""
    fresh.upstream.set(CHAT, raw(30.0))
    writer = await open_call(fresh)
    await until(lambda: fresh.upstream.requests)
    assert await hang_up_and_time(fresh, writer) < 0.1


async def test_while_still_sending_its_request(fresh: Site) -> None:
    _reader, writer = await asyncio.open_connection("127.0.0.1", fresh.gateway.port)
    writer.write(
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {fresh.gateway.key}\r\ncontent-length: 1000\r\n\r\n{{".encode()
    )
    await writer.drain()
    async with within(10):
        while not await fresh.gateway.metrics("gateway_in_flight_requests"):
            await asyncio.sleep(0.02)
    writer.transport.abort()
    record = await fresh.last_record()
    assert (record["outcome"], record["cost_nano"], record["usage_source"]) == ("cancelled", None, "none")
    assert fresh.upstream.requests == []


async def test_nothing_is_left_under_way(fresh: Site) -> None:
    async with within(20):
        while await fresh.gateway.metrics("gateway_in_flight_requests"):
            await asyncio.sleep(0.1)
