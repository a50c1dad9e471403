"""Keeps the `Library` that a process serves equal to the files and to the labels in the database.

A thread looks at the files as often as that takes no more than `SHARE` of a core: hundreds of files twice a second, ten
thousand every three seconds. What has changed is read in the thread too, and takes force in one assignment. Afterwards
versions that nobody has compiled yet are, a few at a time: a problem with one is told before a call finds it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway.core.live import Live
from gateway.prompts.building import Entry
from gateway.prompts.keeping import keep, read_kept
from gateway.prompts.labels.following import LabelFollower
from gateway.prompts.library import Library
from gateway.prompts.loading import read_library
from gateway.prompts.scanning import NOTHING, Seen, look
from gateway.prompts.versions import Problem, Version
from gateway.prompts.vouching import Vouch

_log = logging.getLogger("gateway.prompts")
POLL_S = 0.5
SHARE = 0.015
BATCH_S, REST = 0.01, 9  # versions are compiled for so long, and left alone for so many times as long
MAX_LOGGED = 20
RETRY_S = 5.0
Reloaded = Callable[[Library], None]


class PromptFeed:
    """`async with PromptFeed(folder, labels, reloaded) as feed`: `feed.library.value` is the current library.

    `reloaded` hears of the first library and of every one that takes its place, and when a problem was found later;
    it is called on the event loop. `last_good`: where is kept what stands in for broken files, for a process that is
    started while they are broken; it belongs to one run of the gateway.
    `vouch`: see `vouching.py`. `tells`: the log hears of problems; of all that follow the same files one does, others
    only tell on level `debug`.

    Attributes:
        poll_s: how long it waits now until it looks at the files again.
    """

    def __init__(
        self,
        folder: Path,
        labels: LabelFollower,
        reloaded: Reloaded,
        poll_s: float = POLL_S,
        last_good: Path | None = None,
        vouch: Vouch | None = None,
        *,
        tells: bool = True,
    ) -> None:
        self._tells = tells
        self._folder = folder
        self._labels = labels
        self._reloaded = reloaded
        self._least_s = poll_s
        self._last_good = last_good
        self._vouch = vouch
        self._seen: Seen = NOTHING
        self._logged: frozenset[Problem] = frozenset()
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self.library = Live(Library({}))
        self.poll_s = poll_s

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._labels.refresh)
        kept = {} if self._last_good is None else await asyncio.to_thread(read_kept, self._last_good)
        await self._look(kept)
        self._tasks = [
            asyncio.create_task(self._guarded(work)) for work in (self._follow_files, self._follow_labels, self._verify)
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._labels.close)

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await work()
            except Exception:  # noqa: BLE001  the border: a bug in one of them must not end the watch
                _log.exception("prompts were not reloaded")
                await asyncio.sleep(RETRY_S)

    async def _follow_files(self) -> None:
        while True:
            await asyncio.sleep(self.poll_s)
            await self._look({})

    async def _look(self, last_good: Mapping[str, Entry]) -> None:
        first = not self._tasks
        seen, cost_s = await asyncio.to_thread(_timed_look, self._folder)
        self.poll_s = max(self._least_s, cost_s / SHARE)
        if seen == self._seen and not first:
            return
        # Seen first and read then: what changes in between is read again.
        before = None if first else self.library.value
        new = await asyncio.to_thread(
            read_library, self._folder, before, seen=seen, last_good=last_good, vouch=self._vouch
        )
        self._seen = seen
        self._take(new)
        if self._last_good is not None:
            await asyncio.to_thread(_keep, new, self._last_good)

    async def _follow_labels(self) -> None:
        while True:
            await asyncio.sleep(self._labels.poll_s)
            if await asyncio.to_thread(self._labels.refresh):
                self._take(self.library.value)

    def _take(self, new: Library) -> None:
        """On the event loop, in one step: calls under way keep what they have resolved."""
        self.library.value = new = new.with_labels(self._labels.positions)
        self._tell(new)
        self._changed.set()

    def _tell(self, library: Library) -> None:
        problems = library.problems
        error, warning = (logging.ERROR, logging.WARNING) if self._tells else (logging.DEBUG, logging.DEBUG)
        fresh = [one for one in problems if one not in self._logged]
        for problem in fresh[:MAX_LOGGED]:
            _log.log(error, "prompt: %s", problem)
        if len(fresh) > MAX_LOGGED:
            _log.log(error, "prompts: %d more problems; `gateway prompts check` lists them", len(fresh) - MAX_LOGGED)
        if self._logged and not problems:
            _log.log(warning, "prompts: nothing is wrong any more")
        self._logged = frozenset(problems)
        self._reloaded(library)

    async def _verify(self) -> None:
        """Compile what nobody has compiled, in the order in which it may be needed; from the beginning, whenever there
        is a new library."""
        while True:
            self._changed.clear()
            library = self.library.value
            waiting = library.unverified()[::-1]
            found = False
            while waiting and not self._changed.is_set():
                found |= await asyncio.to_thread(_verify_some, waiting)
                await asyncio.sleep(BATCH_S * REST)
            if found and library is self.library.value:
                self._tell(library)
            await self._changed.wait()


def _timed_look(folder: Path) -> tuple[Seen, float]:
    """What is there, and the seconds of a core that it took to see."""
    begun = time.thread_time()
    return look(folder), time.thread_time() - begun


def _verify_some(waiting: list[Version]) -> bool:
    """Compiles from the end of the list, for a moment; whether something is wrong with one."""
    until = time.monotonic() + BATCH_S
    found = False
    while waiting and time.monotonic() < until:
        found |= waiting.pop().verify() is not None
    return found


def _keep(library: Library, path: Path) -> None:
    try:
        keep(library, path)
    except OSError as error:
        _log.warning("what stands in for broken prompts is not kept for the next start: %s", error)
