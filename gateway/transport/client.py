"""The HTTP client behind its seam: `HttpClient.send` gives an `Exchange`; no other file knows pyreqwest.

Measured: the client reads up to its buffer's size before it hands an answer over. For a stream that holds every event
back until its end, so a stream's buffer is 0; for a whole answer it saves two of three hops between its thread and
ours. And `__aexit__` of a streamed request never suspends, so plain code can close an exchange by driving it one step.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.http import Url
from pyreqwest.proxy import ProxyBuilder

from gateway.core.faults import UpstreamBroken, UpstreamTimeout
from gateway.transport.errors import to_fault
from gateway.transport.watchdog import Timeouts, Watchdog

WHOLE_BUFFER = 512 * 1024


class ClientOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes:
    pool_idle_s: an unused connection is closed after this long. max_body_bytes: bound of a whole answer in memory.
    proxy: `http://…` proxy for all upstreams; the environment's proxy variables are not read.
    ca_file: PEM file of additional certificate authorities.
    """

    pool_idle_s: float = 60.0
    max_body_bytes: int = 64 * 1024 * 1024
    proxy: str | None = None
    ca_file: str | None = None


class Exchange:
    """One request and its answer, whose body is still on the wire."""

    __slots__ = ("_exit", "_limit", "_open", "_reader", "_watchdog", "headers", "status")

    def __init__(self, response: Any, exit_: Any, watchdog: Watchdog, limit: int) -> None:
        self.status: int = response.status
        self.headers: list[tuple[str, str]] = list(response.headers.items())
        self._reader = response.body_reader
        self._exit = exit_
        self._watchdog = watchdog
        self._limit = limit
        self._open = True

    async def piece(self) -> bytes | None:
        """The next piece of the body as it arrives; None at its end.

        Raises:
            UpstreamFault: it broke off or stalled.
        """
        watchdog = self._watchdog
        watchdog.reading()
        try:
            piece = await self._reader.read_chunk()
        except asyncio.CancelledError:
            _raise_if_timed_out(watchdog)
            raise
        except Exception as error:  # noqa: BLE001  the border where foreign errors become faults
            raise to_fault(error) from None
        watchdog.read()
        if piece is None:
            self.close()
            return None
        return bytes(piece)

    async def read(self) -> bytes:
        """The whole body; the exchange is closed then, whatever happened.

        Raises:
            UpstreamFault: it did not come, came too slowly, or is larger than the bound.
        """
        pieces: list[bytes] = []
        size = 0
        try:
            while (piece := await self.piece()) is not None:
                size += len(piece)
                if size > self._limit:
                    raise UpstreamBroken(f"the upstream's answer is larger than {self._limit} bytes")
                pieces.append(piece)
        finally:
            self.close()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else close it. Never suspends, never raises."""
        if not self._open:
            return
        self._open = False
        self._watchdog.stop()
        with suppress(StopIteration):
            self._exit(None, None, None).send(None)


class HttpClient:
    """A pool of connections to upstreams: `async with HttpClient(options) as client`."""

    def __init__(self, options: ClientOptions, connect_timeout_s: float = 5.0) -> None:
        self._options = options
        self._connect_timeout_s = connect_timeout_s
        self._client: Client | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        options = self._options
        builder = (
            ClientBuilder()
            .follow_redirects(False)
            .referer(False)
            .gzip(False)
            .brotli(False)
            .zstd(False)
            .deflate(False)
            .http1_lower_case_headers()
            .connect_timeout(timedelta(seconds=self._connect_timeout_s))
            .pool_idle_timeout(timedelta(seconds=options.pool_idle_s))
            .tcp_nodelay(True)
        )
        builder = builder.no_proxy() if options.proxy is None else builder.proxy(ProxyBuilder.all(options.proxy))
        if options.ca_file is not None:
            builder = builder.add_root_certificate_pem(Path(options.ca_file).read_bytes())  # noqa: ASYNC240  once, at start
        self._client = builder.build()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    async def send(
        self, method: str, url: Url | str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts, *, stream: bool
    ) -> Exchange:
        """Send, and wait for the status line and headers; unless `stream`, also for the first WHOLE_BUFFER of the body.

        Raises:
            UpstreamFault: nothing usable came back in time.
        """
        assert self._client is not None, "the client is used inside `async with`"
        request = self._client.request(method, url).headers(headers)
        if body:
            request = request.body_bytes(body)
        streamed = request.streamed_read_buffer_limit(0 if stream else WHOLE_BUFFER).build_streamed()
        watchdog = Watchdog(timeouts, self._loop)
        try:
            response = await streamed.__aenter__()
        except asyncio.CancelledError:
            watchdog.stop()
            _raise_if_timed_out(watchdog)
            raise
        except Exception as error:  # noqa: BLE001  as in `piece`
            watchdog.stop()
            raise to_fault(error) from None
        watchdog.answered()
        return Exchange(response, streamed.__aexit__, watchdog, self._options.max_body_bytes)


def parse_url(text: str) -> Url:
    """The URL parsed once, so that sending need not.

    Raises:
        ValueError: not an absolute http(s) URL.
    """
    url = Url(text)
    if url.scheme not in ("http", "https"):
        raise ValueError("a base URL starts with http:// or https://")
    return url


def _raise_if_timed_out(watchdog: Watchdog) -> None:
    """Turn the watchdog's own cancellation back into a fault; anybody else's goes on."""
    if watchdog.fired is None:
        return
    task = asyncio.current_task()
    if task is not None and task.uncancel() > 0:
        return  # somebody else cancelled too: theirs goes first
    said = {
        "first_byte": "did not start to answer in time",
        "idle": "stopped sending in the middle of its answer",
        "total": "did not finish within the time allowed",
    }[watchdog.fired]
    raise UpstreamTimeout(f"the upstream {said}", code=f"upstream_timeout_{watchdog.fired}") from None
