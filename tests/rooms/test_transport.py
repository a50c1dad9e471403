"""The HTTP client against real sockets: timeouts, broken peers, reuse, and above all letting go at once."""

import asyncio
import gc
import socket
import ssl
import time
import weakref
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio

from gateway.core.faults import Fault, Internal, UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from gateway.testing import Hangup, Received, Script, ScriptedUpstream, Write, body_answer, event_stream, raw
from gateway.transport.client import Exchange, HttpClient
from gateway.transport.errors import ERRORS, to_fault
from gateway.transport.options import ClientOptions, Timeouts
from gateway.transport.url import parse_url

PATIENT = Timeouts(connect_s=2, first_byte_s=10, idle_s=10, total_s=20)
# "At once" is far from it: what is scripted to go on does so for nine seconds.
AT_ONCE_S = 2.0
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream({}) as made:
        yield made


@pytest_asyncio.fixture
async def client() -> AsyncIterator[HttpClient]:
    async with HttpClient(ClientOptions(max_body_bytes=100_000)) as made:
        yield made


async def send(
    client: HttpClient,
    upstream: ScriptedUpstream,
    script: Script | None = None,
    timeouts: Timeouts = PATIENT,
    body: bytes = b"{}",
) -> Exchange:
    if script is not None:
        upstream.set("/v1/x", script)
    return await client.send(parse_url(f"{upstream.base_url}/x"), {"authorization": "Bearer k"}, body, timeouts)


async def test_a_whole_answer_and_a_connection_used_again(client: HttpClient, upstream: ScriptedUpstream) -> None:
    for _ in range(3):
        exchange = await send(client, upstream, body_answer(b"hello", headers={"x-a": "1"}))
        assert (exchange.status, dict(exchange.headers)["x-a"], await exchange.read()) == (200, "1", b"hello")
    assert len({id(task) for task in upstream._tasks}) == 1, "one connection served all"
    assert upstream.requests[-1].headers["content-length"] == "2"


async def test_a_large_request_and_a_large_answer(client: HttpClient, upstream: ScriptedUpstream) -> None:
    exchange = await send(client, upstream, body_answer(b"y" * 90_000), body=b"x" * 5_000_000)
    assert await exchange.read() == b"y" * 90_000
    assert upstream.requests[-1].body == b"x" * 5_000_000


async def test_an_answer_in_one_piece_that_is_too_large_and_one_that_is_empty(upstream: ScriptedUpstream) -> None:
    async with HttpClient(ClientOptions(max_body_bytes=10)) as client:
        for _ in range(2):
            with pytest.raises(UpstreamBroken, match="larger than 10 bytes"):
                await (await send(client, upstream, body_answer(b"y" * 11))).read()
            assert await (await send(client, upstream, body_answer(b"y" * 10))).read() == b"y" * 10
            assert await (await send(client, upstream, body_answer(b""))).read() == b""


async def test_what_an_exchange_tells_of_its_answer_stays_true(client: HttpClient, upstream: ScriptedUpstream) -> None:
    """Its connection tells of another one's soon."""
    first = await send(client, upstream, body_answer(b"mine", code=201, headers={"x-a": "1"}))
    first.close()
    second = await send(client, upstream, body_answer(b"yours", headers={"x-a": "2"}))
    assert (first.status, dict(first.headers)["x-a"]) == (201, "1")
    assert (second.status, dict(second.headers)["x-a"], await second.read()) == (200, "2", b"yours")


