"""Asking the providers of targets that are left alone whether they answer again, so that no caller's call has to."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from gateway.core.faults import Fault
from gateway.router.standing import Standings

_log = logging.getLogger("gateway.router")
TICK_S = 0.1
PATIENCE_S = 5.0


class Prober:
    """`probes`: whether a provider answers, by its name; an UpstreamFault says no as well. One probe of a provider at a
    time, whatever its targets are."""

    def __init__(
        self, probes: Mapping[str, Callable[[], Awaitable[bool]]], standings: Standings, now: Callable[[], float]
    ) -> None:
        self._probes = probes
        self._standings = standings
        self._now = now
        self._asked_at: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until it is cancelled."""
        try:
            while True:
                await asyncio.sleep(TICK_S)
                if (every_s := self._standings.probe_s) is not None:
                    self._ask_due(every_s)
        finally:
            for task in self._asking.values():
                task.cancel()

    def _ask_due(self, every_s: float) -> None:
        now = self._now()
        due = {place.partition("/")[0] for place, one in self._standings.all() if one.breaker.wants_probe(now)}
        for name in due & self._probes.keys() - self._asking.keys():
            if now - self._asked_at.get(name, -every_s) >= every_s:
                self._asked_at[name] = now
                task = self._asking[name] = asyncio.create_task(self._ask(name))
                task.add_done_callback(partial(self._done, name))

    def _done(self, name: str, task: "asyncio.Task[None]") -> None:
        del self._asking[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a probe of `%s` broke: %r", name, error)

    async def _ask(self, name: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                answers = await self._probes[name]()
        except (Fault, TimeoutError):
            return
        if answers:
            for place, one in self._standings.all():
                if place.partition("/")[0] == name:
                    one.breaker.probed(self._now())
