"""One request and its answer: a peer for the endpoints that carry calls, and by ASGI for everything else."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from gateway.edge.asgi import Message, Scope
from gateway.edge.http1.framing import CONTINUE, LAST_CHUNK, Asked, Begun, begin, chunk
from gateway.edge.peer import ClientGone, Head

# Larger pieces are written in parts of so much, and whether the client reads is looked at in between: a TLS transport
# takes a part of any size, and says only with the next that it was too much.
PART_BYTES = 64 * 1024
# What a piece of a body takes besides its bytes: somebody may send one byte at a time.
PIECE_BYTES = 64


class Wire(Protocol):
    """What an exchange needs of its connection. `date`: see `begin`. `full`: the client does not read what was
    written. `write`: to it, if it is still there."""

    date: str
    full: bool
    write: Callable[[bytes], None]

    async def drained(self) -> None:
        """Until the client has read enough of what was written, or is gone."""
        ...

    def taken(self) -> None:
        """What was held of the request's body has been taken."""
        ...

    def answered(self, exchange: "Exchange", *, close: bool) -> None: ...

    def abort(self) -> None: ...


class Exchange:
    """Attributes:
    complete: all of the request has come. cut: the rest of it never will, but its client may be there.
    gone: nobody reads the answer. answered: all of it was written, and the client keeps up with it.
    held: bytes of the body that nobody has taken yet. task: in which it is answered.
    """

    __slots__ = (
        "__weakref__",
        "_asked",
        "_begun",
        "_ended",
        "_expects_continue",
        "_head",
        "_loop",
        "_pieces",
        "_reader",
        "_rest",
        "_sent",
        "_told",
        "_watcher",
        "_wire",
        "answered",
        "complete",
        "cut",
        "gone",
        "held",
        "scope",
        "task",
    )

    def __init__(
        self, wire: Wire, loop: asyncio.AbstractEventLoop, scope: Scope, asked: Asked, expects_continue: bool
    ) -> None:
        self._wire = wire
        self._loop = loop
        self._asked = asked
        self._expects_continue = expects_continue
        self._pieces: list[bytes] = []
        self._reader: asyncio.Future[None] | None = None
        self._watcher: Callable[[], None] | None = None
        self._head: Head | None = None  # by ASGI, whose first message has no body yet
        self._begun: Begun | None = None
        self._rest: memoryview | None = None
        self._sent = 0
        self._told = self._ended = False
        self.scope = scope
        self.complete = self.cut = self.gone = self.answered = False
        self.held = 0
        self.task: asyncio.Task[None]

    # What the connection says

    def feed(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.held += len(piece) + PIECE_BYTES
        if self._reader is not None:
            self._wake()

    def feed_all(self, body: bytes) -> None:
        """The whole body, before anybody reads it."""
        if body:
            self._pieces.append(body)
            self.held = len(body) + PIECE_BYTES
        self.complete = True

    def finish(self) -> None:
        """The request has come to its end."""
        self.complete = True
        if self._reader is not None:
            self._wake()

    def cut_off(self) -> None:
        """What the client sends cannot be told apart any more."""
        self.cut = True
        self._wake()

    def lose(self) -> None:
        """The client is gone."""
        self.gone = True
        self._wake()
        if self._watcher is not None:
            self._watcher()

    # What an endpoint calls, as its peer

    def whole(self) -> bytes | None:
        return None if self._told or not self.complete else self._take()

    async def read(self) -> tuple[bytes, bool]:
        """See `Peer`. One at a time."""
        while not self._pieces and not self.complete:
            if self.gone or self.cut or self.answered:
                raise ClientGone
            if self._expects_continue:
                self._expects_continue = False
                if self._begun is None:
                    self._wire.write(CONTINUE)
            await self._news()
        piece = self._take()
        return piece, not self.complete

    def _take(self) -> bytes:
        """What has come of the body, and was not taken before."""
        pieces = self._pieces
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if pieces:
            self._pieces = []
            self.held = 0
            self._wire.taken()
        self._told = self.complete
        return piece

    def write(self, head: Head | None, piece: bytes, *, more: bool) -> Awaitable[None] | None:
        """See `Peer`.

        Raises:
            ValueError: the answer has another length than it says.
        """
        if self.gone or self.answered:
            return None
        if self._rest:  # of a piece whose sender was called off while the client did not read
            return self._write_behind_rest(head, piece, more)
        wire = self._wire
        if not self._ended:
            data = self._framed(head, piece, more)
            self._ended = not more
            if len(data) <= PART_BYTES:
                wire.write(data)
            else:
                self._rest = memoryview(data)
                return self._catch_up()
        if wire.full:
            return self._catch_up()
        if self._ended:
            self._over()
        return None

    async def _write_behind_rest(self, head: Head | None, piece: bytes, more: bool) -> None:
        await self._write_rest()
        if (behind := self.write(head, piece, more=more)) is not None:
            await behind

    async def _catch_up(self) -> None:
        """Until the client keeps up with what was written."""
        await self._write_rest()
        if self._wire.full:
            await self._wire.drained()
        if self._ended and not self.gone:
            self._over()

    def _framed(self, head: Head | None, piece: bytes, more: bool) -> bytes:
        """A piece as it is sent, the first with the answer's head in front of it."""
        if self._begun is not None:
            return self._in_frame(self._begun, piece, more)
        assert head is not None, "an answer begins with its head"
        # With a body unread the next request could not be found: the connection ends with the answer.
        asked = self._asked if self.complete else _closing(self._asked)
        status, headers, length = head
        begun = self._begun = begin(status, headers, asked, self._wire.date, length)
        if begun.length == len(piece) and not (more or begun.bodiless):
            return begun.head + piece  # whole
        return begun.head + self._in_frame(begun, piece, more)

    def _in_frame(self, begun: Begun, piece: bytes, more: bool) -> bytes:
        if begun.bodiless:
            return b""
        if begun.chunked:
            return chunk(piece) if more else chunk(piece) + LAST_CHUNK
        self._sent += len(piece)
        length = begun.length
        # Another length than was said would shift all that comes after on this connection.
        if length is not None and (self._sent > length or (not more and self._sent < length)):
            raise ValueError(f"the answer was said to have {length} bytes, and has {self._sent} or more")
        return piece

    async def _write_rest(self) -> None:
        while rest := self._rest:
            self._rest = rest[PART_BYTES:]
            self._wire.write(bytes(rest[:PART_BYTES]))
            if self._wire.full:
                await self._wire.drained()
        self._rest = None

    def watch(self, gone: Callable[[], None]) -> None:
        self._watcher = gone
        if self.gone:
            gone()

    def unwatch(self) -> None:
        self._watcher = None

    # What an ASGI application calls

    async def receive(self) -> Message:
        """The body as it comes; once all of it was given, `http.disconnect` when the client goes. One at a time."""
        if not self._told:
            try:
                body, more = await self.read()
            except ClientGone:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": body, "more_body": more}
        while not (self.gone or self.answered):
            await self._news()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """The head goes out with the first of the body."""
        if message["type"] == "http.response.start":
            pairs = message.get("headers", ())
            headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in pairs]
            self._head = (message["status"], headers, None)
        elif message["type"] == "http.response.body":
            behind = self.write(self._head, message.get("body", b""), more=message.get("more_body", False))
            if behind is not None:
                await behind

    # What the server calls

    def over(self) -> None:
        """The application has returned. An answer that it left undone ends with the connection."""
        self._watcher = None
        if self.answered or self.gone:
            return
        if self._begun is not None:
            self._wire.abort()
            return
        self._begun = begin(500, [], _closing(self._asked), self._wire.date, 0)
        self._wire.write(self._begun.head)
        self._over()

    def _over(self) -> None:
        """All is written, and the client keeps up."""
        assert self._begun is not None, "it has begun"
        self.answered = True
        self._wire.answered(self, close=self._begun.close)
        if self._reader is not None:
            self._wake()

    async def _news(self) -> None:
        self._reader = self._loop.create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


def _closing(asked: Asked) -> Asked:
    """The same, and the connection is to end with the answer."""
    return msgspec.structs.replace(asked, keep_alive=False)
