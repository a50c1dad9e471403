"""The HTTP client: `HttpClient.send` gives an `Exchange`; connections are pooled by origin.

Timeouts are kept by one tick for all exchanges: each notes since when it waits, and a timer every 50 ms looks for
those that have waited too long. A timer for every read would cost more than the read.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import Self

from gateway.core.faults import UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from gateway.transport.connection import Connection
from gateway.transport.errors import to_fault
from gateway.transport.opening import Opener
from gateway.transport.options import ClientOptions, Timeouts
from gateway.transport.url import Origin, Url

TICK_S = 0.05
# A kept-alive connection that its server was just closing fails at once and without a byte of answer.
STALE_S = 0.25
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Exchange:
    """One request and its answer, whose body is still on the wire.

    Attributes:
        status, headers: of the answer.
        ended: told once, when it is over; must not raise.
    """

    __slots__ = (
        *("_client", "_connection", "_open", "_pool", "_timeouts", "_whole"),
        *("ended", "headers", "started", "status", "waiting_since"),
    )

    def __init__(
        self, client: "HttpClient", connection: Connection, pool: list[Connection], timeouts: Timeouts
    ) -> None:
        self._client = client
        self._connection = connection
        self._pool = pool
        self._timeouts = timeouts
        self._open, self._whole = True, False
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.ended: Callable[[], None] | None = None
        self.started = self.waiting_since = client.now()

    async def piece(self) -> bytes | None:
        """What has arrived of the body; None at its end.

        Raises:
            UpstreamFault: it broke off or stalled, or was given up before.
        """
        if not self._open:  # the connection may be another call's by now, and what it says another's answer
            if self._whole:
                return None
            raise UpstreamBroken("the upstream's answer was given up before it was whole")
        self.waiting_since = self._client.now()
        try:
            piece = await self._connection.next_piece()
        except BaseException:
            self.close()
            raise
        self.waiting_since = 0.0
        if piece is None:
            self._whole = True
            self.close()
        return piece

    async def read(self) -> bytes:
        """The whole body; the exchange is closed then, whatever happened.

        Raises:
            UpstreamFault: it did not come, came too slowly, or is larger than the bound.
        """
        if self._open and self._connection.complete:  # most answers come in one piece
            body = self._connection.take()
            self._whole = True
            self.close()
            if len(body) > self._client.max_body_bytes:
                raise self._too_large()
            return body
        pieces: list[bytes] = []
        size = 0
        while (piece := await self.piece()) is not None:
            size += len(piece)
            if size > self._client.max_body_bytes:
                self.close()
                raise self._too_large()
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _too_large(self) -> UpstreamBroken:
        return UpstreamBroken(f"the upstream's answer is larger than {self._client.max_body_bytes} bytes")

    def close(self) -> None:
        """Give the connection back if the answer was whole, else close it. Never suspends, never raises."""
        if self._open:
            self._open = False
            self._client.release(self, self._connection, self._pool)
            if self.ended is not None:
                self.ended()

    def look(self, now: float) -> None:
        """Fail if it has waited too long."""
        limits = self._timeouts
        if now - self.started > limits.total_s:
            self._late("total", "did not finish within the time allowed")
        elif not self.waiting_since:
            return  # between reads the upstream is not late: we are the ones who do not read
        elif not self._connection.headers_complete:
            if now - self.waiting_since > limits.first_byte_s:
                self._late("first_byte", "did not start to answer in time")
        elif now - self.waiting_since > limits.idle_s:
            self._late("idle", "stopped sending in the middle of its answer")

    def _late(self, which: str, said: str) -> None:
        self._connection.fail(UpstreamTimeout(f"the upstream {said}", code=f"upstream_timeout_{which}"))


class HttpClient:
    """`async with HttpClient(options) as client`."""

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._opener = Opener(options)
        self._idle: dict[Origin, list[Connection]] = {}
        self._active: set[Exchange] = set()
        self._ticking: asyncio.Task[None] | None = None
        self._closed = False
        self.max_body_bytes = options.max_body_bytes

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
        for exchange in list(self._active):
            exchange.close()
        for idle in self._idle.values():
            for connection in idle:
                connection.abort()
        self._idle.clear()

    async def send(
        self,
        url: Url,
        headers: Mapping[str, str],
        body: bytes,
        timeouts: Timeouts,
        method: str = "POST",
        opening: str = "",
    ) -> Exchange:
        """Send a request, and wait for the status line and headers.

        Args:
            opening: what `opening_of` made of this method and URL and of headers that stand before `headers`: most of a
                head is the same for many requests.

        Raises:
            UpstreamFault: nothing usable came back in time.
        """
        head = head_of(opening or opening_of(method, url), headers, len(body))
        pool = self._idle.get(url.origin)
        if pool is None:
            pool = self._idle[url.origin] = []
        connection = kept = _taken_from(pool)
        while True:
            if connection is None:
                connection = await self._open(url.origin, timeouts.connect_s)
            exchange = Exchange(self, connection, pool, timeouts)
            self._active.add(exchange)
            try:
                connection.send(head, body)
                while not connection.headers_complete:
                    await connection.more()
                    connection.back()
            except BaseException as error:
                connection.not_wait()
                exchange.close()
                untouched = connection is kept and not connection.touched and isinstance(error, UpstreamUnreachable)
                if not untouched or self._closed or self.now() - exchange.started > STALE_S:
                    raise
                connection = None
            else:
                exchange.status, exchange.headers = connection.status, connection.headers
                exchange.waiting_since = 0.0
                return exchange

    async def _open(self, origin: Origin, timeout_s: float) -> Connection:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._opener.open(origin, self._loop)
        except Exception as error:  # noqa: BLE001  the border where foreign errors become faults
            raise to_fault(error)  # noqa: B904  it says itself what it comes from: a bug's log needs that

    def release(self, exchange: Exchange, connection: Connection, pool: list[Connection]) -> None:
        """An exchange is over: keep its connection if it can serve again."""
        self._active.discard(exchange)
        if connection.is_free():
            connection.idle_since = self.now()
            pool.append(connection)
        else:
            connection.let_go()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = self.now()
            for exchange in list(self._active):
                exchange.look(now)
            for idle in self._idle.values():
                while idle and now - idle[0].idle_since > self._options.pool_idle_s:
                    idle.pop(0).abort()


def _taken_from(pool: list[Connection]) -> Connection | None:
    while pool:
        connection = pool.pop()
        if not connection.closed:
            return connection
    return None


def opening_of(method: str, url: Url, headers: Mapping[str, str] = NO_HEADERS) -> str:
    """What a request's head begins with.

    Raises:
        UpstreamBroken: as `head_of`.
    """
    return f"{method} {url.target} HTTP/1.1\r\nhost: {url.host}\r\n{_lines(headers)}"


def head_of(opening: str, headers: Mapping[str, str], length: int) -> bytes:
    """The request's head.

    Raises:
        UpstreamBroken: never by a client's request, only by a credential with a line break in it.
    """
    return f"{opening}{_lines(headers)}content-length: {length}\r\n\r\n".encode("latin-1")


def _lines(headers: Mapping[str, str]) -> str:
    """A line break in a value would be another header: refused."""
    lines = ""
    for name, value in headers.items():
        if "\n" in value or "\r" in value:
            raise UpstreamBroken(f"the header `{name}` holds a line break")
        lines += f"{name}: {value}\r\n"
    return lines
