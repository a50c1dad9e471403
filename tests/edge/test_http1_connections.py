"""A connection's life: how long it may take, how it ends, who makes room for whom."""

import asyncio
import contextlib
import gc
import os
import resource
import socket
import ssl
import time
import weakref
from pathlib import Path

import pytest

from gateway.edge.asgi import Receive, Scope, Send
from gateway.edge.http1.exchange import Exchange
from gateway.edge.http1.listener import Http1Server
from gateway.edge.http1.tls import tls_context
from gateway.edge.server import TlsOptions
from tests.authority import Authority
from tests.conftest import within
from tests.edge.http1_desk import Desk, answer, body_of, held, piece, request, serving, start, statuses


async def test_a_connection_is_used_again_until_it_was_idle_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.edge.http1.listener.LOOK_EVERY_S", 0.05)
    async with serving(keep_alive_s=2.0) as desk:
        began = time.monotonic()
        answered = await desk.say(request(close=False), 0.2, request(close=False), 0.2, request(close=False))
        assert statuses(answered) == [200, 200, 200]
        assert 2.3 < time.monotonic() - began < 20


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nhost:"], ids=["nothing came", "half a head"])
async def test_a_head_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    monkeypatch.setattr("gateway.edge.http1.listener.LOOK_EVERY_S", 0.05)
    async with serving(header_s=0.3) as desk:
        began = time.monotonic()
        assert await desk.say(begun, 0.1, begun[:1]) == b"", "dripping does not help"
        assert time.monotonic() - began < 20


async def test_with_too_many_connections_the_one_unused_for_longest_makes_room() -> None:
    async with serving(max_connections=3) as desk, contextlib.AsyncExitStack() as stack:
        opened = []
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
            stack.callback(writer.close)
            writer.write(request(close=False))
            await reader.readuntil(b"}")
            opened.append(reader)
        async with within(10):
            assert statuses(await desk.say(request())) == [200]
            assert await opened[0].read() == b""
        assert not opened[1].at_eof()
        assert not opened[2].at_eof()


async def test_where_all_are_in_use_a_new_one_waits_its_turn() -> None:
    release = asyncio.Event()
    async with serving(held(release), max_connections=2) as desk:
        calls = [asyncio.create_task(desk.say(request())) for _ in range(6)]
        async with within(10):
            while len(desk.server.connections) < 2:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        assert len(desk.server.connections) == 2
        release.set()
        assert [statuses(await call) for call in calls] == [[200]] * 6


async def test_without_a_descriptor_left_it_waits_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as desk:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        client = socket.socket()
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            client.connect(("127.0.0.1", desk.port))
        used = max(int(name) for name in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used, hard))
        holes = []
        try:
            while True:  # whatever is free below the new bound
                holes.append(os.dup(0))
        except OSError:
            pass
        async with within(10):
            while "no connection can be accepted" not in caplog.text:
                await asyncio.sleep(0.02)
        for hole in holes:
            os.close(hole)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        client.close()
        assert statuses(await desk.say(request())) == [200]


async def gone_while(desk: Desk, sent: bytes, until: asyncio.Event) -> None:
    """Hang up once something has happened."""
    _, writer = await asyncio.open_connection("127.0.0.1", desk.port)
    writer.write(sent)
    async with within(10):
        await until.wait()
    writer.transport.abort()


async def test_a_hang_up_is_told_wherever_the_call_stands() -> None:
    told: list[str] = []
    here, noticed = asyncio.Event(), asyncio.Event()

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/before":
            await body_of(receive)
        if scope["path"] == "/writing":
            await send(start())
            await send(piece(b"x", more=True))
        here.set()
        told.append(await receive_disconnect(receive))
        noticed.set()
        await answer(send, b"to nobody")

    async with serving(waiting) as desk:
        for path in ("/before", "/writing", "/body"):
            here.clear()
            noticed.clear()
            sent = request(path) if path != "/body" else request(path, "content-length: 9", method="POST")
            await gone_while(desk, sent, here)
            async with within(10):
                await noticed.wait()
    assert told == ["http.disconnect"] * 3


async def receive_disconnect(receive: Receive) -> str:
    while (message := await receive())["type"] != "http.disconnect":
        pass
    return message["type"]


