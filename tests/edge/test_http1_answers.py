"""Answers on the wire: framed so that nobody can mistake where one ends, whatever the application does."""

import asyncio
import json
import logging

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.asgi import Receive, Scope, Send
from gateway.edge.http1.framing import Asked, begin, chunk
from tests.edge.http1_desk import answer, body_of, piece, request, serving, start, statuses

DATE = "date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"


def test_a_whole_answer() -> None:
    begun = begin(200, [("content-type", "text/plain"), ("content-length", "2")], Asked(), DATE)
    assert begun.head == (
        b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n"
    )
    assert (begun.length, begun.chunked, begun.bodiless, begun.close) == (2, False, False, False)


@pytest.mark.parametrize(
    ("status", "asked", "headers", "chunked", "close"),
    [
        (200, Asked(), [], True, False),
        (200, Asked(keep_alive=False), [], True, True),
        (200, Asked(http_1_1=False), [], False, True),
        (200, Asked(http_1_1=False), [("content-length", "1")], False, False),
        (200, Asked(head_only=True), [], False, False),
        (200, Asked(head_only=True), [("content-length", "9")], False, False),
        (204, Asked(), [], False, False),
        (304, Asked(), [], False, False),
        (413, Asked(), [("content-length", "1"), ("connection", "close")], False, True),
        (200, Asked(), [("connection", "keep-alive"), ("transfer-encoding", "gzip")], True, False),
        (799, Asked(), [("content-length", "0")], False, False),
    ],
)
def test_framing(status: int, asked: Asked, headers: list[tuple[str, str]], chunked: bool, close: bool) -> None:
    begun = begin(status, headers, asked, DATE)
    assert (begun.chunked, begun.close) == (chunked, close)
    assert (b"transfer-encoding: chunked" in begun.head) == chunked
    assert (b"connection: close" in begun.head) == close
    assert (b"connection: keep-alive" in begun.head) == (not asked.http_1_1 and not close)
    assert b"gzip" not in begun.head, "an application does not choose the framing"


NAMES = st.from_regex(r"x-[a-z0-9]{1,8}", fullmatch=True)
VALUES = st.text(st.characters(codec="latin-1", exclude_characters="\x00"), max_size=20)


@given(headers=st.lists(st.tuples(NAMES, VALUES), max_size=8), body=st.binary(max_size=50), whole=st.booleans())
def test_what_another_library_reads_is_what_was_meant(headers: list[tuple[str, str]], body: bytes, whole: bool) -> None:
    length = [("content-length", str(len(body)))] if whole else []
    begun = begin(200, [*headers, *length], Asked(), DATE)
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    client.send(h11.EndOfMessage())
    printable = all(value.isprintable() for _, value in headers)
    client.receive_data(begun.head + (body if whole else chunk(body) + b"0\r\n\r\n"))
    try:
        read = client.next_event()
    except h11.RemoteProtocolError:
        assert not printable, "control characters are refused by whoever reads them"
        return
    assert isinstance(read, h11.Response)
    names = [name.decode() for name, _ in read.headers]
    assert [name for name in names if name.startswith("x-")] == [name for name, _ in headers], "none more, none less"
    got = b""
    while isinstance(event := client.next_event(), h11.Data):
        got += event.data
    assert (got, type(event)) == (body, h11.EndOfMessage)


async def test_a_stream_is_chunked_and_an_empty_piece_is_not_its_end() -> None:
    async with serving() as desk:
        answered = await desk.say(request("/stream"))
        assert answered.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
        answered = await desk.say(b"GET /stream HTTP/1.0\r\n\r\n")
        assert answered.endswith(b"connection: close\r\n\r\nonetwo"), "HTTP/1.0 knows no chunks"


async def test_a_header_cannot_become_two() -> None:
    async with serving() as desk:
        answered = await desk.say(request("/injected"))
    assert b"\r\nx-said: a  set-cookie: b=c\r\n" in answered


async def test_head_is_answered_with_the_length_and_without_the_body() -> None:
    async with serving() as desk:
        answered = await desk.say(request(method="HEAD", close=False) + request("/204"))
    head, _, rest = answered.partition(b"\r\n\r\n")
    assert b"content-length: " in head
    assert rest.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert b"content-length" not in rest


