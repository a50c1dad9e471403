"""The drainer's life: rounds in a thread until exit, with back-off while the ledger is away, and a last one."""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self, TypeVar

import msgspec

from gateway.core.clock import Clock, SystemClock
from gateway.ledger.rounds import Drained, Rounds
from gateway.ledger.segments import sole_drainer
from gateway.ledger.store import LedgerStore, LedgerUnavailable

_log = logging.getLogger("gateway.ledger")
NICE = 10
TIDY_EVERY_S = 3600.0
TIDY_AGAIN_S = 60.0


_T = TypeVar("_T")


def _yield_to_workers() -> None:
    """A backlog can wait, a call cannot: where both want the same core, workers go first. On Linux this is of the
    thread that asks, and of those that it starts."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


class DrainOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`interval_s` between rounds; doubled after each that failed, up to `max_backoff_s`."""

    interval_s: Annotated[float, msgspec.Meta(gt=0, le=3_600)] = 0.25
    max_backoff_s: Annotated[float, msgspec.Meta(gt=0, le=3_600)] = 5.0


class Drainer:
    """`async with Drainer(…) as drainer`. Its store is used from one thread at a time.

    Attributes:
        last: the latest round.
    """

    def __init__(
        self,
        options: DrainOptions,
        folder: Path,
        store: LedgerStore,
        report: Callable[[Drained | None], None] = lambda _: None,
        clock: Clock | None = None,
        tidy: Callable[[], bool] | None = None,
    ) -> None:
        """`report` is told of every round, and besides, with None, that one failed. `tidy`: what the store wants done
        every hour; true while there is more to do, which waits for the next round."""
        self._options = options
        self._folder = folder
        self._clock = clock or SystemClock()
        self._rounds = Rounds(folder, store, self._clock)
        self._tidy = tidy
        self._tidy_at = 0.0
        self._report = report
        self._stop = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "drainer", _yield_to_workers)
        self._running: asyncio.Task[None] | None = None
        self._sole = contextlib.ExitStack()
        self.last = Drained()

    async def __aenter__(self) -> Self:
        """Raises:
        AlreadyDraining: another process drains this folder.
        """
        self._sole.enter_context(sole_drainer(self._folder))
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        try:
            if self._running is not None:
                await asyncio.shield(self._running)
        finally:
            self._thread.shutdown()
            self._sole.close()

    async def _run(self) -> None:
        pause = self._options.interval_s
        while not self._stop.is_set():
            good = await self._round()
            pause = self._options.interval_s if good else min(pause * 2, self._options.max_backoff_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
        await self._round()

    async def _round(self) -> bool:
        try:
            drained = await self._in_thread(self._rounds.drain_once)
            if drained.error:
                _log.error("journals wait, nothing is lost: %s", drained.error)
            self._report(drained)
            if not drained.error and not self._stop.is_set():
                await self._tidy_up()
        except Exception as error:  # noqa: BLE001  a bug must not end draining: journals would fill the disk unseen
            _log.exception("a round of the drain broke; journals wait")
            drained = Drained(error=f"a bug ({type(error).__name__}), see the log")
        self.last = drained
        if drained.error:
            self._report(None)
        return not drained.error

    def _in_thread(self, work: Callable[[], _T]) -> Awaitable[_T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _tidy_up(self) -> None:
        now = self._clock.monotonic()
        if self._tidy is None or now < self._tidy_at:
            return
        try:
            more = await self._in_thread(self._tidy)
        except LedgerUnavailable as error:
            _log.warning("old months are dropped another time: %s", error)
            more, now = False, now + TIDY_AGAIN_S - TIDY_EVERY_S
        self._tidy_at = now if more else now + TIDY_EVERY_S
