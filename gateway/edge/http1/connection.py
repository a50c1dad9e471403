"""One client's connection: requests are read as they come and answered in turn.

HEAD ──a whole head──▶ BUSY ──answered──▶ IDLE (or HEAD, where the next has begun) ──a head begins──▶ HEAD
BUSY, IDLE, HEAD ──an answer that ends it, or nonsense──▶ LEAVING ──all is read, or nobody reads for LINGER_S──▶ gone
HEAD ──header_s──▶ gone        IDLE ──keep_alive_s──▶ LEAVING        BUSY ──the client stalls for stall_s──▶ gone

A client that closes its sending half counts as gone, as with most servers: it cannot be told from a hang-up.
"""

import asyncio
import sys
from collections import deque
from enum import Enum
from typing import Protocol, cast

from gateway.core.faults import BadRequest, Fault
from gateway.edge.errors import SHAPES
from gateway.edge.http1.exchange import Exchange
from gateway.edge.http1.framing import Asked, begin
from gateway.edge.http1.requests import Address, Ends, Requests
from gateway.transport.outbox import Outbox, Outgoing

# Of a body that nobody takes, so much is held; then the client waits.
HIGH_WATER_BYTES = 256 * 1024
# With so many requests waiting for the one in front of them no more is read, and no single read may bring more than
# the second: no client that anybody uses sends that many ahead.
MANY_AHEAD, MOST_AHEAD = 32, 256
# A client that is still sending when it is refused is listened to for a while: were the connection closed under it,
# its kernel would throw away the answer that says why.
LINGER_S = 2.0


class State(Enum):
    HEAD = "head"
    IDLE = "idle"
    BUSY = "busy"
    LEAVING = "leaving"


# An enumeration is asked for its members by name each time, which costs ten times as much as a name of this module's.
HEAD, IDLE, BUSY, LEAVING = State


class Terms(Protocol):
    """What a connection needs of its server. `date`: the header line that says what time it is. `stall_s`: how long a
    client may neither read what is written nor send what is read."""

    date: str
    header_s: float
    keep_alive_s: float
    stall_s: float
    max_header_bytes: int
    outbox: Outbox

    def begin(self, exchange: Exchange) -> None:
        """Let the application answer."""
        ...

    def opened(self, connection: "Connection") -> None: ...

    def idle(self, connection: "Connection") -> None:
        """It has become so. That somebody asks again is not told: `state` says it."""
        ...

    def read_all(self) -> None:
        """The client of one that is idle has read what was left."""
        ...

    def closed(self, connection: "Connection") -> None: ...


