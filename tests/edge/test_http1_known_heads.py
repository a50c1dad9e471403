"""A head that is the one before it once more is not parsed again, and nothing else is taken for one."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.edge.http1.exchange import Exchange
from gateway.edge.http1.requests import Requests
from tests.edge.http1_bytes import NoWire
from tests.edge.http1_desk import request, said, serving, statuses

MANY = ("x-a: b", "accept: */*")
Heard = tuple[str, list[tuple[bytes, bytes]], bytes, bool]


class Counting(Requests):
    """Counts the headers that it puts down."""

    headers = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers += 1
        super().on_header(name, value)


def post(body: bytes, path: str = "/one", headers: tuple[str, ...] = MANY) -> bytes:
    return request(path, *headers, method="POST", body=body, close=False)


def heard(*pieces: bytes, most_bytes: int = 65_536) -> tuple[list[Heard], Counting]:
    """What is understood of these pieces."""
    loop = asyncio.new_event_loop()
    begun: list[Exchange] = []
    requests = Counting(NoWire(), loop, most_bytes, begun.append)
    try:
        for piece in pieces:
            if piece and requests.broken is None:
                requests.feed(piece)
        read = [loop.run_until_complete(one.read())[0] if one.complete else b"?" for one in begun]
        told = [
            (one.scope["path"], one.scope["headers"], body, one.complete) for one, body in zip(begun, read, strict=True)
        ]
    finally:
        loop.close()
    return told, requests


def test_from_the_third_on_a_repeated_head_is_not_parsed_and_says_what_the_others_said() -> None:
    bodies = [b"x" * size for size in (5, 10, 1, 123, 5)]
    told, requests = heard(*map(post, bodies))
    assert requests.headers == 2 * 4
    assert [body for _, _, body, _ in told] == bodies
    for _, headers, body, _ in told:
        assert headers == [
            *((b"host", b"gateway"), (b"x-a", b"b"), (b"accept", b"*/*")),
            (b"content-length", str(len(body)).encode()),
        ]


def test_the_headers_of_two_requests_are_not_one_list() -> None:
    told, _ = heard(*[post(b"abc")] * 4)
    told[2][1].clear()
    assert len(told[3][1]) == 4


def test_who_sends_the_body_behind_the_head_is_known_too() -> None:
    head, body = post(b"abc")[:-3], b"abc"
    told, requests = heard(*[head, body] * 4, head, b"a", b"bc" + post(b"next", "/two"))
    assert requests.headers == 2 * 4 + 3 + 4, "one for the parser to know the length of each"
    assert [(path, body) for path, _, body, _ in told] == [("/one", b"abc")] * 5 + [("/two", b"next")]


def test_requests_ahead_are_found_behind_a_known_one() -> None:
    told, _ = heard(*[post(b"abc")] * 3, post(b"abc") + post(b"", "/empty") + post(b"last") + post(b"cut")[:-1])
    assert [(path, body) for path, _, body, _ in told[3:]] == [
        *(("/one", b"abc"), ("/empty", b""), ("/one", b"last"), ("/one", b"?"))
    ]


def test_who_never_sends_the_same_twice_is_not_remembered_any_more() -> None:
    _, requests = heard(*(post(b"abc", headers=(f"traceparent: {number}",)) for number in range(9)))
    assert requests._known is None
    assert requests.headers == 9 * 3


# After a known head: what looks much like it. Each must be understood as if it had come first.
NEAR = {
    "two lengths": post(b"abc", headers=(*MANY, "content-length: 4")),
    "the same length twice": post(b"abc", headers=(*MANY, "content-length: 3")),
    "chunks besides": post(b"0\r\n\r\n", headers=(*MANY, "transfer-encoding: chunked")),
    "no digits": post(b"abc").replace(b"length: 3", b"length: "),
    "a sign": post(b"abc").replace(b"length: 3", b"length: +3"),
    "a space within": post(b"abc").replace(b"length: 3", b"length: 3 3"),
    "a list": post(b"abc").replace(b"length: 3", b"length: 3,3"),
    "hex": post(b"abc").replace(b"length: 3", b"length: 0x3"),
    "other digits": post(b"abc").replace(b"length: 3", "length: ³".encode("latin-1")),
    "a leading zero": post(b"abc").replace(b"length: 3", b"length: 03"),
    "too many digits": post(b"abc").replace(b"length: 3", b"length: " + b"0" * 30 + b"3"),
    "a bare carriage return": post(b"abc").replace(b"length: 3\r\n", b"length: 3\r"),
    "a bare line feed": post(b"abc").replace(b"length: 3\r\n", b"length: 3\n"),
    "a header behind the length": post(b"abc").replace(b"length: 3\r\n", b"length: 3\r\nx-evil: 1\r\n"),
    "a folded length": post(b"abc").replace(b"length: 3\r\n", b"length: 3\r\n 4\r\n"),
    "another path": post(b"abc", "/two"),
    "another method": post(b"abc").replace(b"POST", b"PUT"),
    "another version": post(b"abc").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "an end of the connection": post(b"abc", headers=(*MANY, "connection: close")),
    "names in capitals": post(b"abc").replace(b"host", b"Host"),
    "line breaks before it": b"\r\n\r\n" + post(b"abc"),
    "less body than it says": post(b"abc")[:-1],
    "nothing of it": b"\x16\x03\x01",
}


@pytest.mark.parametrize("which", NEAR)
def test_what_is_nearly_a_known_head_is_understood_as_it_is(which: str) -> None:
    alone, fresh = heard(NEAR[which], post(b"abc"))
    told, requests = heard(*[post(b"abc")] * 4, NEAR[which], post(b"abc"))
    assert told[4:] == alone
    assert (requests.broken is None) == (fresh.broken is None)
    assert str(requests.broken) == str(fresh.broken)


UNLIKE = {
    "one that waits to be asked": ("expect: 100-continue",),
    "one that ends its connection": ("connection: close",),
    "one that asks for another protocol": ("upgrade: h2c", "connection: upgrade"),
    "a large one": ("x-a: " + "b" * 5000,),
}


@pytest.mark.parametrize("which", UNLIKE)
def test_a_head_that_may_mean_something_else_the_next_time_is_not_remembered(which: str) -> None:
    _, requests = heard(*[post(b"abc", headers=UNLIKE[which])] * 3)
    assert requests._known is None


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=12))
def test_however_the_bytes_of_known_heads_are_cut_the_requests_are_the_same(cuts: list[int]) -> None:
    bodies = [b"a" * 3, b"bb", b"POST /one HTTP/1.1\r\nhost: gateway\r\n\r\n", b"", b"c" * 120, b"d", b"e" * 9]
    sent = b"".join(map(post, bodies[:5])) + post(b"f", "/two") + b"".join(map(post, bodies[5:] * 2))
    begun = [post(b"abc")] * 3
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(sent[at : at + cut])
        at += cut
    told, _ = heard(*begun, *pieces, sent[at:])
    expected = [*(("/one", body) for body in bodies[:5]), ("/two", b"f"), *(("/one", body) for body in bodies[5:] * 2)]
    assert [(path, body) for path, _, body, _ in told[3:]] == expected


async def test_a_connection_is_answered_the_same_from_its_first_request_to_its_last() -> None:
    async with serving() as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        answers: list[dict[str, Any]] = []
        for body in (b"one", b"two", b"three", b"f" * 300_000, b"five"):
            writer.write(post(body, "/a?b=c"))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            answers.append(json.loads(await reader.readexactly(length)))
        writer.write(post(b"", "/a?b=c")[:-2] + b"content-length: 0\r\nconnection: close\r\n\r\n")
        assert statuses(await reader.read()) == [200]
        writer.close()
    first = {**answers[0], "headers": None, "body": None}
    assert [{**one, "headers": None, "body": None} for one in answers] == [first] * 5
    assert [len(one["body"]) for one in answers] == [3, 3, 5, 300_000, 4]
    assert [dict(one["headers"])["content-length"] for one in answers] == ["3", "3", "5", "300000", "4"]
    assert said(b"\r\n\r\n" + json.dumps(answers[4]).encode())["body"] == "five"
