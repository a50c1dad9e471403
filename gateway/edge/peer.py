"""The client of one request, as an endpoint sees it: what it sends, what it is answered, and whether it is there.

The gateway's own server is such a peer itself; any other server's is one by ASGI.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from gateway.edge.asgi import Receive, Send, encode_headers

# Where a scope of the gateway's own server holds it.
PEER = "gateway.peer"
Headers = list[tuple[str, str]]
# Status, headers (names in lower case), and the body's length, where it is known and not among them.
Head = tuple[int, Headers, int | None]


class ClientGone(Exception):
    """The client hung up, or did not read for so long that it counts as gone."""

    def __init__(self, message: str = "the request broke off, or its body is not framed as HTTP wants it") -> None:
        super().__init__(message)


class Peer(Protocol):
    """See above. `task`: in which its request is answered."""

    @property
    def task(self) -> asyncio.Task[None]: ...

    def whole(self) -> bytes | None:
        """The request's body, where all of it has come and nothing of it was read; None: it is to be read."""
        ...

    async def read(self) -> tuple[bytes, bool]:
        """The next piece of the request's body, and whether there are more.

        Raises:
            ClientGone: the rest will not come.
        """
        ...

    def write(self, head: Head | None, piece: bytes, *, more: bool) -> Awaitable[None] | None:
        """Send a piece of the answer, the first with its head, the last without `more`. What it gives is awaited, and
        over once the client keeps up with what was written; None: it does already."""
        ...

    def watch(self, gone: Callable[[], None]) -> None:
        """The whole request was read, and its client can only hang up: `gone` is told when it does."""
        ...

    def unwatch(self) -> None:
        """Nobody needs to know any more."""
        ...


async def piece_of(receive: Receive) -> tuple[bytes, bool]:
    """As `Peer.read`, of ASGI's messages."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message.get("body", b""), message.get("more_body", False)


class AsgiPeer:
    """By ASGI's two functions."""

    __slots__ = ("_receive", "_send", "_watcher", "task")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._watcher: asyncio.Task[None] | None = None
        task = asyncio.current_task()
        assert task is not None, "a server runs every request in a task"
        self.task: asyncio.Task[None] = task

    def whole(self) -> bytes | None:
        return None

    async def read(self) -> tuple[bytes, bool]:
        return await piece_of(self._receive)

    async def write(self, head: Head | None, piece: bytes, *, more: bool) -> None:
        if head is not None:
            status, headers, length = head
            if length is not None:
                headers = [*headers, ("content-length", str(length))]
            await self._send({"type": "http.response.start", "status": status, "headers": encode_headers(headers)})
        await self._send({"type": "http.response.body", "body": piece, "more_body": more})

    def watch(self, gone: Callable[[], None]) -> None:
        self._watcher = asyncio.create_task(self._wait(gone))

    async def _wait(self, gone: Callable[[], None]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        gone()

    def unwatch(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()
