"""Calls that are under way in this worker, and the one sweeper that ends those that wait on their client too long.

A timer per read and per write would cost more than the reads and writes. Each call notes since when it has been
waiting; once a second all are looked at.
"""

import asyncio
from collections.abc import Callable

import msgspec

from gateway.core.call import Call
from gateway.core.faults import Fault, RequestTimeout, ShuttingDown
from gateway.edge.asgi import Receive

# A hang-up is to stop the upstream within 100 ms.
TICK_S = 0.04
SWEEP_S = 1.0


class ClientGone(Exception):
    """The client hung up, or did not read for so long that it counts as gone."""


class PatienceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a call waits on its client: for the whole request body, and for one piece of the answer to be read."""

    request_body_s: float = 60.0
    response_write_s: float = 60.0


class Flight:
    """One call under way. `reading_since`/`writing_since`: monotonic seconds while waiting on the client, else 0."""

    __slots__ = ("call", "reading_since", "receive", "task", "watcher", "writing_since")

    def __init__(self, task: asyncio.Task[object], receive: Receive) -> None:
        self.task = task
        self.receive = receive
        self.call: Call | None = None
        self.watcher: asyncio.Task[None] | None = None
        self.reading_since = 0.0
        self.writing_since = 0.0

    async def watch(self) -> None:
        """Notice a client that hangs up, at any moment from the last byte of its request to the last of its answer."""
        while (await self.receive())["type"] != "http.disconnect":
            pass
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
    """

    def __init__(self, options: PatienceOptions, now: Callable[[], float]) -> None:
        self._options = options
        self._now = now
        # In the order of their coming, so that what is done to all is done in the same order each time.
        self._flights: dict[Flight, None] = {}
        self._unwatched: dict[Flight, None] = {}
        self.draining = False
        self.closing = False

    def __len__(self) -> int:
        return len(self._flights)

    def board(self, task: asyncio.Task[object], receive: Receive) -> Flight:
        flight = Flight(task, receive)
        self._flights[flight] = None
        return flight

    def body_read(self, flight: Flight) -> None:
        """From now on the client can only hang up; it is watched from the next tick on."""
        flight.reading_since = 0.0
        self._unwatched[flight] = None

    def land(self, flight: Flight) -> None:
        self._flights.pop(flight, None)
        self._unwatched.pop(flight, None)
        if flight.watcher is not None:
            flight.watcher.cancel()
            flight.watcher = None  # which knows its flight

    def watch_new(self) -> None:
        """Begin to watch the clients of calls that were not over at once. A watcher costs a task; a call that takes no
        longer than a tick has no use for one."""
        for flight in self._unwatched:
            flight.watcher = asyncio.create_task(flight.watch())
        self._unwatched.clear()

    def sweep(self) -> None:
        """End the calls whose client has kept them waiting too long."""
        now, options = self._now(), self._options
        for flight in list(self._flights):
            if flight.reading_since and now - flight.reading_since > options.request_body_s:
                flight.abort(RequestTimeout(f"the request body did not arrive within {options.request_body_s:g} s"))
            elif flight.writing_since and now - flight.writing_since > options.response_write_s:
                flight.abort(ClientGone("the client stopped reading"))

    async def look_after(self, late: Callable[[float, float, bool], None]) -> None:
        """Watch new calls' clients at every tick, sweep every second. `late` is told how late a tick was, when, and
        whether calls were under way that waited so much longer."""
        ticks = 0
        while True:
            began, waited = self._now(), bool(self._flights)
            await asyncio.sleep(TICK_S)
            now = self._now()
            late(max(0.0, now - began - TICK_S), now, waited)
            self.watch_new()
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
