"""One HTTP/1.1 connection to an upstream, as an asyncio protocol around llhttp.

idle ──send──▶ waiting ──headers──▶ reading ──message complete──▶ done ──release──▶ idle (or closed)
any  ──connection lost, bad bytes, timeout──▶ failed: whoever waits gets the fault
"""

import asyncio
from typing import cast

import httptools

from gateway.core.faults import Fault, UpstreamBroken, UpstreamUnreachable
from gateway.transport.errors import to_fault
from gateway.transport.outbox import Outbox, Outgoing

# Of headers, and of anything else that is not body: chunk extensions, trailers. The parser keeps what is unfinished.
MAX_HEADER_BYTES = 64 * 1024
# A reader that pauses makes the upstream pause: so much is held for it, not more.
HIGH_WATER_BYTES = 256 * 1024
# In the place of the parser of a connection that is over: a parser knows its connection, and the connection it.
_SPENT = httptools.HttpResponseParser(None)

_FRAMING = frozenset({"content-length", "transfer-encoding"})
# The names that most answers have, as they are written: the text is there then, its hash too, and both are asked for
# by all who look at headers.
_USUAL = {
    written.encode(): name
    for name in (
        *("content-type", "date", "server", "connection", "cache-control", "vary", "openai-processing-ms"),
        *("openai-version", "openai-organization", "x-request-id", "request-id", "cf-ray", "cf-cache-status"),
        *_FRAMING,
    )
    for written in (name, name.title())
}


class Connection(asyncio.Protocol):
    """Attributes:
    status, headers: of the answer under way. complete: its last byte has arrived. reusable: kept alive after it.
    touched: some byte of this answer has arrived. idle_since: of whoever keeps it in a pool.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, outbox: Outbox) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._outbox = outbox
        self._outgoing: Outgoing | None = None
        # One for all answers: it begins anew by itself, and where it could not, the connection is not used again.
        self._parser = httptools.HttpResponseParser(self)
        self.idle_since = 0.0
        # Of a connection that can be used again none of these has changed.
        self._paused = self._excess = self._given_up = False
        self._fault: Fault | None = None
        self._reset()

    def _reset(self) -> None:
        self._pieces: list[bytes] = []
        self._held = self._between = self.status = 0  # `_between`: bytes since the last of a body
        self.headers: list[tuple[str, str]] = []
        self.headers_complete = self.complete = self.reusable = self.touched = False

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the interface without the base class.
        self._transport = cast(asyncio.Transport, transport)
        self._outgoing = Outgoing(self._outbox, self._transport)

    def data_received(self, data: bytes) -> None:
        self.touched = True
        if self.complete:
            self.abort()  # bytes nobody asked for: what comes next could be taken for an answer
            return
        self._between += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._excess:
                self.fail(UpstreamBroken("the upstream did not answer in valid HTTP"))
                return
            self.reusable = False
        if self._between > MAX_HEADER_BYTES and not self.complete:
            self.fail(UpstreamBroken(f"the upstream sent more than {MAX_HEADER_BYTES} bytes of headers"))
            return
        if self._held > HIGH_WATER_BYTES and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        if self.headers_complete:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport, self._outgoing, self._parser = None, None, _SPENT
        if self.complete:
            return
        if self.headers_complete and exc is None and self._fault is None and not self._given_up and not self._framed():
            self.complete = True  # a body without a length ends with its connection, if it is the upstream that ends it
            self._wake()
            return
        if not self.touched:
            self.fail(UpstreamUnreachable("the upstream closed the connection without an answer"))
        elif exc is not None:
            self.fail(to_fault(exc))
        else:
            self.fail(UpstreamBroken("the upstream closed the connection in the middle of its answer"))

    def _framed(self) -> bool:
        """Whether the answer says itself where it ends."""
        return self.status in (204, 304) or any(name in _FRAMING for name, _ in self.headers)

    # What llhttp calls

    def on_message_begin(self) -> None:
        # A second answer to one request is somebody's mistake or somebody's trick; it must not meet the next request.
        if self.complete:
            self._excess = True
            raise UpstreamBroken("the upstream answered twice")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((_USUAL.get(name) or name.lower().decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        parser = self._parser
        status = parser.get_status_code()
        if status >= 200:
            self.status = status
            self.headers_complete = True
            # Asked here: once the message is over the parser has already forgotten.
            self.reusable = parser.should_keep_alive()
        elif status < 100:
            raise UpstreamBroken(f"the upstream answered with the status {status}")

    def on_body(self, body: bytes) -> None:
        self._between = 0
        self._pieces.append(body)
        self._held += len(body)

    def on_message_complete(self) -> None:
        if not self.headers_complete:  # 1xx: the answer itself is still to come
            self.headers.clear()
            return
        self.complete = True

    # What an exchange calls

    @property
    def closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def is_free(self) -> bool:
        """Whether it can serve again: its answer is whole, nobody waits for more of it, or was told just now and has
        not taken it yet, and nothing is held up that the upstream may have sent besides."""
        whole = self.complete and self.reusable and not self._paused and self._waiter is None
        return whole and (transport := self._transport) is not None and not transport.is_closing()

    def send(self, head: bytes, body: bytes) -> None:
        """Begin a request."""
        outgoing = self._outgoing
        if outgoing is None:
            self._fault = UpstreamUnreachable("the upstream closed the connection without an answer")
            return
        self._reset()
        if len(body) < 65536:
            outgoing.write(head + body)
        else:
            outgoing.write(head)
            outgoing.write(body)

    async def next_piece(self) -> bytes | None:
        """All of the body that has arrived and was not taken yet; None at its end.

        Raises:
            Fault: it broke off.
        """
        while not self._pieces:
            if self.complete:
                return None
            try:
                await self.more()
            except BaseException:
                self.not_wait()
                raise
            self.back()
        return self.take()

    def take(self) -> bytes:
        """All of the body that has arrived and was not taken yet."""
        pieces = self._pieces
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._held = 0
        if self._paused and self._transport is not None:
            if self.complete:
                self.reusable = False  # bytes that nobody asked for may lie behind, unseen while nothing was read
            self._paused = False
            self._transport.resume_reading()
        return piece

    def fail(self, fault: Fault) -> None:
        """Nothing more will come of this connection; whoever waits is told."""
        if self._fault is None:
            self._fault = fault
        self.abort()
        self._wake()

    def abort(self) -> None:
        """Close now; what is not sent yet is thrown away."""
        if self._transport is not None:
            self._transport.abort()

    def let_go(self) -> None:
        """Nobody waits for it any more. What it failed with has met the frames of those who did, and they know it."""
        self.abort()
        self._fault = None
        self._given_up = True  # a body without a length is cut off now, and not over

    def more(self) -> asyncio.Future[None]:
        """Done when more of the answer has arrived, or nothing will. Whoever waits for it says that he is `back`, or
        that he does `not_wait` any more. No coroutine: what a call waits in is cold when it goes on.

        Raises:
            Fault: nothing more will.
        """
        if self._fault is not None:
            raise self._fault
        if self._transport is None:  # let go of before who waited was back: nobody would wake him again
            raise UpstreamBroken("the connection to the upstream was closed before the answer was whole")
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def not_wait(self) -> None:
        """Whoever waited has been cancelled, or was told that nothing comes."""
        self._waiter = None

    def back(self) -> None:
        """Whoever waited goes on.

        Raises:
            Fault: nothing has come.
        """
        self._waiter = None
        if self._fault is not None and not self._pieces:
            raise self._fault

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
