"""One stream, many readers: each at its own pace, in bounded memory; and one of them pays for it."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Sequence
from functools import partial

import pytest

from gateway.cache.sharing import Reader, SharedStream
from gateway.core.attempt import Attempt
from gateway.core.call import Call, Reply
from gateway.core.faults import UpstreamBroken
from gateway.core.target import Target
from tests.pipeline.test_obliging import call_of


class Source:
    """An upstream's stream: pieces that come when they are let go."""

    def __init__(self, *pieces: bytes, fault: Exception | None = None, ends_at: int = -1) -> None:
        self.pieces = list(pieces)
        self.fault = fault
        self.ends_at = len(pieces) - 1 if ends_at == -1 else ends_at
        self.pulled = 0
        self.cancelled = False
        self.gate = asyncio.Semaphore(1_000_000)
        self.served = call_of("chat").served

    async def pull(self) -> bytes | None:
        try:
            await self.gate.acquire()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if self.pulled == len(self.pieces):
            if self.fault is not None:
                raise self.fault
            return None
        self.pulled += 1
        return self.pieces[self.pulled - 1]

    def tap(self, piece: bytes) -> bytes:
        """As a reader of events: it sees the end before the piece is passed on."""
        if self.pulled - 1 == self.ends_at:
            self.served.complete = True
        return piece.upper()

    def shared(self, max_bytes: int = 1_000) -> tuple[SharedStream, Call]:
        call = call_of("chat")
        self.served = call.served
        reply = Reply(200, [("content-type", "text/event-stream")], stream=self.pull)
        reply.taps.append(self.tap)
        return SharedStream(reply, call, max_bytes, lambda: 1.0), call


async def rest(reader: Reader) -> list[bytes]:
    pieces: list[bytes] = []
    while (piece := await reader.pull()) is not None:
        pieces.append(piece)
    return pieces


async def test_every_reader_gets_every_piece_from_the_beginning() -> None:
    source = Source(b"a", b"b", b"c")
    stream, owner = source.shared()
    first = stream.read(owner)
    assert await first.pull() == b"A"
    second, third = stream.read(call_of("chat")), stream.read(call_of("chat"))
    assert await asyncio.gather(rest(second), rest(first)) == [[b"A", b"B", b"C"], [b"B", b"C"]]
    assert stream.whole
    assert await rest(third) == [b"A", b"B", b"C"], "also when it is over"
    assert source.pulled == 3


async def test_each_call_hears_of_the_end_with_the_piece_that_is_the_end() -> None:
    stream, owner = Source(b"a", b"done", b"after").shared()
    readers = [stream.read(owner), stream.read(call_of("chat"))]
    for reader in readers:
        told: list[bool] = []
        while await reader.pull() is not None:
            told.append(reader.call.served.complete)
            reader.call.served.complete = False
        assert told == [False, False, True]
    stream, owner = Source(b"a", b"done", b"after", ends_at=1).shared()
    reader = stream.read(owner)
    assert [(await reader.pull(), owner.served.complete) for _ in range(2)] == [(b"A", False), (b"DONE", True)]


async def test_a_stream_that_does_not_say_that_it_is_over_is_not_whole() -> None:
    stream, owner = Source(b"a", b"b", ends_at=9).shared()
    assert await rest(stream.read(owner)) == [b"A", b"B"]
    assert not stream.whole


async def test_a_fault_is_told_to_all_after_what_came_before_it() -> None:
    over: list[bool] = []
    stream, owner = Source(b"a", fault=UpstreamBroken("cut")).shared()
    stream.on_over = lambda: over.append(True)
    for reader in (stream.read(owner), stream.read(call_of("chat"))):
        assert await reader.pull() == b"A"
        with pytest.raises(UpstreamBroken, match="cut"):
            await reader.pull()
    assert not stream.whole
    assert not stream.joinable
    assert over == [True]


