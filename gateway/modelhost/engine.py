"""One engine: a child process kept alive as `life.py` says."""

import asyncio
import contextlib
import logging
import random
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.core.clock import Clock
from gateway.modelhost.life import Event, State, next_state, restart_delay
from gateway.modelhost.llamacpp import HOPELESS, Orders
from gateway.modelhost.options import EngineOptions
from gateway.modelhost.weights import WeightsError, verify, weights_path

_log = logging.getLogger("gateway.modelhost")
MAX_LOG_BYTES = 4 * 1024 * 1024
PROBE_TIMEOUT_S = 2.0
ADMISSION_S = 0.5
# (engine, SHA-256 of its weights) → why it may not run, or empty.
Admit = Callable[[str, str], str]

# runner → the module that is the engine's process.
RUNNERS: dict[str, str] = {"llamacpp": "gateway.modelhost.llamacpp"}


class Endpoint(msgspec.Struct, frozen=True):
    """Where an engine answers, and the key that opens it."""

    base_url: str
    api_key: str


class EngineState(msgspec.Struct, frozen=True):
    """What is shown of an engine."""

    name: str
    state: State
    restarts: int
    pid: int | None
    message: str


class Engine:
    """`admit`: asked before every start and at every look; an engine that is not admitted is ended, and waits until it
    is. `command`: the child to start instead of the runner's own, for tests."""

    def __init__(
        self,
        name: str,
        options: EngineOptions,
        state_dir: Path,
        port: int,
        clock: Clock,
        admit: Admit = lambda _engine, _digest: "",
        die: Callable[[], float] = random.random,
        command: list[str] | None = None,
    ) -> None:
        self.name = name
        self._options = options
        self._weights = weights_path(options.weights, state_dir)
        self._log_file = state_dir / "log" / f"engine-{name}.log"
        self._port = port
        self._clock = clock
        self._admit = admit
        self._digest = ""
        self._die = die
        self._command = command or [sys.executable, "-m", RUNNERS[options.runner]]
        self._process: asyncio.subprocess.Process | None = None
        self._state: State = "waiting"
        self._stop = asyncio.Event()
        self._deaths = 0
        self._starts = 0
        self._message = ""
        self.endpoint = Endpoint(f"http://127.0.0.1:{port}/v1", secrets.token_urlsafe(32))

    def state(self) -> EngineState:
        pid = self._process.pid if self._process is not None and self._process.returncode is None else None
        return EngineState(self.name, self._state, max(0, self._starts - 1), pid, self._message)

    def ask_to_stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        """Keep the engine alive until it is asked to stop, or cannot be started at all."""
        while not self._stop.is_set():
            try:
                self._digest = await asyncio.to_thread(verify, self._options.weights, self._weights)
            except WeightsError as error:
                self._fail(str(error))
                return
            if await self._waited():
                continue  # the file may be another one by now
            if self._stop.is_set():
                break
            began = self._clock.monotonic()
            code = await self._live_once()
            if self._refused():
                continue
            if (why := HOPELESS.get(code)) is not None:
                self._fail(why)
                return
            if self._stop.is_set():
                break
            steady = self._clock.monotonic() - began > self._options.steady_s
            self._deaths = 1 if steady else self._deaths + 1
            delay = restart_delay(self._deaths, self._options.backoff_s, self._options.max_backoff_s, self._die())
            self._message = f"ended with code {code}; starting again in {delay:.1f} s (see {self._log_file})"
            _log.warning("engine %s %s", self.name, self._message)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), delay)
        self._to("stop")

    def _refused(self) -> bool:
        """Whether the engine's model may not be used now; the message says why."""
        reason = self._admit(self.name, self._digest)
        if reason and reason != self._message:
            _log.warning("engine %s is not admitted: %s", self.name, reason)
        self._message = reason or self._message
        return bool(reason)

    async def _waited(self) -> bool:
        """Wait until the engine may run, or is asked to stop; whether it had to."""
        waited = False
        while not self._stop.is_set() and self._refused():
            waited = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), ADMISSION_S)
        return waited

    async def _live_once(self) -> int:
        """One process from start to end; its exit code."""
        process = await self._start()
        self._to("started")
        watching = asyncio.create_task(self._watch(process))
        stopping = asyncio.create_task(self._stop.wait())
        dying = asyncio.create_task(process.wait())
        try:
            await asyncio.wait({watching, stopping, dying}, return_when=asyncio.FIRST_COMPLETED)
            if self._stop.is_set():
                self._to("stop")
            await self._end(process)
        finally:
            for task in (watching, stopping, dying):
                task.cancel()
            if process.returncode is None:
                process.kill()
        self._to("died" if self._stop.is_set() or self._state != "stopping" else "ended_late")
        return process.returncode if process.returncode is not None else -9

    async def _start(self) -> asyncio.subprocess.Process:
        self._log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        too_long = self._log_file.exists() and self._log_file.stat().st_size > MAX_LOG_BYTES
        with self._log_file.open("wb" if too_long else "ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._process = process
        self._starts += 1
        orders = Orders(
            model=str(self._weights),
            alias=self.name,
            port=self._port,
            api_key=self.endpoint.api_key,
            context_tokens=self._options.context_tokens,
            parallel=self._options.parallel,
            threads=self._options.threads,
        )
        assert process.stdin is not None, "asked for a pipe"
        with contextlib.suppress(ConnectionError):
            process.stdin.write(msgspec.json.encode(orders) + b"\n")
            await process.stdin.drain()
        return process

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Look at the engine's health until it has been silent for too long."""
        deadline = self._clock.monotonic() + self._options.startup_s
        silent = 0
        while process.returncode is None:
            if self._refused():
                self._to("withdrawn")
                return
            if await healthy(self._port):
                silent = 0
                self._message = ""
                self._to("answered")
            else:
                silent += 1
                if self._state == "starting" and self._clock.monotonic() > deadline:
                    self._message = f"did not start within {self._options.startup_s:g} s"
                    self._to("time_over")
                    return
                if self._state != "starting":
                    self._to("silent")
                    if silent >= self._options.unhealthy_after:
                        self._message = "stopped answering"
                        self._to("time_over")
                        return
            await asyncio.sleep(0.1 if self._state == "starting" else self._options.health_s)

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Close the lifeline, ask, wait, kill."""
        if process.returncode is not None:
            return
        assert process.stdin is not None, "asked for a pipe"
        process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self._options.stop_s)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _fail(self, message: str) -> None:
        self._message = message
        self._to("cannot_start")
        _log.error("engine %s cannot be started: %s", self.name, message)

    def _to(self, event: Event) -> None:
        self._state = next_state(self._state, event)


async def healthy(port: int) -> bool:
    """Whether `/health` answers 200. Sixty bytes over loopback once a second do not need an HTTP client's pool."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /health HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n")
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
