"""The HTTP server behind its seam; no other file knows Granian.

Its embedded server runs on this process's own event loop and takes an inherited socket, so that one parent can bind
once, restart workers without refusing a connection, and let each worker drain in its own order.
"""

import logging
import socket
from pathlib import Path

import msgspec
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings, HTTP2Settings
from granian.net import SocketHolder  # pyright: ignore[reportPrivateImportUsage]
from granian.server.embed import Server as EmbeddedServer

from gateway.edge.asgi import App


class TlsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PEM files. `client_ca`: ask clients for a certificate of this authority."""

    cert: str
    key: str
    client_ca: str | None = None


class ServerOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    limits_per_worker: with several workers, and limits that are not counted in Redis, accept that each worker counts
        for itself.
    max_connections: per worker; more wait in the backlog.
    header_s: time for a request's head to arrive. max_header_bytes: all of a request's headers together.
    send_buffer_bytes: bound of what the kernel holds for one client that does not read.
    drain_delay_s: after SIGTERM, how long requests are still taken while readiness says no (for load balancers).
    grace_s: then, how long calls under way may finish.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    limits_per_worker: bool = False
    backlog: int = 1024
    max_connections: int = 4096
    header_s: float = 10.0
    max_header_bytes: int = 64 * 1024
    send_buffer_bytes: int = 256 * 1024
    drain_delay_s: float = 0.0
    grace_s: float = 30.0
    http: str = "auto"
    tls: TlsOptions | None = None


def listen(options: ServerOptions) -> socket.socket:
    """The bound, listening socket, to be inherited by workers.

    Raises:
        OSError: the address is in use or not ours.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted connections inherit it: without it the kernel would buffer megabytes for a client that never reads.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.send_buffer_bytes)
    try:
        listener.bind((options.host, options.port))
    except OSError:
        listener.close()
        raise
    listener.listen(options.backlog)
    listener.setblocking(False)
    listener.set_inheritable(True)
    return listener


class HttpServer(EmbeddedServer):
    """Serves `app` on an inherited listening socket until `stop()`; `serve()` returns when calls under way are done."""

    def __init__(self, app: App, descriptor: int, options: ServerOptions) -> None:
        tls = options.tls
        super().__init__(
            target=app,
            address=options.host,
            port=options.port,
            interface=Interfaces.ASGINL,
            http=HTTPModes(options.http),
            websockets=False,
            backlog=options.backlog,
            backpressure=options.max_connections,
            http1_settings=HTTP1Settings(
                header_read_timeout=int(options.header_s * 1000),
                max_buffer_size=max(8192, options.max_header_bytes),
            ),
            http2_settings=HTTP2Settings(
                max_headers_size=options.max_header_bytes, keep_alive_interval=20_000, keep_alive_timeout=20
            ),
            log_enabled=False,
            ssl_cert=Path(tls.cert) if tls else None,
            ssl_key=Path(tls.key) if tls else None,
            ssl_ca=Path(tls.client_ca) if tls and tls.client_ca else None,
            ssl_client_verify=bool(tls and tls.client_ca),
        )
        self._descriptor = descriptor
        self._backlog = options.backlog

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd = SocketHolder(self._descriptor, False, self._backlog)  # pyright: ignore[reportCallIssue]
        self._sfd = self._descriptor


def quiet(level: int = logging.ERROR) -> None:
    """The server's own log repeats what calls already say about themselves."""
    logging.getLogger("_granian").setLevel(level)
    logging.getLogger("granian").setLevel(level)
