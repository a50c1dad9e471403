"""Single requests: is it up, is its answer whole, and is a stream's event held back?"""

import asyncio
import contextlib
import json
import re
import socket
import time

import msgspec

from tests.speed import answers
from tests.speed.http_reading import AnswerReader, Malformed, request_bytes

HELD_BACK_AFTER_S = 1.0
SENT_AT = re.compile(rb"sent_ns=(\d+)")


def ask(port: int, request: bytes, timeout_s: float = 5.0) -> AnswerReader:
    """One request on a connection of its own; the whole answer.

    Raises:
        OSError: nobody listens there, or it took too long. Malformed: the answer is cut off or badly framed.
    """
    answer = AnswerReader()
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.sendall(request)
        while not answer.complete:
            data = connection.recv(65536)
            if not data:
                raise Malformed("the connection was closed before the answer was complete")
            answer.feed(data)
    return answer


def answers_with(port: int, request: bytes, status: int = 200) -> bool:
    """Whether the request is answered with this status now."""
    with contextlib.suppress(OSError, Malformed):
        return ask(port, request).status == status
    return False


def stats(port: int) -> dict[str, int]:
    """The counters of the mock upstream, or of the OTLP sink."""
    return json.loads(ask(port, request_bytes(port, "GET", "/stats")).payload())


class FirstEvent(msgspec.Struct, frozen=True):
    """`delays_us`: from the upstream's write to our read, of each gated event; `held_back`: one did not come while
    the upstream was waiting."""

    delays_us: tuple[float, ...]
    held_back: bool


async def gated_stream(port: int, request: bytes, ending: bytes, mock_port: int) -> FirstEvent:
    """Read a stream of which the upstream sends the next event only after this one has been seen here.

    Raises:
        Malformed: the answer is not a complete stream of 200.
    """
    answer = AnswerReader()
    delays: list[float] = []
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        while not answer.complete:
            try:
                async with asyncio.timeout(HELD_BACK_AFTER_S):
                    data = await reader.read(65536)
            except TimeoutError:
                return FirstEvent(tuple(delays), held_back=True)
            now = time.monotonic_ns()
            if not data:
                raise Malformed("the stream was cut off")
            answer.feed(data)
            if answer.status not in (0, 200):
                raise Malformed(f"the stream was answered with {answer.status}")
            sent = SENT_AT.findall(answer.payload())
            if len(sent) > len(delays):
                delays.append((now - int(sent[-1])) / 1000)
                await release(mock_port)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    if len(delays) != answers.GATES or not answer.payload().endswith(ending):
        raise Malformed("the stream is complete, but its events are not all there")
    return FirstEvent(tuple(delays), held_back=False)


async def release(mock_port: int) -> None:
    """Confirm to the mock, on a connection of its own, that what it sent has arrived."""
    await asyncio.to_thread(ask, mock_port, request_bytes(mock_port, "POST", "/release"))