async def test_the_quickest_is_never_far_ahead_of_the_slowest() -> None:
    source = Source(*[b"x" * 100] * 50)
    stream, owner = source.shared(max_bytes=1_000)
    slow, quick = stream.read(call_of("chat")), stream.read(owner)
    reading = asyncio.create_task(rest(quick))
    await asyncio.sleep(0.01)
    assert source.pulled == 11
    assert not stream.joinable, "it is no longer all there"
    await slow.pull()
    await asyncio.sleep(0.01)
    assert (source.pulled, len(stream.pieces)) == (12, 11)
    slow.call.close()
    assert len(await reading) == 50
    assert not stream.whole, "what is not all there is not kept"
    assert len(stream.pieces) <= 11


async def test_a_slow_owner_alone_does_not_fill_the_memory() -> None:
    source = Source(*[b"x" * 100] * 50)
    stream, owner = source.shared(max_bytes=1_000)
    reader = stream.read(owner)
    await asyncio.sleep(0.01)
    assert source.pulled == 11
    assert len(await rest(reader)) == 50


async def test_when_all_have_left_the_upstream_is_let_go() -> None:
    source = Source(b"a", b"b")
    source.gate = asyncio.Semaphore(1)
    over: list[bool] = []
    stream, owner = source.shared()
    stream.on_over = lambda: over.append(True)
    other = call_of("chat")
    readers: Sequence[Reader] = [stream.read(owner), stream.read(other)]
    assert [await reader.pull() for reader in readers] == [b"A", b"A"]
    owner.close()
    await asyncio.sleep(0)
    assert (source.cancelled, over) == (False, [])
    other.close()
    await asyncio.sleep(0.01)
    assert (source.cancelled, over) == (True, [True])


def told(stream: SharedStream) -> None:
    """Who keeps what it says knows the stream."""


@pytest.mark.parametrize("how", ["whole", "cut", "left"])
async def test_a_stream_that_all_have_left_leaves_nothing_to_the_collector(how: str) -> None:
    source = Source(b"a", fault=UpstreamBroken("cut") if how == "cut" else None)
    stream, owner = source.shared()
    stream.on_whole = stream.on_over = partial(told, stream)
    known = weakref.ref(stream)
    other = call_of("chat")
    if how == "left":
        source.gate = asyncio.Semaphore(1)
    for reader in (stream.read(owner), stream.read(other)):
        assert await reader.pull() == b"A"
        with pytest.raises(UpstreamBroken) if how == "cut" else contextlib.nullcontext():
            assert how == "left" or await reader.pull() is None
    del stream, reader
    gc.disable()
    try:
        owner.close()
        other.close()
        await asyncio.sleep(0.01)
        assert known() is None
    finally:
        gc.enable()


async def test_an_owner_that_leaves_hands_its_call_over() -> None:
    source = Source(b"a", b"b")
    source.gate = asyncio.Semaphore(1)
    stream, owner = source.shared()
    closed: list[str] = []
    owner.on_close(lambda: closed.append("exchange"))
    owner.attempts.append(Attempt(n=1, target="p/m"))
    owner.target, owner.record.target = Target("p", "m"), "p/m"
    gone, heir = call_of("chat"), call_of("chat")
    readers = [stream.read(owner), stream.read(gone), stream.read(heir)]
    assert [await reader.pull() for reader in readers] == [b"A"] * 3
    gone.end("cancelled")
    owner.end("cancelled")
    assert stream.hand_over() is heir
    owner.close()
    assert (owner.attempts, closed) == ([], [])
    assert ([one.target for one in heir.attempts], heir.record.target, heir.served) == (["p/m"], "p/m", source.served)
    source.gate.release()
    source.gate.release()
    assert await rest(readers[2]) == [b"B"]
    assert heir.served.complete
    heir.end("completed")
    assert stream.hand_over() is None, "there is nothing left to hand over"
    heir.close()
    assert closed == ["exchange"]


async def test_an_owner_without_an_heir_keeps_its_call() -> None:
    stream, owner = Source(b"a").shared()
    reader = stream.read(owner)
    owner.attempts.append(Attempt(n=1))
    assert await reader.pull() == b"A"
    assert stream.hand_over() is None
    assert len(owner.attempts) == 1
    assert owner.served.complete, "it had been whole"
