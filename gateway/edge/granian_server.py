"""HTTP/2 by Granian, behind the same seam; no other file knows it.

Its embedded server runs on this process's own event loop and takes an inherited socket. It reads and writes in a thread
of its own: on an idle machine that costs each request two hand-overs, on a busy one see `turns.py`.
"""

import asyncio
import logging
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings, HTTP2Settings
from granian.net import SocketHolder  # pyright: ignore[reportPrivateImportUsage]
from granian.server.embed import Server as EmbeddedServer

from gateway.edge.asgi import App
from gateway.edge.server import ServerOptions
from gateway.edge.turns import Turns


class GranianServer(EmbeddedServer):
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
        quiet()
        self._descriptor = descriptor
        self._backlog = options.backlog

    async def serve(self, *arguments: Any, **options: Any) -> None:
        turns = asyncio.create_task(Turns().watch())
        try:
            await super().serve(*arguments, **options)
        finally:
            turns.cancel()

    def leave_port(self) -> None:
        """It cannot stop listening and go on answering: the port is free when its calls under way are done."""

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd = SocketHolder(self._descriptor, False, self._backlog)  # pyright: ignore[reportCallIssue]
        self._sfd = self._descriptor


def quiet(level: int = logging.ERROR) -> None:
    """The server's own log repeats what calls already say about themselves."""
    logging.getLogger("_granian").setLevel(level)
    logging.getLogger("granian").setLevel(level)
