"""Worker processes: started on an inherited socket, restarted with back-off when they die, ended in order.

What a worker is told comes as one line of JSON on its standard input, which then stays open as its lifeline: when it
ends, the parent is gone and the worker drains. Secrets passed this way are in no argument list and no environment.
What it tells comes as lines on its standard output: `ready`; when it is to end, `draining` and how many calls are under
way; if the grace did not suffice, `cut` and how many of them were ended.
"""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from gateway.providers.provider import Endpoint

_log = logging.getLogger("gateway.processes")

State = Literal["starting", "ready", "waiting", "stopping"]
RESTART_AFTER_S = (0.1, 0.5, 1.0, 2.0, 5.0)
STEADY_S = 60.0
LAST_WORDS_S = 1.0
# Of a worker that was to end; the second where it had not yet begun to answer.
ENDED = (0, -signal.SIGTERM)


class WorkerSpec(msgspec.Struct, frozen=True):
    """What a worker is told. `engines`: where the model host's engines answer."""

    config_file: str
    index: int
    workers: int
    descriptor: int
    engines: dict[str, Endpoint] = {}


def under_way(calls: int, grace_s: float) -> str:
    """How many calls are under way when a process drains, in words."""
    if not calls:
        return "no call is under way"
    return f"{'1 call is' if calls == 1 else f'{calls} calls are'} under way and may finish within {grace_s:g} s"


def restart_delay(failures: int) -> float:
    """Seconds to wait before the next start, after so many deaths in a row."""
    return RESTART_AFTER_S[min(failures, len(RESTART_AFTER_S)) - 1] if failures else 0.0


class Worker:
    """One worker process and its successors.

    Attributes:
        draining: it has told that it drains, or is gone. under_way: how many calls it had then. cut: how many it ended
            because the grace was over. died: it was to end, and something else ended it, with the calls it still had.
    """

    def __init__(
        self, spec: WorkerSpec, environment: Mapping[str, str], now: Callable[[], float], died: Callable[[int], None]
    ) -> None:
        self._spec = spec
        self._environment = environment
        self._now = now
        self._forget = died
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = self._killed = False
        self.ready = asyncio.Event()
        self.draining = asyncio.Event()
        self.under_way = 0
        self.cut = 0
        self.died = False
        self.failures = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def run(self) -> None:
        """Keep one process alive until `stop`."""
        while not self._stopping:
            began = self._now()
            code = await self._run_once()
            self.ready.clear()
            if self._stopping:
                self.draining.set()
                self.died = not self._killed and code not in ENDED
                return
            self.failures = 1 if self._now() - began > STEADY_S else self.failures + 1
            delay = restart_delay(self.failures)
            _log.error("worker %d ended with code %s; starting it again in %.1f s", self._spec.index, code, delay)
            await asyncio.sleep(delay)

    async def _run_once(self) -> int:
        self.draining.clear()
        self.under_way = self.cut = 0
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=self._environment,
            pass_fds=(self._spec.descriptor,),
            # A terminal's Ctrl-C goes to the parent alone, which then ends the workers in order.
            start_new_session=True,
        )
        self._process = process
        if self._stopping:  # it was being started when we were told to end it
            self.stop()
        assert process.stdin is not None, "asked for a pipe"
        assert process.stdout is not None, "asked for a pipe"
        with contextlib.suppress(ConnectionError):
            process.stdin.write(msgspec.json.encode(self._spec) + b"\n")
            await process.stdin.drain()
        listening = asyncio.create_task(self._listen(process.stdout))
        try:
            code = await process.wait()
            # Its last words are in the pipe; a process of its own that lives on may hold that open.
            await asyncio.wait({listening}, timeout=LAST_WORDS_S)
        finally:
            listening.cancel()
            if process.returncode is None:
                process.kill()
        self._forget(process.pid)
        return code

    async def _listen(self, told: asyncio.StreamReader) -> None:
        while line := await told.readline():
            match line.split():
                case [b"ready"]:
                    self.ready.set()
                case [b"draining", count]:
                    self.under_way = int(count)
                    self.draining.set()
                case [b"cut", count]:
                    self.cut = int(count)
                case _:
                    pass

    def stop(self) -> None:
        """Ask it to drain and end."""
        self._stopping = True
        if self._process is None or self._process.returncode is not None:
            self.draining.set()
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        self._stopping = self._killed = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