BROKEN: dict[str, tuple[Script, type[Fault]]] = {
    "closed without a word": (raw(Hangup()), UpstreamUnreachable),
    "reset without a word": (raw(Hangup(reset=True)), UpstreamUnreachable),
    "half a head": (raw(b"HTTP/1.1 200 OK\r\ncontent-", Hangup()), UpstreamBroken),
    "half a body": (raw(HEAD + b"content-length: 10\r\n\r\nabc", Hangup()), UpstreamBroken),
    "half a chunk": (raw(HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nab", Hangup()), UpstreamBroken),
    "a chunk that is none": (raw(HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n"), UpstreamBroken),
    "not HTTP": (raw(b"220 mail.example.com ESMTP\r\n\r\n"), UpstreamBroken),
    "a header bomb": (
        raw(b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: %s\r\n" % (n, b"y" * 100) for n in range(2000)) + b"\r\n"),
        UpstreamBroken,
    ),
    "a header that never ends": (raw(b"HTTP/1.1 200 OK\r\nx-a: ", *[b"y" * 10_000] * 50, 5.0), UpstreamBroken),
    "a trailer that never ends": (
        raw(HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-a: ", *[b"y" * 10_000] * 50, 5.0),
        UpstreamBroken,
    ),
    "another protocol": (raw(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n", 5.0), UpstreamBroken),
    "no status at all": (raw(b"HTTP/1.1 000 Huh\r\ncontent-length: 0\r\n\r\n", 5.0), UpstreamBroken),
    "too large": (body_answer(b"y" * 200_000), UpstreamBroken),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_peer_is_a_fault(client: HttpClient, upstream: ScriptedUpstream, name: str) -> None:
    script, fault = BROKEN[name]
    async with asyncio.timeout(5):
        with pytest.raises(fault) as raised:
            await (await send(client, upstream, script)).read()
    assert not isinstance(raised.value, Internal)
    assert (await (await send(client, upstream, body_answer(b"fine"))).read()) == b"fine", "the next call is not harmed"


async def test_a_body_without_a_length_ends_with_its_connection(client: HttpClient, upstream: ScriptedUpstream) -> None:
    assert await (await send(client, upstream, raw(HEAD + b"\r\nall of it", Hangup()))).read() == b"all of it"


async def test_an_interim_answer_is_passed_over(client: HttpClient, upstream: ScriptedUpstream) -> None:
    exchange = await send(
        client, upstream, raw(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + HEAD + b"content-length: 2\r\n\r\nok")
    )
    assert (exchange.status, await exchange.read()) == (200, b"ok")
    assert "link" not in dict(exchange.headers)


TIMEOUTS: dict[str, tuple[Script, str]] = {
    "before the head": (raw(5.0), "first_byte"),
    "in the head": (raw(HEAD, 5.0), "first_byte"),
    "in the body": (raw(HEAD + b"content-length: 9\r\n\r\nabc", 5.0), "idle"),
    "a drip that never ends": (event_stream(*[step for _ in range(60) for step in (b"x", 0.05)]), "total"),
}


@pytest.mark.parametrize("name", TIMEOUTS)
async def test_an_upstream_that_is_late(client: HttpClient, upstream: ScriptedUpstream, name: str) -> None:
    script, impatient = TIMEOUTS[name]
    timeouts = msgspec.structs.replace(PATIENT, **{f"{impatient}_s": 0.3})
    async with asyncio.timeout(4):
        with pytest.raises(UpstreamTimeout) as raised:
            await (await send(client, upstream, script, timeouts)).read()
    assert raised.value.code == f"upstream_timeout_{impatient}"


async def test_a_reader_that_pauses_makes_nobody_late_and_holds_a_bounded_amount(
    client: HttpClient, upstream: ScriptedUpstream
) -> None:
    sent = 0

    async def script(_received: object, write: object) -> None:
        nonlocal sent
        await write(HEAD + b"transfer-encoding: chunked\r\n\r\n")  # type: ignore[operator]
        for _ in range(400):
            await write(b"10000\r\n" + b"z" * 65536 + b"\r\n")  # type: ignore[operator]
            sent += 65536
        await write(b"0\r\n\r\n")  # type: ignore[operator]

    exchange = await send(client, upstream, script, Timeouts(first_byte_s=5, idle_s=0.5, total_s=20))
    await asyncio.sleep(1.0)
    assert sent < 16 * 1024 * 1024, "the upstream waits for us"
    got = 0
    while (piece := await exchange.piece()) is not None:
        got += len(piece)
    assert got == 400 * 65536


async def test_a_refused_port_and_a_name_that_is_none(client: HttpClient) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/", "http://no-such-host.invalid/"):
        with pytest.raises(UpstreamUnreachable):
            await client.send(parse_url(url), {}, b"", PATIENT)


async def test_a_connection_that_nobody_accepts(client: HttpClient) -> None:
    """A listener with a full backlog: the kernel answers nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(8)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            with pytest.raises((UpstreamTimeout, UpstreamUnreachable)):
                await client.send(
                    parse_url(f"http://127.0.0.1:{listener.getsockname()[1]}/"), {}, b"", Timeouts(connect_s=0.3)
                )
        finally:
            for filler in fillers:
                filler.close()


async def until_closed(upstream: ScriptedUpstream, began: float) -> float:
    async with asyncio.timeout(5):
        while upstream.requests[-1].closed_at is None:
            await asyncio.sleep(0.001)
    closed = upstream.requests[-1].closed_at
    assert closed is not None
    return closed - began


@pytest.mark.parametrize(
    "script",
    [raw(9.0), raw(HEAD, 9.0), event_stream(b"data: x\n\n", 9.0)],
    ids=["silent", "in the head", "in the body"],
)
async def test_cancelling_closes_the_upstream_at_once(
    client: HttpClient, upstream: ScriptedUpstream, script: Script
) -> None:
    async def call() -> None:
        await (await send(client, upstream, script)).read()

    task = asyncio.create_task(call())
    async with asyncio.timeout(5):
        while not upstream.requests:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.1)
    began = asyncio.get_running_loop().time()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await until_closed(upstream, began) < AT_ONCE_S


async def test_closing_half_way_closes_the_connection_and_twice_is_fine(
    client: HttpClient, upstream: ScriptedUpstream
) -> None:
    exchange = await send(client, upstream, event_stream(b"data: x\n\n", 9.0))
    assert await exchange.piece() == b"data: x\n\n"
    began = asyncio.get_running_loop().time()
    exchange.close()
    exchange.close()
    assert await until_closed(upstream, began) < AT_ONCE_S


async def test_who_goes_on_reading_what_is_over_gets_nothing_of_the_next_answer(
    client: HttpClient, upstream: ScriptedUpstream
) -> None:
    """The connection is another call's then, and the answer on it somebody else's."""
    first = await send(client, upstream, body_answer(b"mine"))
    assert (await first.piece(), await first.piece()) == (b"mine", None)
    second = await send(client, upstream, body_answer(b"yours"))
    assert first._connection is second._connection
    assert await first.piece() is None
    assert await second.read() == b"yours"


async def test_who_goes_on_reading_what_broke_does_not_wait(client: HttpClient, upstream: ScriptedUpstream) -> None:
    exchange = await send(client, upstream, raw(HEAD + b"content-length: 9\r\n\r\nabc", Hangup()))
    async with asyncio.timeout(2):
        for _ in range(2):
            with pytest.raises(UpstreamBroken):
                await exchange.read()


@pytest.mark.parametrize("whole", [False, True])
async def test_an_exchange_closed_when_its_reader_was_woken_and_is_not_back_yet(
    client: HttpClient, upstream: ScriptedUpstream, whole: bool
) -> None:
    said = asyncio.Event()

    async def script(received: Received, write: Write) -> None:
        await write(HEAD + b"content-length: 6\r\n\r\nabc")
        await said.wait()
        await write(b"def")

    exchange = await send(client, upstream, script)
    assert await exchange.piece() == b"abc"
    connection, reading = exchange._connection, asyncio.create_task(exchange.piece())
    await asyncio.sleep(0.02)
    if whole:
        connection.data_received(b"def")
    else:
        connection.connection_lost(None)
    exchange.close()
    said.set()
    async with asyncio.timeout(2):
        if whole:
            other = await send(client, upstream, body_answer(b"yours"))
            assert other._connection is not connection, "it is still read from"
            assert await reading == b"def"
        else:
            with pytest.raises(UpstreamBroken):
                await reading


async def test_a_connection_that_is_over_leaves_nothing_to_the_collector(
    client: HttpClient, upstream: ScriptedUpstream
) -> None:
    exchange = await send(client, upstream, event_stream(b"data: x\n\n", 9.0))
    known = weakref.ref(exchange._connection)
    gc.disable()
    try:
        exchange.close()
        del exchange
        async with asyncio.timeout(5):
            while known() is not None:
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


async def test_a_bug_on_the_way_to_an_upstream_says_where_it_is(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def bug(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(client._opener, "open", bug)
    with pytest.raises(Internal) as raised:
        await client.send(parse_url("http://127.0.0.1:9/"), {}, b"", PATIENT)
    assert isinstance(raised.value.__cause__, KeyError)


async def test_a_kept_connection_that_was_just_closed_is_replaced(
    client: HttpClient, upstream: ScriptedUpstream
) -> None:
    await (await send(client, upstream, body_answer(b"1"))).read()
    upstream.set("/v1/x", raw(Hangup()), body_answer(b"2"))
    assert await (await send(client, upstream)).read() == b"2"


async def test_a_fresh_connection_that_fails_is_not_tried_again(client: HttpClient, upstream: ScriptedUpstream) -> None:
    upstream.set("/v1/x", raw(Hangup()), body_answer(b"2"))
    with pytest.raises(UpstreamUnreachable):
        await send(client, upstream)
    assert len(upstream.requests) == 1


async def test_idle_connections_are_closed_after_a_while(upstream: ScriptedUpstream) -> None:
    async with HttpClient(ClientOptions(pool_idle_s=0.1)) as client:
        await (await send(client, upstream, body_answer(b"1"))).read()
        assert sum(len(idle) for idle in client._idle.values()) == 1
        async with asyncio.timeout(5):
            while sum(len(idle) for idle in client._idle.values()) > 0:
                await asyncio.sleep(0.01)


async def test_bytes_nobody_asked_for_end_the_connection(client: HttpClient, upstream: ScriptedUpstream) -> None:
    """Else they would be taken for the answer to the next request: somebody else's."""
    smuggled = HEAD + b"content-length: 2\r\n\r\nok" + HEAD + b"content-length: 4\r\n\r\nevil"
    upstream.set("/v1/x", raw(smuggled), body_answer(b"mine"))
    first = await send(client, upstream)
    assert await first.read() == b"ok"
    await asyncio.sleep(0.05)
    assert await (await send(client, upstream)).read() == b"mine"


def test_every_network_error_has_a_fault() -> None:
    for error in (
        OSError(5, "io"),
        ConnectionResetError(),
        BrokenPipeError(),
        ConnectionRefusedError(),
        TimeoutError(),
        socket.gaierror(),
        ssl.SSLError(),
        ssl.SSLCertVerificationError(),
    ):
        assert to_fault(error).blame == "upstream"
    assert isinstance(to_fault(KeyError("a bug")), Internal)
    kinds = [kind for kind, _, _ in ERRORS]
    for index, kind in enumerate(kinds):
        assert not any(issubclass(kind, earlier) for earlier in kinds[:index]), f"{kind} can never match"


@pytest.mark.parametrize(
    "url", ["ftp://x/", "x", "http://", "http://user:pw@x/", "http://x/#frag", "http://x/ y", "http://exämple/"]
)
def test_odd_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        parse_url(url)


async def test_a_credential_with_a_line_break_is_refused(client: HttpClient) -> None:
    with pytest.raises(UpstreamBroken, match="line break"):
        await client.send(parse_url("http://127.0.0.1:9/"), {"authorization": "Bearer x\r\nhost: evil"}, b"", PATIENT)


async def test_leaving_the_client_closes_what_is_under_way(upstream: ScriptedUpstream) -> None:
    async with HttpClient(ClientOptions()) as client:
        await send(client, upstream, event_stream(b"x", 9.0))
        began = time.monotonic()
    assert time.monotonic() - began < AT_ONCE_S
    async with asyncio.timeout(2):
        while upstream.requests[-1].closed_at is None:
            await asyncio.sleep(0.01)
