"""Replies given again: whole, at once, in their time; the very bytes."""

import asyncio
import base64
import gzip
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache.document import Replay
from gateway.cache.entries import BATCH_BYTES, Entry, batches_of, decode_entry, encode_entry, pieces_of
from gateway.cache.giving import reply_of
from tests.cache.asking import entry_of, stream_of
from tests.conftest import SHARED
from tests.pipeline.test_obliging import call_of

CORPUS = SHARED / "corpus" / "exchanges.jsonl.gz"


async def given_again(entry: Entry, replay: Replay = "instant") -> list[tuple[bytes, bool]]:
    """Each piece, and whether the call was told with it that the answer is whole."""
    call = call_of("chat")
    reply = reply_of(entry, call, replay, asyncio.get_running_loop().time)
    assert reply.stream is not None
    found: list[tuple[bytes, bool]] = []
    while (piece := await reply.stream()) is not None:
        found.append((piece, call.served.complete))
    return found


@pytest.mark.skipif(not CORPUS.exists(), reason="recorded traffic is not here: ../shared/corpus")
async def test_every_recorded_stream_comes_again_byte_for_byte() -> None:
    with gzip.open(CORPUS, "rt") as file:
        rows: list[dict[str, Any]] = [json.loads(line) for line in file]
    die, count = random.Random(7), 0
    for row in rows:
        response = row["response"]
        if not row["stream"] or not response:
            continue
        body = base64.b64decode(response["body_b64"]) if response.get("body_b64") else (response["body"] or "").encode()
        at, pieces = 0, list[bytes]()
        while at < len(body):
            pieces.append(body[at : at + die.randint(1, 4_000)])
            at += len(pieces[-1])
        entry = decode_entry(encode_entry(stream_of(*pieces)))
        assert entry is not None
        for replay in ("instant", "timed"):
            told = await given_again(entry, replay)
            assert b"".join(piece for piece, _ in told) == body
            assert [ended for _, ended in told] == [False] * (len(told) - 1) + [True] * bool(told)
        assert [piece for piece, _ in await given_again(entry, "timed")] == pieces
        count += 1
    assert count > 300


@given(st.lists(st.binary(max_size=50_000), max_size=8))
def test_batches_are_cut_where_pieces_were(pieces: list[bytes]) -> None:
    entry = stream_of(*pieces)
    assert list(pieces_of(entry)) == pieces
    batches = list(batches_of(entry))
    assert b"".join(batches) == b"".join(pieces)
    borders = {0}
    for piece in pieces:
        borders.add(max(borders) + len(piece))
    at = 0
    for batch in batches:
        at += len(batch)
        assert at in borders
        assert len(batch) <= max(BATCH_BYTES, *map(len, pieces)) if pieces else not batch


async def test_a_stream_takes_its_time_if_its_rule_says_so() -> None:
    entry = stream_of(b"a", b"b", b"c", at_ms=(0, 40, 90))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await given_again(entry, "timed")
    assert loop.time() - began >= 0.09


async def test_what_came_after_the_end_comes_after_it_again() -> None:
    entry = stream_of(b"a", b"[DONE]", b"\n", ended=1)
    assert await given_again(entry, "timed") == [(b"a", False), (b"[DONE]", True), (b"\n", True)]
    assert await given_again(entry) == [(b"a[DONE]\n", True)]


async def test_an_empty_stream_is_one() -> None:
    assert b"".join(piece for piece, _ in await given_again(stream_of(ended=-1))) == b""


def test_long_streams_take_less_room_than_they_are() -> None:
    text = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"word"}}]}\n\n' * 200
    entry = stream_of(text)
    assert entry.packed
    assert len(entry.body) < len(text) / 5
    assert entry.whole() == text
    noise = random.Random(1).randbytes(50_000)
    assert not stream_of(noise).packed
    assert stream_of(noise).whole() == noise


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc0", b"\x93123", b"{}", encode_entry(entry_of(b"x"))[:-3]],
    ids=["nothing", "nil", "another list", "JSON", "one cut short"],
)
def test_what_is_no_entry_is_none(data: bytes) -> None:
    assert decode_entry(data) is None