class Connection(asyncio.Protocol):
    """Attributes:
    state: see above. since: loop time at which it came to be so, but for BUSY.
    date, full, write: see `Wire`.
    """

    def __init__(self, terms: Terms, loop: asyncio.AbstractEventLoop, scheme: str) -> None:
        self._terms = terms
        self._loop = loop
        self._scheme = scheme
        self._transport: asyncio.Transport | None = None
        self._outgoing: Outgoing | None = None
        self._requests = Requests(self, loop, terms.max_header_bytes, self._asked)
        self._current: Exchange | None = None  # whose answer is under way
        self._ahead: deque[Exchange] = deque()
        self._paused = False
        self._drain: asyncio.Future[None] | None = None
        self.date = terms.date
        self.write = _to_nobody
        self._moved = loop.time()  # when the client last sent something, or read, or began to be waited for
        self._unsent = 0
        self.full = False
        self.state = HEAD
        self.since = self._moved

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the interface without the base class.
        self._transport = cast(asyncio.Transport, transport)
        self._outgoing = Outgoing(self._terms.outbox, self._transport)
        self.write = self._outgoing.write
        client, server = (_address(transport.get_extra_info(name)) for name in ("peername", "sockname"))
        self._requests.ends = Ends(self._scheme, client, server)
        self._terms.opened(self)

    def data_received(self, data: bytes) -> None:
        requests = self._requests
        if self.state is LEAVING or requests.broken is not None:
            return
        self._moved = self._loop.time()
        requests.feed(data)
        if requests.broken is not None:
            self._nonsense(requests.broken)
        elif requests.begun and self.state is IDLE:
            self._is(HEAD)
        elif (reading := requests.reading) is not None and reading.held > HIGH_WATER_BYTES:
            self._pause()

    def pause_writing(self) -> None:
        self.full = True
        self._moved = self._loop.time()

    def resume_writing(self) -> None:
        self.full = False
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        self._transport = self._outgoing = None
        self.write = _to_nobody
        requests = self._requests
        for exchange in (self._current, requests.reading, *self._ahead):
            if exchange is not None:
                exchange.lose()
        self._current = requests.reading = None
        self._ahead.clear()
        requests.spent()
        self.resume_writing()
        self._terms.closed(self)

    # What the parser calls

    def _asked(self, exchange: Exchange) -> None:
        if self._current is None:
            self._begin(exchange)
            return
        if len(self._ahead) >= MOST_AHEAD:
            raise self._requests.breaks(BadRequest(f"{MOST_AHEAD} requests wait on this connection; wait for answers"))
        self._ahead.append(exchange)
        if len(self._ahead) >= MANY_AHEAD:
            self._pause()

    # What an exchange calls

    async def drained(self) -> None:
        while self.full:
            self._drain = self._loop.create_future()
            try:
                await self._drain
            finally:
                self._drain = None

    def taken(self) -> None:
        if self._paused and len(self._ahead) < MANY_AHEAD:
            self._resume()

    def answered(self, exchange: Exchange, *, close: bool) -> None:
        self._current = None
        if close or not exchange.complete:
            self._leave()
        elif self._ahead:
            self._begin(self._ahead.popleft())
            self.taken()
        elif self._requests.broken is not None:
            self._refuse(self._requests.broken)
        elif self.state is BUSY:
            self._is(HEAD if self._requests.begun else IDLE)

    def abort(self) -> None:
        """Close now, and throw away what is not sent yet."""
        if self._transport is not None:
            self._transport.abort()

    # What the server calls

    def look(self, now: float) -> None:
        """End what has taken too long."""
        waited, terms = now - self.since, self._terms
        self.date = terms.date
        if self.state is HEAD:
            if waited > terms.header_s:
                self.abort()
        elif self.state is IDLE:
            if self.sending:
                self._look_whether_it_reads(now)
                return
            if self._unsent:
                self._unsent = 0
                terms.read_all()
            if waited > terms.keep_alive_s:
                self._leave()
        elif self.state is LEAVING:
            self._look_whether_it_reads(now)
        elif now - self._moved > terms.stall_s:
            if self.full:
                self.abort()
            elif (reading := self._requests.reading) is not None and reading is self._current and not self._paused:
                reading.cut_off()

    @property
    def sending(self) -> bool:
        """Something is written that the client has not read."""
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    def leave_if_idle(self) -> None:
        """Close if nobody has asked anything."""
        if self.state is IDLE or (self.state is HEAD and not self._requests.begun):
            self._leave()

    # Its states

    def _is(self, state: State) -> None:
        self.state = state
        self.since = self._loop.time()
        if state is IDLE:
            self._unsent = sys.maxsize  # how much of the answer is, is seen when it is looked at
            self._terms.idle(self)

    def _begin(self, exchange: Exchange) -> None:
        self._current = exchange
        self.state = BUSY
        self._terms.begin(exchange)

    def _leave(self) -> None:
        """Close once all is written, and, where the client may still be sending, once it has read that."""
        requests = self._requests
        may_send = requests.reading is not None or requests.broken is not None or bool(self._ahead)
        for exchange in self._ahead:
            exchange.lose()
        self._ahead.clear()
        requests.reading = None
        self._is(LEAVING)
        if self._transport is None or self._outgoing is None:
            return
        self._outgoing.flush()
        self._unsent, self._moved = self._transport.get_write_buffer_size(), self.since
        if may_send and self._transport.can_write_eof():
            self._resume()
            self._transport.write_eof()
        else:
            self._transport.close()

    def _look_whether_it_reads(self, now: float) -> None:
        """A slow reader may take its time for what is left, one that does not read at all may not."""
        unsent = 0 if self._transport is None else self._transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._unsent, self._moved = unsent, now
        elif now - self._moved > (self._terms.stall_s if unsent else LINGER_S):
            self.abort()

    def _nonsense(self, fault: Fault) -> None:
        """What comes cannot be told apart any more. Who is being answered gets that answer first."""
        if self._requests.reading is not None:
            self._requests.reading.cut_off()
        if self._current is None:
            self._refuse(fault)

    def _refuse(self, fault: Fault) -> None:
        body = SHAPES["openai"].body(fault, "")
        headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
        self.write(begin(fault.status, headers, Asked(keep_alive=False), self.date).head + body)
        self._leave()

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()


def _to_nobody(data: bytes) -> None:
    pass


def _address(found: object) -> Address:
    """Host and port of a socket's address; a Unix socket has none."""
    return cast(Address, found[:2]) if isinstance(found, tuple) else None
