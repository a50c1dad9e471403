"""The HTTP server behind its seam: its options, its socket, and which of the two it is."""

import importlib.util
import socket
from typing import Literal, Protocol

import msgspec

from gateway.edge.asgi import App
from gateway.edge.http1.listener import CLOSING_S, Http1Options, Http1Server
from gateway.edge.http1.tls import Certificates


class TlsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PEM files, looked at again every second: a renewed pair is in force for new connections (not where Granian is the
    server: there it takes a restart). `client_ca`: ask clients for a certificate of this authority."""

    cert: str
    key: str
    client_ca: str | None = None


class ServerOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    limits_per_worker: with several workers, and limits that are not counted in Redis, accept that each worker counts
        for itself.
    max_connections: per worker. With so many, the one unused for longest is closed for a new one; where all are in
        use, new ones wait in the backlog.
    header_s: time for a request's head to arrive. max_header_bytes: all of a request's headers together.
    keep_alive_s: how long an unused connection stays open; longer than a load balancer in front keeps its own.
    send_buffer_bytes: bound of what the kernel holds for one client that does not read.
    drain_delay_s: after SIGTERM, how long requests are still taken while readiness says no (for load balancers).
    grace_s: then, how long calls under way may finish.
    http: `1` is HTTP/1.1 by the gateway's own server, the fastest; `2` and `auto` (both) are Granian's (extra `http2`).
    """

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    limits_per_worker: bool = False
    backlog: int = 1024
    max_connections: int = 4096
    header_s: float = 10.0
    keep_alive_s: float = 75.0
    max_header_bytes: int = 64 * 1024
    send_buffer_bytes: int = 256 * 1024
    drain_delay_s: float = 0.0
    grace_s: float = 30.0
    http: Literal["1", "2", "auto"] = "1"
    tls: TlsOptions | None = None


def missing_extra(options: ServerOptions) -> str:
    """The extra that these options need and that is not installed; empty if nothing is missing."""
    return "" if options.http == "1" or importlib.util.find_spec("granian") else "http2"


# How long a server may take to end after `stop()`.
STOPPED_WITHIN_S = CLOSING_S + 1.0


class Server(Protocol):
    """One process's server."""

    async def serve(self) -> None:
        """Answer until `stop()`; returns when the connections are closed."""
        ...

    def stop(self) -> None: ...

    def leave_port(self) -> None:
        """Accept nobody any more, so that another process can listen there; what is open goes on."""
        ...


def listen(options: ServerOptions) -> socket.socket:
    """The bound, listening socket, to be inherited by workers.

    Raises:
        OSError: the address is in use or not ours.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted connections inherit these. Without the first the kernel would buffer megabytes for a client that never
    # reads, without the second an event would wait for the acknowledgement of the one before it.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.send_buffer_bytes)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((options.host, options.port))
    except OSError:
        listener.close()
        raise
    listener.listen(options.backlog)
    listener.setblocking(False)
    listener.set_inheritable(True)
    return listener


def http_server(app: App, descriptor: int, options: ServerOptions, stall_s: float) -> Server:
    """The server for an inherited listening socket. `stall_s`: how long a client may neither read nor send what it is
    waited for with; whoever answers may be less patient.

    Raises:
        OSError: a file of `tls` cannot be read, or is not what it should be.
        ModuleNotFoundError: `http` asks for what is not installed.
    """
    if options.http != "1":
        from gateway.edge.granian_server import GranianServer

        return GranianServer(app, descriptor, options)
    tls = options.tls
    return Http1Server(
        app,
        socket.socket(fileno=descriptor),
        Http1Options(
            max_connections=options.max_connections,
            header_s=options.header_s,
            keep_alive_s=options.keep_alive_s,
            stall_s=stall_s,
            max_header_bytes=options.max_header_bytes,
        ),
        Certificates(tls.cert, tls.key, tls.client_ca) if tls else None,
    )
