"""What a turn of the loop writes goes out together at its end, in order, and one connection's failure is its own."""

import asyncio
from typing import Any, cast

import pytest

from gateway.transport.outbox import MOST_BYTES, MOST_WAITING, Outbox, Outgoing


class Transport:
    """Notes what is written."""

    def __init__(self, fails: bool = False) -> None:
        self.written: list[bytes] = []
        self.fails = fails
        self.closing = False

    def write(self, data: bytes) -> None:
        if self.fails:
            raise RuntimeError("a bug")
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True


def outgoing(outbox: Outbox, transport: Transport) -> Outgoing:
    return Outgoing(outbox, cast(Any, transport))


async def test_at_the_end_of_the_turn_in_one_piece_each() -> None:
    outbox, first, second = Outbox(), Transport(), Transport()
    one, two = outgoing(outbox, first), outgoing(outbox, second)
    one.write(b"a")
    two.write(b"b")
    one.write(b"c")
    assert (first.written, second.written) == ([], [])
    await asyncio.sleep(0)
    assert (first.written, second.written) == ([b"ac"], [b"b"])
    one.write(b"d")
    await asyncio.sleep(0)
    assert first.written == [b"ac", b"d"]


async def test_much_of_one_is_written_at_once_and_in_order() -> None:
    outbox, transport = Outbox(), Transport()
    one = outgoing(outbox, transport)
    one.write(b"a")
    one.write(b"x" * MOST_BYTES)
    assert transport.written == [b"a" + b"x" * MOST_BYTES]
    one.write(b"b")
    one.flush()
    assert transport.written[1:] == [b"b"]
    await asyncio.sleep(0)
    assert len(transport.written) == 2


async def test_one_large_piece_is_written_at_once() -> None:
    outbox, transport = Outbox(), Transport()
    one = outgoing(outbox, transport)
    one.write(b"x" * (MOST_BYTES + 1))
    assert transport.written == [b"x" * (MOST_BYTES + 1)]
    one.write(b"a")
    one.write(b"b")
    await asyncio.sleep(0)
    assert transport.written[1:] == [b"ab"]


async def test_nobody_waits_for_many_others() -> None:
    outbox, transports = Outbox(), [Transport() for _ in range(MOST_WAITING)]
    for transport in transports:
        outgoing(outbox, transport).write(b"x")
    assert all(transport.written == [b"x"] for transport in transports)
    await asyncio.sleep(0)
    assert all(transport.written == [b"x"] for transport in transports)


async def test_one_that_fails_or_is_closed_is_nobody_elses_concern(caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox()
    fails, closed, good = Transport(fails=True), Transport(), Transport()
    for transport in (fails, closed, good):
        outgoing(outbox, transport).write(b"x")
    closed.closing = True
    await asyncio.sleep(0)
    assert (closed.written, good.written) == ([], [b"x"])
    assert fails.closing
    assert "could not be written to" in caplog.text
