"""The parsing half alone: bytes in, requests out, without a socket."""

import asyncio

from gateway.edge.http1.exchange import Exchange
from gateway.edge.http1.requests import Requests


class NoWire:
    """A connection that nobody answers on."""

    date, full = "date: now\r\n", False

    def write(self, data: bytes) -> None:
        raise AssertionError(data)

    async def drained(self) -> None: ...

    def taken(self) -> None: ...

    def answered(self, exchange: Exchange, *, close: bool) -> None: ...

    def abort(self) -> None: ...


def parsed(*pieces: bytes) -> list[tuple[str, bytes]]:
    """Path and body of each request that came whole."""
    loop = asyncio.new_event_loop()
    begun: list[Exchange] = []
    requests = Requests(NoWire(), loop, 65_536, begun.append)
    try:
        for piece in pieces:
            if piece:
                requests.feed(piece)
        assert requests.broken is None
        bodies = [loop.run_until_complete(one.read()) for one in begun if one.complete]
        return [(one.scope["path"], body) for one, (body, _) in zip(begun, bodies, strict=True)]
    finally:
        loop.close()