async def test_http_1_0_keeps_its_connection_if_it_asks_for_that() -> None:
    async with serving() as desk:
        answered = await desk.say(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n")
    assert statuses(answered) == [200, 200]


@pytest.mark.parametrize(
    ("path", "answered_with"),
    [("/crash", [500]), ("/half", [200]), ("/short", [])],
    ids=["before the answer", "in its middle", "by another length"],
)
async def test_a_bug_ends_the_connection_so_that_half_an_answer_is_not_taken_for_a_whole_one(
    path: str, answered_with: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as desk:
        with caplog.at_level(logging.ERROR, "gateway.edge"):
            answered = await desk.say(request(path, close=False), 0.1, request())
        assert statuses(answered) in (answered_with, [])
        assert not answered.endswith(b"0\r\n\r\n")
        assert f"GET {path} failed" in caplog.text
        assert statuses(await desk.say(request())) == [200]


async def test_the_body_is_asked_for_only_when_somebody_reads_it() -> None:
    head = request("/echo", "expect: 100-continue", "content-length: 5", method="POST")
    async with serving() as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        writer.write(head)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello")
        answered = await reader.read()
        assert answered.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b'"body": "hello"' in answered
        writer.close()
        answered = await desk.say(request("/unread", "expect: 100-continue", "content-length: 5", method="POST"))
        assert statuses(answered) == [413]


async def test_who_is_refused_while_sending_still_reads_why() -> None:
    """Were the connection closed at once, the client's kernel would throw the answer away."""
    async with serving() as desk:
        head = request("/unread", "content-length: 9000000", method="POST", close=False)
        answered = await desk.say(head, b"x" * 4_000_000, 0.2, b"x" * 4_000_000)
    assert statuses(answered) == [413]
    assert answered.endswith(b"\r\n\r\nno")


async def test_requests_sent_ahead_are_answered_in_their_order() -> None:
    delays = {"/0": 0.1, "/1": 0.0, "/2": 0.05}

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        body = await body_of(receive)
        await asyncio.sleep(delays[scope["path"]])
        await answer(send, json.dumps([scope["path"], (body or b"").decode()]).encode())

    async with serving(slow) as desk:
        ahead = [request(f"/{number}", method="POST", body=b"%d" % number, close=number == 2) for number in range(3)]
        answered = await desk.say(b"".join(ahead))
    assert statuses(answered) == [200, 200, 200]
    assert [json.loads(part.partition(b"\r\n\r\n")[2]) for part in answered.split(b"HTTP/1.1 200 OK")[1:]] == [
        [f"/{number}", str(number)] for number in range(3)
    ]


async def test_requests_ahead_have_a_bound_and_nonsense_behind_good_ones_does_not_undo_them() -> None:
    async with serving() as desk:
        answered = await desk.say(request(close=False) * 3 + b"nonsense\r\n\r\n")
        assert statuses(answered) == [200, 200, 200, 400]
        assert statuses(await desk.say(request(close=False) * 200 + request())) == [200] * 201
        found = statuses(await desk.say(request(close=False) * 5_000))
        assert found[-1] == 400
        assert set(found[:-1]) == {200}
        assert len(found) < 4_000


async def test_a_client_that_does_not_read_stops_the_application_and_no_more_is_held_than_a_bit() -> None:
    written = 0

    async def flood(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal written
        await send(start())
        for _ in range(2_000):
            await send(piece(b"x" * 50_000, more=True))
            written += 50_000
        await send(piece())

    async with serving(flood) as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port, limit=1024)
        writer.transport.pause_reading()
        writer.write(request())
        before = -1
        while before != written or not written:
            before = written
            await asyncio.sleep(0.3)
        assert 0 < written < 20_000_000
        writer.transport.resume_reading()
        length = 0
        while data := await reader.read(1_000_000):
            length += len(data)
        assert length > 100_000_000, "and once it reads, all of it comes"
        writer.close()


async def test_a_body_that_nobody_reads_stops_the_client() -> None:
    reading = asyncio.Event()

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await reading.wait()
        body = await body_of(receive)
        await answer(send, str(len(body or b"")).encode())

    async with serving(late) as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        writer.write(request(method="POST", body=b"x" * 30_000_000))
        await asyncio.sleep(0.5)
        assert writer.transport.get_write_buffer_size() > 10_000_000, "most of it is still with the client"
        reading.set()
        assert (await reader.read()).endswith(b"30000000")
        writer.close()


async def test_an_answer_before_the_body_was_read_says_that_its_connection_ends() -> None:
    """Else a client sends its next request on a connection that is being closed."""
    async with serving() as desk:
        answered = await desk.say(request("/unread", "content-length: 5", method="POST", close=False), 0.2, b"hello")
        assert statuses(answered) == [413]
        assert b"\r\nconnection: close\r\n" in answered
        answered = await desk.say(request("/unread", method="POST", body=b"hello", close=False) + request())
        assert statuses(answered) == [413, 200], "it had all come"


async def test_continue_is_not_said_in_the_middle_of_an_answer() -> None:
    async def early(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(piece(b"first", more=True))
        await body_of(receive)
        await send(piece(b"second"))

    async with serving(early) as desk:
        sent = request("/", "expect: 100-continue", "content-length: 2", method="POST")
        answered = await desk.say(sent, 0.2, b"ok")
    assert b"100 Continue" not in answered
    assert answered.endswith(b"second\r\n0\r\n\r\n")


async def test_the_last_piece_is_sent_once_also_if_its_sender_was_called_off_meanwhile() -> None:
    """A call that is ended while its client reads the rest says its goodbye to nobody."""
    reading = asyncio.Event()

    async def called_off(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        try:
            async with asyncio.timeout(0.2):
                await send(piece(b"x" * 9_000_000))
        except TimeoutError:
            reading.set()
            await send(piece(b"goodbye", more=True))
            await send(piece())

    async with serving(called_off) as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port, limit=1024)
        writer.transport.pause_reading()
        writer.write(request(close=False))
        await reading.wait()
        writer.transport.resume_reading()
        got = b""
        while not got.endswith(b"0\r\n\r\n") and (data := await reader.read(1_000_000)):
            got += data
        assert got.count(b"x") == 9_000_000
        assert b"goodbye" not in got
        assert got.count(b"0\r\n\r\n") == 1
        writer.write(request())
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n"), "and the next answer is where it belongs"
        writer.close()
