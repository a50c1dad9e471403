"""One connection of an upstream that fails by script: raw HTTP/1.1, cheap enough not to be what is measured."""

import asyncio
import random
from collections.abc import Callable
from typing import Protocol, cast

from tests.fleet import answers
from tests.fleet.modes import Behaviour
from tests.speed.mock_upstream import JSON_HEAD, LAST_CHUNK, NO_LENGTH, chunk, content_length

ERROR_S = 0.002
LIMITS = (
    b"x-ratelimit-limit-requests: 10000\r\nx-ratelimit-remaining-requests: 9999\r\nx-ratelimit-reset-requests: 6ms\r\n"
    b"x-ratelimit-limit-tokens: 30000000\r\nx-ratelimit-remaining-tokens: 29999900\r\nx-ratelimit-reset-tokens: 0s\r\n"
)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n%stransfer-encoding: chunked\r\n\r\n" % LIMITS
ERROR_HEAD = b"HTTP/1.1 %d Scripted\r\ncontent-type: application/json\r\n%scontent-length: %d\r\n\r\n"


class Owner(Protocol):
    """The upstream that a connection belongs to."""

    @property
    def name(self) -> str: ...
    @property
    def chance(self) -> random.Random: ...

    def receive(self, connection: "Connection", nonce: str, traced: bool) -> None:
        """A request is there; `connection.work` is called when it is its turn."""

    def leave(self, connection: "Connection", how: str, made: float) -> None:
        """It is over: `how` is a field of Counts; `made`: the part of its answer that there was by then."""


class Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self, upstream: Owner, connections: "set[Connection]") -> None:
        self._upstream = upstream
        self._loop = asyncio.get_running_loop()
        self._connections = connections
        self._buffer = b""
        self._asked = ""  # the nonce of the request under way
        self._stream = self._usage = False
        self._timer: asyncio.TimerHandle | None = None
        self._began = self._takes_s = 0.0
        self._made: float | None = None  # of a stream, or of an answer that nothing follows

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass of it
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._end("cancelled")

    def reset(self, why: str) -> None:
        self._end(why)
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._asked:
            return
        head = self._buffer[:end].lower()
        length = content_length(head)
        if length is None:
            self._transport.write(NO_LENGTH)
            self._transport.close()
            return
        if len(self._buffer) < (body_end := end + 4 + length):
            return
        body, self._buffer = self._buffer[end + 4 : body_end], self._buffer[body_end:]
        found = answers.NONCE.search(body)
        self._asked = found[1].decode() if found else "?"
        self._stream, self._usage = b'"stream":true' in body.replace(b": ", b":"), b'"include_usage"' in body
        self._takes_s, self._made = 0.0, None
        self._upstream.receive(self, self._asked, b"\r\ntraceparent:" in head)

    def work(self, behaviour: Behaviour) -> None:
        """Do with the request what the behaviour says."""
        upstream = self._upstream
        self._began = self._loop.time()
        takes_s = ERROR_S if behaviour.does == "status" else upstream.chance.uniform(*behaviour.latency_s)
        if behaviour.does == "status":
            self._later(takes_s, lambda: self._fail(behaviour))
        elif behaviour.does in ("silence", "refuse"):
            self._made = 0.0
        else:
            self._takes_s = takes_s
            self._later(takes_s, lambda: self._answer(behaviour))

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        self._timer = self._loop.call_later(delay_s, action)

    def _fail(self, behaviour: Behaviour) -> None:
        told = b"" if behaviour.retry_after_s is None else b"retry-after: %d\r\n" % behaviour.retry_after_s
        body = answers.error(behaviour.code, "scripted")
        self._transport.write(ERROR_HEAD % (behaviour.status, told, len(body)) + body)
        self._made = 0.0
        self._end("failed")

    def _answer(self, behaviour: Behaviour) -> None:
        nonce, name = self._asked, self._upstream.name
        if self._stream:
            self._transport.write(STREAM_HEAD)
            self._made = 0.0
            if behaviour.does != "head":
                events = answers.events(nonce, name, usage=self._usage)
                self._send(events, 0, behaviour)
            return
        body = answers.whole(nonce, name)
        self._transport.write(JSON_HEAD + LIMITS + b"content-length: %d\r\n\r\n" % len(body))
        self._made = 1.0
        if behaviour.does == "cut":
            self._transport.write(body[: len(body) // 2])
            self._later(behaviour.pace_s, lambda: self.reset("cut"))
        elif behaviour.does == "answer":
            self._transport.write(body)
            self._end("answered")

    def _send(self, events: list[bytes], index: int, behaviour: Behaviour) -> None:
        self._made = (index + 1) / len(events)
        if behaviour.does == "cut" and index == len(events) // 2:
            self.reset("cut")
        elif index + 1 == len(events):
            self._transport.write(chunk(events[index]) + LAST_CHUNK)
            self._end("answered")
        else:
            self._transport.write(chunk(events[index]))
            self._later(behaviour.pace_s, lambda: self._send(events, index + 1, behaviour))

    def _end(self, how: str) -> None:
        if not self._asked:
            return
        if self._timer is not None:
            self._timer.cancel()
        made = self._made
        if made is None:
            spent_s = self._loop.time() - self._began
            made = min(1.0, spent_s / self._takes_s) if self._takes_s else 0.0
        self._asked = ""
        self._upstream.leave(self, how, made)
