"""The gateway's own HTTP server on a free port, an application that shows what it was asked, and a client of bytes."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec

from gateway.edge.asgi import App, Message, Receive, Scope, Send
from gateway.edge.http1.listener import Http1Server
from gateway.edge.server import ServerOptions, http_server, listen
from tests.conftest import within

Path = Callable[[Scope, Receive, Send], Awaitable[None]]
ANSWER_WITHIN_S = 30.0


async def body_of(receive: Receive) -> bytes | None:
    """The whole body; None if the client went before."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message["body"]
        if not message["more_body"]:
            return body


def start(status: int = 200, **headers: str) -> Message:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}


def piece(body: bytes = b"", more: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def answer(send: Send, body: bytes, status: int = 200, **headers: str) -> None:
    await send(start(status, content_length=str(len(body)), **headers))
    await send(piece(body))


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """What was asked, as JSON."""
    body = await body_of(receive)
    if body is None:
        await answer(send, b"the body broke off", 400, connection="close")
        return
    names = ("method", "path", "http_version", "scheme", "client", "server")
    said = {name: scope[name] for name in names}
    said["query"] = scope["query_string"].decode()
    said["headers"] = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
    said["body"] = body.decode("latin-1")
    await answer(send, json.dumps(said).encode())


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    await body_of(receive)
    await send(start())
    for word in (b"one", b"", b"two"):
        await send(piece(word, more=True))
    await send(piece())


async def unread(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers before it has read."""
    await answer(send, b"no", 413)


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start(204))
    await send(piece())


async def crash(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("a bug")


async def half(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start())
    await send(piece(b"half", more=True))
    raise RuntimeError("a bug in the middle")


async def short(scope: Scope, receive: Receive, send: Send) -> None:
    await send(start(content_length="10"))
    await send(piece(b"short"))


async def injected(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, b"ok", x_said="a\r\nset-cookie: b=c")


def held(release: asyncio.Event) -> App:
    """Answers when it is told to."""

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        await answer(send, b"done")

    return waiting


PATHS: dict[str, Path] = {
    "/stream": stream,
    "/unread": unread,
    "/204": nothing,
    "/crash": crash,
    "/half": half,
    "/short": short,
    "/injected": injected,
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await PATHS.get(scope["path"], echo)(scope, receive, send)


class Desk(msgspec.Struct, frozen=True):
    server: Http1Server
    port: int

    async def say(self, *pieces: bytes | float) -> bytes:
        """All that is answered to these bytes (numbers are pauses in seconds) until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with within(ANSWER_WITHIN_S):
                with contextlib.suppress(ConnectionError):
                    for one in pieces:
                        if isinstance(one, bytes):
                            writer.write(one)
                            await writer.drain()
                        else:
                            await asyncio.sleep(one)
                    return await reader.read()
                return b""
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def serving(application: App = app, stall_s: float = 60.0, **options: Any) -> AsyncIterator[Desk]:
    made = ServerOptions(port=0, **options)
    listener = listen(made)
    port = listener.getsockname()[1]
    server = http_server(application, listener.detach(), made, stall_s)
    assert isinstance(server, Http1Server)
    task = asyncio.create_task(server.serve())
    try:
        yield Desk(server, port)
    finally:
        server.stop()
        async with within(ANSWER_WITHIN_S):
            await task
        assert not server.connections


def request(path: str = "/", *headers: str, method: str = "GET", body: bytes = b"", close: bool = True) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: gateway", *headers]
    if body:
        lines.append(f"content-length: {len(body)}")
    if close:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def statuses(answered: bytes) -> list[int]:
    """Of all answers on one connection, whose bodies hold no such line themselves."""
    return [int(part[:3]) for part in answered.split(b"HTTP/1.1 ")[1:]]


def said(answered: bytes) -> dict[str, Any]:
    """What `echo` was asked."""
    return json.loads(answered.partition(b"\r\n\r\n")[2])
