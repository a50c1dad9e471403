"""Doubles that ship: a clock moved by hand, and an upstream that speaks just enough HTTP to misbehave on purpose.

Use it to test an application against a gateway without a provider, or the gateway against a provider that stalls,
resets, lies about its length or answers with HTML:

    async with ScriptedUpstream({"/v1/chat/completions": [json_answer({"id": "x", "choices": []})]}) as upstream:
        ...  # point a provider's base_url at upstream.base_url
        upstream.requests[-1].body
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec


class Received(msgspec.Struct):
    """One request as it arrived. `closed_at`: loop time at which the client was seen to be gone, or None."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    closed_at: float | None = None

    def json(self) -> Any:
        return json.loads(self.body)


WATCH_S = 0.003
Write = Callable[[bytes], Awaitable[None]]
Script = Callable[[Received, Write], Awaitable[None]]


class ScriptedUpstream:
    """A server whose every answer is a script; `answers` maps a path to one script, or to several used in turn
    (the last one goes on for ever). `"*"` stands for any other path."""

    def __init__(self, answers: dict[str, Script | Sequence[Script]], host: str = "127.0.0.1", port: int = 0) -> None:
        self._answers = {path: [script] if callable(script) else list(script) for path, script in answers.items()}
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests: list[Received] = []

    @property
    def base_url(self) -> str:
        assert self._server is not None, "the upstream is used inside `async with`"
        return f"http://{self._host}:{self._server.sockets[0].getsockname()[1]}/v1"

    def set(self, path: str, *scripts: Script) -> None:
        """Replace what a path answers from now on."""
        self._answers[path] = list(scripts)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, self._port, limit=64 * 1024 * 1024)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None, "entered before"
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "start_server runs this in a task"
        self._tasks.add(task)
        try:
            while (received := await _read_request(reader)) is not None:
                self.requests.append(received)
                if not await self._answer(received, reader, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort() if writer.is_closing() else writer.close()

    async def _answer(self, received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Run the script and watch the client meanwhile; whether the connection can serve another request."""
        scripts = self._answers.get(received.path.partition("?")[0]) or self._answers.get("*") or [status(404)]
        script = scripts.pop(0) if len(scripts) > 1 else scripts[0]

        async def write(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        async def watch() -> None:
            # Looked at, not read: a byte that is there belongs to the next request.
            while not reader.at_eof() and reader.exception() is None:  # noqa: ASYNC110  streams have no event for it
                await asyncio.sleep(WATCH_S)
            received.closed_at = asyncio.get_running_loop().time()
            running.cancel()

        running = asyncio.ensure_future(script(received, write))
        watching = asyncio.ensure_future(watch())
        try:
            await asyncio.wait({running})
            error = None if running.cancelled() else running.exception()
            if isinstance(error, Hangup):
                if error.reset:
                    _reset(writer)
                return False
            if isinstance(error, ConnectionError):
                received.closed_at = asyncio.get_running_loop().time()
            elif error is not None:
                raise error
            return received.closed_at is None and not running.cancelled() and error is None
        finally:
            running.cancel()
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


class Hangup(Exception):
    """Raised by a script to close the connection now; `reset`: with a TCP reset instead of an orderly end."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__("hang up")
        self.reset = reset


def _reset(writer: asyncio.StreamWriter) -> None:
    import socket
    import struct

    raw: socket.socket | None = writer.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _read_request(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method=method, path=path, headers=headers, body=body)


def _head(code: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {code} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def raw(*steps: bytes | float | Exception) -> Script:
    """The most general script: bytes to write as they are, seconds to wait, an exception (`Hangup`) to raise."""

    async def script(_received: Received, write: Write) -> None:
        for step in steps:
            if isinstance(step, bytes):
                await write(step)
            elif isinstance(step, Exception):
                raise step
            else:
                await asyncio.sleep(step)

    return script


def body_answer(
    body: bytes, content_type: str = "application/json", code: int = 200, headers: dict[str, str] | None = None
) -> Script:
    """A whole answer with its length."""
    head = {"content-type": content_type, "content-length": str(len(body)), **(headers or {})}
    return raw(_head(code, head) + body)


def json_answer(value: object, code: int = 200, headers: dict[str, str] | None = None) -> Script:
    return body_answer(json.dumps(value).encode(), "application/json", code, headers)


class Gated:
    """A script that answers only when it is told to.

    Attributes:
        begun: set when a request has come. gate: to be set for the answer to go out.
    """

    def __init__(self, answer: Script) -> None:
        self._answer = answer
        self.begun, self.gate = asyncio.Event(), asyncio.Event()

    async def __call__(self, received: Received, write: Write) -> None:
        self.begun.set()
        await self.gate.wait()
        await self._answer(received, write)


def status(code: int, body: bytes = b"") -> Script:
    return body_answer(body, "text/plain", code)


def event_stream(
    *events: bytes | float | Exception, headers: dict[str, str] | None = None, finish: bool = True
) -> Script:
    """A chunked `text/event-stream`: each bytes step one chunk, floats are pauses; unfinished if `finish` is False."""
    head = _head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked", **(headers or {})})
    steps: list[bytes | float | Exception] = [head]
    for event in events:
        steps.append(b"%x\r\n%s\r\n" % (len(event), event) if isinstance(event, bytes) else event)
    if finish:
        steps.append(b"0\r\n\r\n")
    return raw(*steps)


def event(value: object) -> bytes:
    """One `data:` event."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self, at: float | None = None) -> None:
        self.at = time.time() if at is None else at

    def now(self) -> float:
        return self.at

    def now_ns(self) -> int:
        return int(self.at * 1e9)

    def monotonic(self) -> float:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += seconds
