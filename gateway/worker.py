"""One worker process: an event loop that answers requests until it is told to drain.

serving ──SIGTERM or lifeline ends──▶ draining: readiness says no, requests are still taken for drain_delay_s
        ──▶ closing: no new connection; calls under way finish within grace_s, then end with an error event
        ──▶ ended: journals closed, exporters flushed

Where the lifeline has ended, the parent is dead, and a new one may be there already: it gets the port at once.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvloop

from gateway.app import Application, build
from gateway.config import read_config
from gateway.edge.server import STOPPED_WITHIN_S, Server, ServerOptions, http_server
from gateway.processes import WorkerSpec, under_way

_log = logging.getLogger("gateway.worker")
LAST_WORDS_S = 2.0
# A call that waits on its client ends by its own patience first, with a record of why.
STALLS_AFTER_S = 5.0
FLUSH_S = 0.1
SWITCH_INTERVAL_S = 0.0005


async def serve(spec: WorkerSpec) -> None:
    """Serve until SIGTERM, SIGINT, or the end of standard input."""
    settings = read_config(Path(spec.config_file))
    async with build(settings, spec) as application:
        patience = settings.config.patience
        stall_s = max(patience.request_body_s, patience.response_write_s) + STALLS_AFTER_S
        server = http_server(application.asgi, spec.descriptor, settings.config.server, stall_s)
        serving = asyncio.create_task(server.serve())
        stop = _stop_event(lambda: _orphaned(application, server, settings.config.server))
        # What exists now stays: the collector need not look at it again, and calls leave no cycles behind.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 50, 100)
        _tell_parent("ready")
        await _first(serving, asyncio.create_task(stop.wait()))
        await _drain(application, server, serving, settings.config.server)


def _stop_event(orphaned: Callable[[], None]) -> asyncio.Event:
    """Set when we are to end. `orphaned`: called if that is because the parent is gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    lifeline = sys.stdin.fileno()

    def read_lifeline() -> None:
        if not os.read(lifeline, 1024):
            loop.remove_reader(lifeline)
            orphaned()
            stop.set()

    loop.add_reader(lifeline, read_lifeline)
    return stop


def _tell_parent(line: str) -> None:
    """See `processes.Worker`. A parent that is gone hears nothing."""
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), f"{line}\n".encode())


def _orphaned(application: Application, server: Server, options: ServerOptions) -> None:
    server.leave_port()
    _log.warning(
        "the parent process is gone: this worker leaves the port and ends; %s",
        under_way(len(application.flights), options.grace_s),
    )


async def _first(serving: asyncio.Task[None], stopping: asyncio.Task[bool]) -> None:
    """Until we are asked to stop, or the server ends by itself, which is an error."""
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if serving.done():
        serving.result()
        raise RuntimeError("the HTTP server ended by itself")


async def _drain(application: Application, server: Server, serving: asyncio.Task[None], options: ServerOptions) -> None:
    """The server itself is stopped last: it does not wait for answers that are still on their way out."""
    flights = application.flights
    flights.draining = True
    _tell_parent(f"draining {len(flights)}")
    await asyncio.sleep(options.drain_delay_s)
    flights.closing = True
    if not await flights.landed(options.grace_s):
        _tell_parent(f"cut {flights.abort_all()}")
        await flights.landed(LAST_WORDS_S)
    # What was handed to the server a moment ago is still to be written to its socket.
    await asyncio.sleep(FLUSH_S)
    server.stop()
    await asyncio.wait({serving}, timeout=STOPPED_WITHIN_S)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


def main() -> None:
    line = b""
    # Byte by byte: a buffered reader would swallow what the lifeline's end is told by.
    while not line.endswith(b"\n"):
        byte = os.read(sys.stdin.fileno(), 1)
        if not byte:
            return
        line += byte
    # Guards look at long texts in a thread: with the default of 5 ms the loop would wait that long for its turn each
    # time, and so would a server's own thread for every event it hands over.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    uvloop.run(serve(msgspec.json.decode(line, type=WorkerSpec)))


if __name__ == "__main__":
    main()
