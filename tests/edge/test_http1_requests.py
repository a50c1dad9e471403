"""Requests as clients send them, and as nobody should: each is understood in one way only, or refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.edge.http1.requests import MOST_HEADERS
from gateway.edge.http1.target import take_apart
from tests.edge.http1_desk import request, said, serving, statuses

GOOD = request("/good?a=1", close=False)


async def test_a_request_arrives_as_it_was_sent() -> None:
    async with serving() as desk:
        sent = request("/a%20b%2Fc?q=%20x", "X-Name: va lue", "x-name:  two ", method="POST", body=b"hello")
        asked = said(await desk.say(sent))
    assert (asked["method"], asked["path"], asked["query"], asked["body"]) == ("POST", "/a b/c", "q=%20x", "hello")
    assert [pair for pair in asked["headers"] if pair[0] == "x-name"] == [["x-name", "va lue"], ["x-name", "two"]]
    assert (asked["http_version"], asked["scheme"]) == ("1.1", "http")
    assert asked["client"][0] == asked["server"][0] == "127.0.0.1"
    assert asked["server"][1] == desk.port


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", b""),
        (b"/a?b?c", "/a", b"b?c"),
        (b"/a#b", "/a", b""),
        (b"//a/../b", "//a/../b", b""),
        (b"/%ff", "/\ufffd", b""),
        (b"*", "*", b""),
        (b"http://h:1/a%20b?c=d", "/a b", b"c=d"),
        (b"https://h", "/", b""),
    ],
)
def test_a_target(target: bytes, path: str, query: bytes) -> None:
    taken = take_apart(target)
    assert (taken.path, taken.query) == (path, query)


@pytest.mark.parametrize("target", [b"h:443", b"ftp://h/a", b"a/b", b"http://", b"?"])
def test_what_is_no_target(target: bytes) -> None:
    with pytest.raises(ValueError, match="neither a path nor a URL"):
        take_apart(target)


CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", "hello"),
        (CHUNKED + b"3;name=value\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde"),
        (CHUNKED + b"1\r\na\r\n0\r\nhost: evil\r\nx-trailer: 1\r\n\r\n", "a"),
    ],
)
async def test_a_chunked_body(sent: bytes, body: str) -> None:
    async with serving() as desk:
        asked = said(await desk.say(sent))
    assert asked["body"] == body
    assert [name for name, _ in asked["headers"]] == ["host", "connection", "transfer-encoding"], (
        "a trailer is no header"
    )


POST = b"POST / HTTP/1.1\r\nhost: x\r\n"
# What two servers could understand in two ways, and one could be made to smuggle past the other.
AMBIGUOUS = {
    "a length and chunks": POST + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": POST + b"transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
    "twice the same length": POST + b"content-length: 3\r\ncontent-length: 3\r\n\r\nabc",
    "a list of lengths": POST + b"content-length: 3, 3\r\n\r\nabc",
    "a length with a sign": POST + b"content-length: +3\r\n\r\nabc",
    "a negative length": POST + b"content-length: -3\r\n\r\nabc",
    "a length in hex": POST + b"content-length: 0x3\r\n\r\nabc",
    "a length too long to count": POST + b"content-length: " + b"9" * 40 + b"\r\n\r\nabc",
    "no length": POST + b"content-length: \r\n\r\nabc",
    "an encoding that is not chunked at the end": POST + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "an unknown encoding": POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "identity and chunked": POST + b"transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "an encoding that nobody decodes": POST + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a target for OPTIONS alone": b"GET * HTTP/1.1\r\nhost: x\r\n\r\n",
    "a tunnel": b"CONNECT / HTTP/1.1\r\nhost: x\r\n\r\n",
    "identity": POST + b"transfer-encoding: identity\r\n\r\n0\r\n\r\n",
    "a space before the colon": POST + b"content-length : 3\r\n\r\nabc",
    "a folded header": POST + b"x-a: b\r\n c: d\r\n\r\n",
    "a NUL in a value": POST + b"x-a: b\x00c\r\n\r\n",
    "a bare carriage return": POST + b"x-a: b\rcontent-length: 3\r\n\r\nabc",
    "a bare line feed": b"POST / HTTP/1.1\nhost: x\n\n",
    "a name with a space": POST + b"x a: b\r\n\r\n",
    "no name": POST + b": b\r\n\r\n",
    "no colon": POST + b"transfer-encoding\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    "a chunk size that is none": POST + b"transfer-encoding: chunked\r\n\r\nxyz\r\n",
    "a chunk size too long to count": POST + b"transfer-encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
    "a chunk that is longer than it says": POST + b"transfer-encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    "a method that is none": b"get / HTTP/1.1\r\nhost: x\r\n\r\n",
    "a version that is none": b"GET / HTTP/1.7\r\nhost: x\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2 with prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a target that is none": b"GET h:443 HTTP/1.1\r\nhost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("which", AMBIGUOUS)
async def test_what_could_be_understood_in_two_ways_is_refused_and_nothing_after_it_is_read(which: str) -> None:
    async with serving() as desk:
        answered = await desk.say(AMBIGUOUS[which] + GOOD)
        assert statuses(answered) == [400], answered
        assert b"/good" not in answered
        assert b"connection: close" in answered
        assert statuses(await desk.say(request())) == [200], "others are served"


async def test_a_refusal_says_why_in_openais_shape() -> None:
    async with serving() as desk:
        answered = await desk.say(AMBIGUOUS["no host"])
    error = json.loads(answered.partition(b"\r\n\r\n")[2])["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", "host")
    assert "which host" in error["message"]


@pytest.mark.parametrize(
    "heavy",
    [
        "x-long: " + "y" * 70_000,
        "\r\n".join(f"x-{number}: {'y' * 700}" for number in range(100)),
        "\r\n".join(f"x-{number}: y" for number in range(MOST_HEADERS)),
    ],
    ids=["one long", "many long", "too many"],
)
async def test_headers_have_a_bound(heavy: str) -> None:
    async with serving() as desk:
        assert statuses(await desk.say(request("/", heavy))) == [431]
        assert statuses(await desk.say(request("/" + "a" * 70_000))) == [431]


async def test_a_large_body_right_behind_its_head_is_no_large_head() -> None:
    async with serving(max_header_bytes=1024) as desk:
        asked = said(await desk.say(request(method="POST", body=b"x" * 200_000)))
    assert len(asked["body"]) == 200_000


@pytest.mark.parametrize("endless", [b"1;", b"0\r\nx-trailer: "])
async def test_what_is_no_body_in_a_body_has_the_same_bound(endless: bytes) -> None:
    async with serving() as desk:
        assert statuses(await desk.say(CHUNKED + endless, 0.1, b"x" * 60_000, 0.1, b"x" * 60_000)) == [400]


@pytest.mark.parametrize("upgrade", ["h2c", "websocket"])
@pytest.mark.parametrize("body", [b"", b"hello"])
async def test_who_asks_for_another_protocol_is_answered_in_this_one(upgrade: str, body: bytes) -> None:
    sent = request("/", "connection: upgrade", f"upgrade: {upgrade}", method="POST", body=body, close=False)
    async with serving() as desk:
        answered = await desk.say(sent, request("/good"))
    assert statuses(answered) == [200, 200]
    assert b"/good" in answered
    assert f'"body": "{body.decode()}"'.encode() in answered.split(b"HTTP/1.1 ")[1]


async def test_a_body_of_no_bytes_asked_for_in_another_protocol_is_a_body() -> None:
    sent = request("/", "connection: upgrade", "upgrade: h2c", "content-length: 0", method="POST", close=False)
    async with serving() as desk:
        assert statuses(await desk.say(sent, request("/good"))) == [200, 200]


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(1, 200), min_size=1, max_size=8))
def test_however_the_bytes_are_cut_the_requests_are_the_same(cuts: list[int]) -> None:
    from tests.edge.http1_bytes import parsed

    sent = (
        request("/one", "x-a: b", method="POST", body=b"first", close=False)
        + b"POST /two HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n"
        + request("/three", close=False)
    )
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(sent[at : at + cut])
        at += cut
    pieces.append(sent[at:])
    assert parsed(*pieces) == parsed(sent) == [("/one", b"first"), ("/two", b"abc"), ("/three", b"")]
