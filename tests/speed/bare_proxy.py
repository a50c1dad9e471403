"""The least that a proxy in Python can do with what is ready-made: Granian, raw ASGI, and pyreqwest, nothing else.

    python -m tests.speed.bare_proxy PORT UPSTREAM_PORT

Both are the fastest of their kind, and stay what they are whatever the gateway's own server and client do, so that the
yardstick does not change its length.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server
from pyreqwest.client import ClientBuilder
from pyreqwest.http import Url

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
HEADERS = {"content-type": "application/json", "authorization": "Bearer sk-upstream"}


class Proxy:
    """Passes requests and answers on, event by event, adding and decoding nothing."""

    def __init__(self, upstream_port: int) -> None:
        self._url = Url(f"http://127.0.0.1:{upstream_port}/v1/chat/completions")
        builder = ClientBuilder().follow_redirects(False).referer(False).no_proxy().tcp_nodelay(True)
        builder = builder.gzip(False).brotli(False).zstd(False).deflate(False).http1_lower_case_headers()
        self._client = builder.build()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = self._client.post(self._url).headers(HEADERS).body_bytes(await read_body(receive))
        # With the default buffer limit a stream's events arrive all at once at its end.
        async with request.streamed_read_buffer_limit(0).build_streamed() as answer:
            headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
            headers = [header for header in headers if header[0] != b"transfer-encoding"]
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            if answer.get_header("content-length"):
                await send({"type": "http.response.body", "body": bytes(await answer.body_reader.bytes())})
                return
            while (piece := await answer.body_reader.read_chunk()) is not None:
                await send({"type": "http.response.body", "body": bytes(piece), "more_body": True})
            await send({"type": "http.response.body", "body": b""})


async def read_body(receive: Receive) -> bytes:
    message = await receive()
    body = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    return body


async def serve(port: int, upstream_port: int) -> None:
    server = Server(
        Proxy(upstream_port),
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        log_enabled=False,
        backlog=1024,
    )
    await server.serve()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
