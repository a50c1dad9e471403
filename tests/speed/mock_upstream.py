"""The upstream of all contestants: raw HTTP/1.1 on a uvloop Protocol, fast enough not to be what is measured.

    python -m tests.speed.mock_upstream PORT

`POST …/chat/completions` answers as the model's name says (`answers.py`). Beside it, a side channel for the bench:
`GET /stats` gives `{"requests": n, "events": n}`; `POST /release` lets every gated stream send its next event.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import cast

import uvloop

from tests.speed import answers

JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
WHOLE = JSON_HEAD + b"x-request-id: req_1\r\nopenai-processing-ms: 12\r\ncontent-length: %d\r\n\r\n%s" % (
    len(answers.WHOLE),
    answers.WHOLE,
)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
NO_LENGTH = b"HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def chunk(payload: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(payload), payload)


CHUNKS = tuple(chunk(event) for event in answers.EVENTS)
CHUNKS_WITH_USAGE = tuple(chunk(event) for event in answers.EVENTS_WITH_USAGE)


class Shared:
    """What the connections of one mock have in common."""

    def __init__(self) -> None:
        self.requests = 0
        self.events = 0
        self.gated: list[Callable[[], None]] = []

    def release(self) -> None:
        waiting, self.gated = self.gated, []
        for proceed in waiting:
            proceed()


class Upstream(asyncio.Protocol):
    """One connection; one request at a time, as proxies send them."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._writable = True
        self._blocked: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass of it

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable, self._blocked = False, None

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        proceed, self._blocked = self._blocked, None
        if proceed is not None:
            proceed()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = content_length(head)
            if length is None:
                self._transport.write(NO_LENGTH)
                self._transport.close()
                return
            body_end = end + 4 + length
            if len(self._buffer) < body_end:
                return
            body, self._buffer = self._buffer[end + 4 : body_end], self._buffer[body_end:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if b"chat/completions" not in head:
            self._answer_bench(head)
            return
        self._shared.requests += 1
        if b'"bench-plain"' in body:
            self._transport.write(WHOLE)
        elif b'"bench-delayed"' in body:
            self._loop.call_later(answers.DELAY_S, self._transport.write, WHOLE)
        elif b'"bench-gated"' in body:
            self._transport.write(STREAM_HEAD)
            self._send_gated(0)
        else:
            self._transport.write(STREAM_HEAD)
            chunks = CHUNKS_WITH_USAGE if b'"include_usage"' in body else CHUNKS
            self._send(chunks, 0, answers.PACE_S if b'"bench-paced"' in body else 0.0)

    def _answer_bench(self, head: bytes) -> None:
        if head.startswith(b"post /release "):
            self._shared.release()
        said = json.dumps({"requests": self._shared.requests, "events": self._shared.events}).encode()
        self._transport.write(JSON_HEAD + b"content-length: %d\r\n\r\n%s" % (len(said), said))

    def _send(self, chunks: Sequence[bytes], index: int, pace_s: float) -> None:
        """One event, then the next in another turn of the loop, so that each is a write of its own."""
        if self._transport.is_closing():
            return
        if not self._writable:
            self._blocked = lambda: self._send(chunks, index, pace_s)
            return
        self._shared.events += 1
        self._transport.write(chunks[index])
        if index + 1 == len(chunks):
            self._transport.write(LAST_CHUNK)
        elif pace_s:
            self._loop.call_later(pace_s, self._send, chunks, index + 1, pace_s)
        else:
            self._loop.call_soon(self._send, chunks, index + 1, pace_s)

    def _send_gated(self, index: int) -> None:
        """An event that tells when it was sent; the next one only after the client has confirmed this one."""
        if self._transport.is_closing():
            return
        if index < answers.GATES:
            self._transport.write(chunk(answers.delta(f"sent_ns={time.monotonic_ns()} ")))
            self._shared.gated.append(lambda: self._send_gated(index + 1))
        else:
            self._transport.write(chunk(answers.FINISH) + chunk(answers.DONE) + LAST_CHUNK)


def content_length(head: bytes) -> int | None:
    """Of a request's head in lower case; None when the body is framed in a way that the mock does not read."""
    start = head.find(b"\r\ncontent-length:")
    if start >= 0:
        return int(head[start + 17 :].split(b"\r\n", 1)[0])
    return None if b"\r\ntransfer-encoding:" in head else 0


async def serve(port: int) -> None:
    shared = Shared()
    server = await asyncio.get_running_loop().create_server(lambda: Upstream(shared), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