async def test_a_client_that_goes_while_it_does_not_read_frees_who_writes_to_it() -> None:
    full, ended = asyncio.Event(), asyncio.Event()

    async def flood(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        for _ in range(300):
            asyncio.get_running_loop().call_later(0.3, full.set)
            await send(piece(b"x" * 100_000, more=True))
        ended.set()

    async with serving(flood) as desk:
        _reader, writer = await asyncio.open_connection("127.0.0.1", desk.port, limit=1024)
        writer.transport.pause_reading()
        writer.write(request())
        async with within(10):
            await full.wait()
            writer.transport.abort()
            await ended.wait()


async def test_stopping_closes_what_is_idle_at_once_and_lets_an_answer_finish() -> None:
    here, release = asyncio.Event(), asyncio.Event()

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/held":
            here.set()
            await release.wait()
        await answer(send, b"done")

    async with serving(either) as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        writer.write(request(close=False))
        await reader.readuntil(b"done")
        call = asyncio.create_task(desk.say(request("/held", close=False)))
        await here.wait()
        desk.server.stop()
        async with within(10):
            assert await reader.read() == b""
            release.set()
            assert (await call).endswith(b"done")
        writer.close()


async def test_nothing_is_left_of_an_exchange_when_it_is_over() -> None:
    seen: list[weakref.ref[Exchange]] = []
    begin = Http1Server.begin

    def noted(self: Http1Server, exchange: Exchange) -> None:
        seen.append(weakref.ref(exchange))
        begin(self, exchange)

    gc.collect()
    gc.disable()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Http1Server, "begin", noted)
            async with serving() as desk:
                for path in ("/", "/stream", "/unread", "/injected"):
                    await desk.say(request(path))
                here = asyncio.Event()
                asyncio.get_running_loop().call_later(0.2, here.set)
                await gone_while(desk, request(method="POST", body=b"half of a body")[:-5], here)
                await desk.say(b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n")
                await asyncio.sleep(0.1)
        assert len(seen) == 5
        assert [one for one in seen if one() is not None] == [], "without the collector"
    finally:
        gc.enable()


async def said_over_tls(desk: Desk, context: ssl.SSLContext, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("localhost", desk.port, ssl=context, server_hostname="localhost")
    try:
        writer.write(sent)
        async with within(10):
            return await reader.read()
    finally:
        writer.close()


async def test_tls_and_certificates_of_clients(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = map(str, authority.issue("localhost"))
    trusting = ssl.create_default_context(cafile=str(authority.file))
    trusting.set_alpn_protocols(["h2", "http/1.1"])
    async with serving(host="localhost", tls=TlsOptions(cert, key)) as desk:
        answered = await said_over_tls(desk, trusting, request(method="POST", body=b"x" * 300_000))
        assert statuses(answered) == [200]
        assert b'"scheme": "https"' in answered
        assert statuses(await said_over_tls(desk, trusting, request("/unread", "content-length: 9"))) == [413]
    async with serving(host="localhost", tls=TlsOptions(cert, key, str(authority.file))) as desk:
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            assert await said_over_tls(desk, trusting, request()) == b"", "without a certificate"
        trusting.load_cert_chain(*authority.issue("client"))
        assert statuses(await said_over_tls(desk, trusting, request())) == [200]


def test_no_older_tls_than_1_2(tmp_path: Path) -> None:
    cert, key = map(str, Authority(tmp_path).issue("localhost"))
    assert tls_context(cert, key, None).minimum_version is ssl.TLSVersion.TLSv1_2


async def test_a_handshake_that_does_not_go_on_is_given_up(tmp_path: Path) -> None:
    cert, key = map(str, Authority(tmp_path).issue("localhost"))
    async with serving(header_s=0.3, tls=TlsOptions(cert, key)) as desk:
        began = time.monotonic()
        assert await desk.say(b"\x16\x03\x01") == b""
        assert time.monotonic() - began < 20


async def test_handshakes_that_fail_do_not_use_the_server_up(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = map(str, authority.issue("localhost"))
    trusting = ssl.create_default_context(cafile=str(authority.file))
    async with serving(host="localhost", tls=TlsOptions(cert, key), max_connections=3, header_s=1.5) as desk:
        await asyncio.gather(*(desk.say(request()) for _ in range(6)), *(desk.say(b"") for _ in range(6)))
        assert statuses(await said_over_tls(desk, trusting, request())) == [200]


async def test_who_waits_gets_the_place_of_one_that_becomes_idle() -> None:
    release = asyncio.Event()
    async with serving(held(release), max_connections=1) as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        writer.write(request(close=False))
        await asyncio.sleep(0.2)
        waiting = asyncio.create_task(desk.say(request()))
        await asyncio.sleep(0.2)
        release.set()
        assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200")
        async with within(10):
            assert statuses(await waiting) == [200]
        writer.close()


@pytest.mark.parametrize(
    ("sent", "stop"),
    [(b"GET / HTTP/1.0\r\n\r\n", False), (request(), False), (request(close=False), True)],
    ids=["until it closes", "connection: close", "the server stops"],
)
async def test_a_slow_reader_gets_the_end_of_what_it_is_left_with(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, stop: bool
) -> None:
    monkeypatch.setattr("gateway.edge.http1.connection.LINGER_S", 0.3)
    monkeypatch.setattr("gateway.edge.http1.listener.LINGER_S", 0.3)
    monkeypatch.setattr("gateway.edge.http1.listener.CLOSING_S", 20.0)
    monkeypatch.setattr("gateway.edge.http1.listener.LOOK_EVERY_S", 0.05)

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"x" * 900_000)

    async with serving(large) as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port, limit=1024)
        writer.transport.pause_reading()
        writer.write(sent)
        await asyncio.sleep(0.5)
        if stop:
            desk.server.stop()
        await asyncio.sleep(1.0)
        writer.transport.resume_reading()
        got = b""
        async with within(10):
            while len(got.partition(b"\r\n\r\n")[2]) < 900_000 and (data := await reader.read(100_000)):
                got += data
        assert len(got.partition(b"\r\n\r\n")[2]) == 900_000
        writer.close()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_an_answer_is_not_over_before_its_client_keeps_up(tmp_path: Path, tls: bool) -> None:
    over = asyncio.Event()

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"x" * 20_000_000)
        over.set()

    authority = Authority(tmp_path)
    cert, key = map(str, authority.issue("localhost"))
    trusting = ssl.create_default_context(cafile=str(authority.file)) if tls else None
    async with serving(large, host="localhost", tls=TlsOptions(cert, key) if tls else None) as desk:
        reader, writer = await asyncio.open_connection("localhost", desk.port, ssl=trusting, limit=1024)
        writer.transport.pause_reading()
        writer.write(request())
        await asyncio.sleep(0.5)
        assert not over.is_set()
        writer.transport.resume_reading()
        async with within(30):
            got = await reader.read()
        assert len(got) > 20_000_000
        assert over.is_set()
        writer.close()


async def test_a_client_that_stalls_is_given_up_whoever_answers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.edge.http1.listener.LOOK_EVERY_S", 0.05)

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        if await body_of(receive) is None:
            await answer(send, b"it did not come", 400, connection="close")
            return
        await answer(send, b"x" * 20_000_000)

    async with serving(large, stall_s=0.5) as desk:
        _reader, writer = await asyncio.open_connection("127.0.0.1", desk.port, limit=1024)
        writer.transport.pause_reading()
        writer.write(request(close=False))
        async with within(10):
            while not desk.server.connections:
                await asyncio.sleep(0.02)
            while desk.server.connections:
                await asyncio.sleep(0.02)
            answered = await desk.say(request("/", "content-length: 9", method="POST") + b"half")
        assert statuses(answered) == [400]
        writer.close()


async def test_half_a_head_behind_a_request_is_no_idle_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.edge.http1.listener.LOOK_EVERY_S", 0.05)
    async with serving(header_s=0.3) as desk:
        began = time.monotonic()
        assert statuses(await desk.say(request(close=False) + b"GET / HTTP/1.1\r\nhos")) == [200]
        assert time.monotonic() - began < 20
        answered = await desk.say(request(close=False) + b"\r\n", 0.6, request())
        assert statuses(answered) == [200, 200], "an empty line is no head"


async def test_a_hang_up_is_noticed_with_requests_sent_ahead() -> None:
    here, gone = asyncio.Event(), asyncio.Event()

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        await body_of(receive)
        here.set()
        await receive_disconnect(receive)
        gone.set()

    async with serving(waiting) as desk:
        await gone_while(desk, request(close=False) * 3, here)
        async with within(5):
            await gone.wait()


async def test_a_closed_connection_leaves_no_garbage() -> None:
    async with serving() as desk:
        await desk.say(request())
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for _ in range(5):
                await desk.say(request(close=False), request())
            gc.collect()
            ours = [one for one in gc.garbage if type(one).__module__.startswith("gateway.")]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
    assert ours == []
