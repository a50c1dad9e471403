"""Answers are read right however they are cut, and broken ones are noticed."""

import pytest

from tests.speed.http_reading import AnswerReader, Malformed

SIZED = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("raw", [SIZED, CHUNKED], ids=["sized", "chunked"])
def test_an_answer_is_the_same_wherever_it_is_cut(raw: bytes) -> None:
    for first in range(len(raw) + 1):
        for second in range(first, len(raw) + 1):
            answer = AnswerReader()
            for piece in (raw[:first], raw[first:second], raw[second:]):
                answer.feed(piece)
            assert answer.complete
            assert (answer.status, answer.payload(), answer.closes) == (200, b"hello", False)


@pytest.mark.parametrize("raw", [SIZED, CHUNKED], ids=["sized", "chunked"])
def test_an_answer_is_complete_with_its_last_byte_and_not_before(raw: bytes) -> None:
    answer = AnswerReader()
    answer.feed(raw[:-1])
    assert not answer.complete
    answer.feed(raw[-1:])
    assert answer.complete


def test_an_empty_answer_that_ends_the_connection() -> None:
    answer = AnswerReader()
    answer.feed(EMPTY)
    assert (answer.complete, answer.status, answer.payload(), answer.closes) == (True, 204, b"", True)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/2 200\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnot hex\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhello\r\n",
        SIZED + b"!",
    ],
    ids=["other protocol", "no length", "chunk size", "chunk too long", "more than said"],
)
def test_broken_framing_is_noticed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        AnswerReader().feed(raw)
