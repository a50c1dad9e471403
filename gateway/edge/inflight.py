"""Calls that are under way in this worker, and the one sweeper that ends those that wait on their client too long.

A timer per read and per write would cost more than the reads and writes. Each call notes since when it has been
waiting; once a second all are looked at.
"""

import asyncio
from collections.abc import Callable

import msgspec

from gateway.core.call import Call
from gateway.core.faults import Fault, RequestTimeout, ShuttingDown
from gateway.edge.peer import ClientGone, Peer

TICK_S = 0.04
SWEEP_S = 1.0
# So many calls in one turn of the event loop go side by side. See `core/cohort.py`.
COHORT = 3


class PatienceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a call waits on its client: for the whole request body, and for one piece of the answer to be read."""

    request_body_s: float = 60.0
    response_write_s: float = 60.0


class Flight:
    """One call under way. `reading_since`/`writing_since`: monotonic seconds while waiting on the client, else 0."""

    __slots__ = ("call", "peer", "reading_since", "task", "writing_since")

    def __init__(self, peer: Peer) -> None:
        self.task = peer.task
        self.peer = peer
        self.call: Call | None = None
        self.reading_since = 0.0
        self.writing_since = 0.0

    def hung_up(self) -> None:
        """The client went, at any moment from the last byte of its request to the last of its answer."""
        self.abort(ClientGone("the client hung up"))

    def abort(self, reason: Exception) -> None:
        """Cancel the call's task; the first reason given stands. Again, if the goodbye itself is not read."""
        if self.call is None:
            return
        if self.call.abort is None:
            self.call.abort = reason
        self.task.cancel()


class InFlight:
    """Attributes:
    draining: readiness says no; calls are still taken. closing: new calls are refused, those under way may finish.
    crowded: several calls came in the last turn of the event loop in which any came.
    """

    def __init__(self, options: PatienceOptions, now: Callable[[], float]) -> None:
        self._options = options
        self._now = now
        # In the order of their coming, so that what is done to all is done in the same order each time.
        self._flights: dict[Flight, None] = {}
        self.draining = False
        self.closing = False
        self.crowded = False
        self._boarding = 0

    def __len__(self) -> int:
        return len(self._flights)

    def board(self, peer: Peer) -> Flight:
        flight = Flight(peer)
        self._flights[flight] = None
        self._boarding += 1
        if self._boarding == 1:
            asyncio.get_running_loop().call_soon(self._all_aboard)
        return flight

    def _all_aboard(self) -> None:
        """All that came in this turn of the loop are under way."""
        self.crowded, self._boarding = self._boarding >= COHORT, 0

    def body_read(self, flight: Flight) -> None:
        """From now on the client can only hang up."""
        flight.reading_since = 0.0
        flight.peer.watch(flight.hung_up)

    def land(self, flight: Flight) -> None:
        self._flights.pop(flight, None)
        flight.peer.unwatch()

    def sweep(self) -> None:
        """End the calls whose client has kept them waiting too long."""
        now, options = self._now(), self._options
        for flight in list(self._flights):
            if flight.reading_since and now - flight.reading_since > options.request_body_s:
                flight.abort(RequestTimeout(f"the request body did not arrive within {options.request_body_s:g} s"))
            elif flight.writing_since and now - flight.writing_since > options.response_write_s:
                flight.abort(ClientGone("the client stopped reading"))

    async def look_after(self, late: Callable[[float, float, bool], None]) -> None:
        """Sweep every second. `late` is told how late a tick was, when, and whether calls were under way that waited
        so much longer."""
        ticks = 0
        while True:
            began, waited = self._now(), bool(self._flights)
            await asyncio.sleep(TICK_S)
            now = self._now()
            late(max(0.0, now - began - TICK_S), now, waited)
            ticks += 1
            if ticks * TICK_S >= SWEEP_S:
                ticks = 0
                self.sweep()

    async def landed(self, timeout_s: float) -> bool:
        """Wait until no call is under way; False if that takes longer."""
        deadline = self._now() + timeout_s
        while self._flights and self._now() < deadline:  # noqa: ASYNC110  once, at the end; an event would cost every call
            await asyncio.sleep(TICK_S)
        return not self._flights

    def abort_all(self, reason: Fault | None = None) -> int:
        """End every call that is still under way; how many there were."""
        fault = reason or ShuttingDown("the gateway is shutting down; send the request again")
        flights = list(self._flights)
        for flight in flights:
            flight.abort(fault)
        return len(flights)
