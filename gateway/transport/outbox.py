"""What one turn of the event loop writes, written together at its end.

A write to a socket wakes who reads it, and runs the kernel's network code in between two pieces of ours. Done one by
one, between the steps of many calls, both cost a multiple: the reader falls asleep again each time, and the caches hold
the other's code.
"""

import asyncio
import logging

_log = logging.getLogger("gateway.transport")
# So much of one connection is not put off: who writes must know soon whether anybody reads.
MOST_BYTES = 64 * 1024
# Nobody waits for more of others than so many.
MOST_WAITING = 32


class Outbox:
    """For the connections of one event loop."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[Outgoing] = []

    def put(self, outgoing: "Outgoing") -> None:
        """Flush it at the end of this turn."""
        waiting = self._waiting
        waiting.append(outgoing)
        if len(waiting) == 1:
            asyncio.get_running_loop().call_soon(self._flush)
        elif len(waiting) >= MOST_WAITING:
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for outgoing in waiting:
            outgoing.flush()


class Outgoing:
    """What waits to be written on one connection."""

    __slots__ = ("_bytes", "_outbox", "_pieces", "_transport")

    def __init__(self, outbox: Outbox, transport: asyncio.Transport) -> None:
        self._outbox = outbox
        self._transport = transport
        self._pieces: list[bytes] = []
        self._bytes = 0

    def write(self, data: bytes) -> None:
        """Write at the end of this turn at the latest, in the order of the calls."""
        pieces, size = self._pieces, self._bytes + len(data)
        pieces.append(data)
        self._bytes = size
        if size > MOST_BYTES:
            self.flush()
        elif len(pieces) == 1:
            self._outbox.put(self)

    def flush(self) -> None:
        """Write now. Never raises: one connection's failure is not another's."""
        pieces = self._pieces
        if not pieces:
            return
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._bytes = 0
        transport = self._transport
        if transport.is_closing():
            return
        try:
            transport.write(data)
        except Exception:  # noqa: BLE001  a border: it would end the turn of everybody else
            _log.exception("a connection could not be written to")
            transport.abort()
