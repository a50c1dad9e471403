"""The HTTP client: `HttpClient.send` gives an `Exchange`; connections are pooled by origin.

Timeouts are kept by one tick for all exchanges: each notes since when it waits, and a timer every 50 ms looks for
those that have waited too long. A timer for every read would cost more than the read.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from gateway.core.faults import Fault, UpstreamBroken, UpstreamTimeout
from gateway.transport.connection import Connection
from gateway.transport.errors import to_fault
from gateway.transport.opening import Opener
from gateway.transport.options import ClientOptions, Timeouts
from gateway.transport.url import Origin, Url

TICK_S = 0.05
# A kept-alive connection that its server was just closing fails at once and without a byte of answer.
STALE_S = 0.25


class Exchange:
    """One request and its answer, whose body is still on the wire.

    Attributes:
        ended: told once, when it is over; must not raise.
    """

    __slots__ = (
        "_client",
        "_connection",
        "_open",
        "_origin",
        "_timeouts",
        "_whole",
        "ended",
        "started",
        "waiting_since",
    )

    def __init__(self, client: "HttpClient", connection: Connection, origin: Origin, timeouts: Timeouts) -> None:
        self._client = client
        self._connection = connection
        self._origin = origin
        self._timeouts = timeouts
        self._open, self._whole = True, False
        self.ended: Callable[[], None] | None = None
        self.started = client.now()
        self.waiting_since = self.started

    @property
    def status(self) -> int:
        return self._connection.status

    @property
    def headers(self) -> list[tuple[str, str]]:
        return self._connection.headers

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
        pieces: list[bytes] = []
        size = 0
        while (piece := await self.piece()) is not None:
            size += len(piece)
            if size > self._client.max_body_bytes:
                self.close()
                raise UpstreamBroken(f"the upstream's answer is larger than {self._client.max_body_bytes} bytes")
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Give the connection back if the answer was whole, else close it. Never suspends, never raises."""
        if self._open:
            self._open = False
            self._client.release(self, self._connection, self._origin)
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
        self._idle: dict[Origin, list[tuple[float, Connection]]] = {}
        self._active: set[Exchange] = set()
        self._ticking: asyncio.Task[None] | None = None
        self.max_body_bytes = options.max_body_bytes

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
        for exchange in list(self._active):
            exchange.close()
        for idle in self._idle.values():
            for _, connection in idle:
                connection.abort()
        self._idle.clear()

    async def send(
        self, url: Url, headers: Mapping[str, str], body: bytes, timeouts: Timeouts, method: str = "POST"
    ) -> Exchange:
        """Send a request, and wait for the status line and headers.

        Raises:
            UpstreamFault: nothing usable came back in time.
        """
        head = _head(method, url, headers, len(body))
        connection = self._pooled(url.origin)
        if connection is not None:
            began = self.now()
            try:
                return await self._exchange(connection, url.origin, head, body, timeouts)
            except Fault:
                if connection.touched or self.now() - began > STALE_S:
                    raise
        connection = await self._open(url.origin, timeouts.connect_s)
        return await self._exchange(connection, url.origin, head, body, timeouts)

    async def _exchange(
        self, connection: Connection, origin: Origin, head: bytes, body: bytes, timeouts: Timeouts
    ) -> Exchange:
        exchange = Exchange(self, connection, origin, timeouts)
        self._active.add(exchange)
        try:
            connection.send(head, body)
            await connection.wait_for_headers()
        except BaseException:
            exchange.close()
            raise
        exchange.waiting_since = 0.0
        return exchange

    async def _open(self, origin: Origin, timeout_s: float) -> Connection:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._opener.open(origin, self._loop)
        except Exception as error:  # noqa: BLE001  the border where foreign errors become faults
            raise to_fault(error)  # noqa: B904  it says itself what it comes from: a bug's log needs that

    def _pooled(self, origin: Origin) -> Connection | None:
        idle = self._idle.get(origin)
        while idle:
            _, connection = idle.pop()
            if not connection.closed:
                return connection
        return None

    def release(self, exchange: Exchange, connection: Connection, origin: Origin) -> None:
        """An exchange is over: keep its connection if it can serve again."""
        self._active.discard(exchange)
        if connection.complete and connection.reusable and not connection.closed and not connection.awaited:
            self._idle.setdefault(origin, []).append((self.now(), connection))
        else:
            connection.let_go()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = self.now()
            for exchange in list(self._active):
                exchange.look(now)
            for idle in self._idle.values():
                while idle and now - idle[0][0] > self._options.pool_idle_s:
                    idle.pop(0)[1].abort()


def _head(method: str, url: Url, headers: Mapping[str, str], length: int) -> bytes:
    """The request's head. A line break in a value would be another header: refused.

    Raises:
        UpstreamBroken: never by a client's request, only by a credential with a line break in it.
    """
    lines = [f"{method} {url.target} HTTP/1.1\r\nhost: {url.host}\r\n"]
    for name, value in headers.items():
        if "\n" in value or "\r" in value:
            raise UpstreamBroken(f"the header `{name}` holds a line break")
        lines.append(f"{name}: {value}\r\n")
    lines.append(f"content-length: {length}\r\n\r\n")
    return "".join(lines).encode("latin-1")
