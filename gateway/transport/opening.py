"""Opening connections: TCP, TLS, and tunnels through an HTTP proxy."""

import asyncio
import ssl
from pathlib import Path

from gateway.core.faults import UpstreamUnreachable
from gateway.transport.connection import MAX_HEADER_BYTES, Connection
from gateway.transport.options import ClientOptions
from gateway.transport.outbox import Outbox
from gateway.transport.url import Origin, parse_url


class _Asking(asyncio.Protocol):
    """Waits for the head of a proxy's answer; `head` is empty if the proxy hangs up."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.head: asyncio.Future[bytes] = loop.create_future()
        self._seen = b""

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if (b"\r\n\r\n" in self._seen or len(self._seen) > MAX_HEADER_BYTES) and not self.head.done():
            self.head.set_result(self._seen)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the protocol's signature
        if not self.head.done():
            self.head.set_result(b"")


class Opener:
    """Opens connections to origins."""

    def __init__(self, options: ClientOptions) -> None:
        self._ca_file = options.ca_file
        self._proxy = parse_url(options.proxy).origin if options.proxy else None
        self._tls: ssl.SSLContext | None = None
        self._outbox = Outbox()

    async def open(self, origin: Origin, loop: asyncio.AbstractEventLoop) -> Connection:
        """A fresh connection.

        Raises:
            OSError: it cannot be made. UpstreamUnreachable: the proxy refuses.
        """
        if self._proxy is not None:
            return await self._tunnel(self._proxy, origin, loop)
        tls = self._context() if origin.tls else None
        _, connection = await loop.create_connection(
            lambda: Connection(loop, self._outbox),
            origin.host,
            origin.port,
            ssl=tls,
            server_hostname=origin.host if tls else None,
        )
        return connection

    async def _tunnel(self, proxy: Origin, origin: Origin, loop: asyncio.AbstractEventLoop) -> Connection:
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        transport, asking = await loop.create_connection(lambda: _Asking(loop), proxy.host, proxy.port)
        transport.write(f"CONNECT {host}:{origin.port} HTTP/1.1\r\nhost: {host}:{origin.port}\r\n\r\n".encode("ascii"))
        try:
            granted = (await asking.head).split(b" ", 2)[1:2] == [b"200"]
        except BaseException:
            transport.abort()
            raise
        if not granted:
            transport.abort()
            raise UpstreamUnreachable("the proxy refused the tunnel to the upstream")
        connection = Connection(loop, self._outbox)
        transport.set_protocol(connection)
        if origin.tls:
            upgraded = await loop.start_tls(transport, connection, self._context(), server_hostname=origin.host)
            assert upgraded is not None, "start_tls gives a transport or raises"
            transport = upgraded
        connection.connection_made(transport)
        return connection

    def _context(self) -> ssl.SSLContext:
        """Made on first use: loading the system's authorities takes tens of milliseconds."""
        if self._tls is None:
            context = ssl.create_default_context()
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_alpn_protocols(["http/1.1"])
            if self._ca_file is not None:
                context.load_verify_locations(Path(self._ca_file))
            self._tls = context
        return self._tls
