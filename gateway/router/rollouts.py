"""Canaries carried out: each worker counts what it sees of both sides, and goes by what any worker has decided. Arms of
experiments that were stopped stand in the same folder (`gateway/experiments.py` puts them there).

A canary that was rolled back is a file in a folder that all workers share and look at: it stays so after a restart,
until its `since` or its target is another, or an operator deletes the file.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.core.call import Call
from gateway.core.clock import Clock
from gateway.core.days import written
from gateway.core.live import Live
from gateway.core.model import Permit
from gateway.router.canaries import (
    Rollout,
    Seen,
    Side,
    Variant,
    added_up,
    share_at,
    shown,
    state_at,
    what_is_worse,
)
from gateway.router.decided import Reading, RolledBack, read_over, read_periods, write_over
from gateway.router.experiments import Period, Running, shares_of
from gateway.router.loading import RouteRule, Routes
from gateway.router.telling import RouteReports, Untold
from gateway.stores.files import private_directory

_log = logging.getLogger("gateway.router")
LOOK_S = 0.5
KEPT = 2_000  # attempts of each side


class _Sides:
    """What a worker has seen of one canary and of the others on its route."""

    __slots__ = ("added", "changed", "seen")

    def __init__(self) -> None:
        self.seen: dict[Variant, deque[Seen]] = {"canary": deque(maxlen=KEPT), "stable": deque(maxlen=KEPT)}
        self.added: tuple[Side, Side] = (Side(), Side())
        self.changed = False


class Rollouts:
    """`async with Rollouts(routes, clock, folder, told)`, one per worker. Without a folder nothing is remembered."""

    def __init__(
        self, routes: Live[Routes], clock: Clock, folder: Path | None = None, told: RouteReports | None = None
    ) -> None:
        self._routes = routes
        self._clock = clock
        self._folder = folder
        self._told = told or Untold()
        self._sides: dict[str, _Sides] = {}
        self._over: Mapping[str, RolledBack] = {}
        self._periods: Mapping[str, Sequence[Period]] = {}
        # What could not be written yet.
        self._unwritten: dict[str, RolledBack] = {}
        self._reading = Reading()
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._folder is not None:
            private_directory(self._folder)
            self._over = read_over(self._folder)
            self._periods = read_periods(self._folder)
        self._looking = asyncio.create_task(self._look_for_ever())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    @property
    def over(self) -> Mapping[str, RolledBack]:
        """What gets no more calls, by its id, as far as this worker has heard."""
        return self._over

    def shares(self, running: Running, now: float) -> dict[str, float]:
        """Each arm's part of the calls that begin then (Unix seconds)."""
        return shares_of(running, self._over, now, self._periods.get(running.id, ()))

    def share(self, rollout: Rollout) -> float:
        """Its part of the calls now."""
        return share_at(rollout, self._clock.now(), rolled_back=rollout.id in self._over)

    def began(self, call: Call, rule: RouteRule, plan: Sequence[Permit]) -> None:
        """A call on a route with a canary has its plan: it is one side's, and tells in the end what became of it."""
        rollout = rule.rollout
        assert rollout is not None, "asked of routes with a canary"
        call.record.variant = "canary" if plan[0].model.place == rollout.canary.target else "stable"
        if state_at(rollout, self._clock.now(), rolled_back=rollout.id in self._over) == "stepping":
            call.on_end(lambda call: self._ended(call, rollout))

    def _ended(self, call: Call, rollout: Rollout) -> None:
        """Every attempt tells of its own target: one that failed, and was made good by another, did fail."""
        now, record = self._clock.monotonic(), call.record
        attempts = [attempt for attempt in call.attempts if attempt.role != "judge"]
        for attempt in attempts[:-1]:
            if attempt.outcome in ("failed", "refused"):  # what takes less is not to look better for it
                self._saw(rollout, attempt.target, Seen(now, failed=True))
            elif attempt.outcome == "cancelled":  # another was quicker
                self._saw(rollout, attempt.target, Seen(now, wait_s=attempt.duration_us / 1e6, at_least=True))
        if not attempts:
            return
        last = attempts[-1]
        began_us = max(0, last.started_ns - record.started_ns) // 1000
        wait_s = None if record.ttfb_us is None else max(0, record.ttfb_us - began_us) / 1e6
        if record.outcome == "completed":
            self._saw(rollout, last.target, Seen(now, failed=False, wait_s=wait_s))
        elif record.outcome == "failed" and record.blame == "upstream":
            self._saw(rollout, last.target, Seen(now, failed=True))
        elif record.outcome == "cancelled":
            waited_s = max(0, record.duration_us - began_us) / 1e6 if wait_s is None else wait_s
            self._saw(rollout, last.target, Seen(now, wait_s=waited_s, at_least=wait_s is None))

    def _saw(self, rollout: Rollout, place: str, seen: Seen) -> None:
        sides = self._sides.setdefault(rollout.id, _Sides())
        variant: Variant = "canary" if place == rollout.canary.target else "stable"
        sides.seen[variant].append(seen)
        sides.changed = True
        if seen.failed is not None:
            self._told.tried(rollout.route, variant, failed=seen.failed)

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except Exception:  # noqa: BLE001  the border: canaries are looked after for as long as the worker lives
                _log.exception("canaries could not be looked after")

    async def look(self) -> None:
        """Hear what others decided, decide what this worker has seen enough of."""
        rules = self._routes.value.rules.values()
        rollouts = [rule.rollout for rule in rules if rule.rollout is not None]
        if self._folder is not None and (rollouts or any(rule.experiment is not None for rule in rules)):
            await self._hear(self._folder)
        if not rollouts:
            self._sides.clear()
            return
        ids = {one.id for one in rollouts}
        self._sides = {name: sides for name, sides in self._sides.items() if name in ids}
        now = self._clock.now()
        for rollout in rollouts:
            over = rollout.id in self._over
            if state_at(rollout, now, rolled_back=over) == "stepping" and (reason := self._judged(rollout)):
                await self._roll_back(rollout, reason)
            self._told.stepped(rollout.route, self.share(rollout))

    async def _hear(self, folder: Path) -> None:
        if (found := await asyncio.to_thread(self._reading.read, folder)) is not None:
            heard, periods = found
            for name in self._over.keys() - heard.keys() - self._unwritten.keys():
                self._sides.pop(name, None)  # an operator lets it begin again: so does what is known of it
            self._over, self._periods = {**self._unwritten, **heard}, periods
        for name, one in list(self._unwritten.items()):
            await self._write(name, one)

    def _judged(self, rollout: Rollout) -> str:
        sides = self._sides.get(rollout.id)
        if sides is None or not sides.changed:
            return ""
        since = self._clock.monotonic() - rollout.canary.step_s
        new, old = sides.added = (added_up(sides.seen["canary"], since), added_up(sides.seen["stable"], since))
        sides.changed = False
        return what_is_worse(rollout.canary, new, old)

    async def _roll_back(self, rollout: Rollout, reason: str) -> None:
        canary = rollout.canary
        one = RolledBack(rollout.route, canary.target, canary.since, self._clock.now(), reason)
        self._over = {**self._over, rollout.id: one}
        self._unwritten[rollout.id] = one
        if await self._write(rollout.id, one):
            _log.warning(
                "the canary `%s` of the route `%s` gets no more calls: %s; another `since` starts it again",
                *(one.target, one.route, one.reason),
            )
            self._told.rolled_back(one.route)

    async def _write(self, id: str, one: RolledBack) -> bool:
        """Whether it was this worker that decided; others may have done so at the same moment."""
        if self._folder is None:
            return True
        try:
            first = await asyncio.to_thread(write_over, self._folder, id, one)
        except OSError as error:
            _log.error("that a canary was rolled back is only known to this worker: %s", error)
            return False
        self._unwritten.pop(id, None)
        return first

    def experiments(self) -> list[dict[str, object]]:
        """Every experiment, for operators: its arms, their parts of the calls, and why some have none."""
        found: list[dict[str, object]] = []
        for rule in self._routes.value.rules.values():
            if (running := rule.experiment) is not None:
                shares = self.shares(running, self._clock.now())
                arms = [
                    {"target": place, "share": shares[place], **_ended(self._over.get(running.ids[place]))}
                    for place in running.arms
                ]
                found.append(
                    {"route": rule.name, "since": running.experiment.since, "base": running.base, "arms": arms}
                )
        return found

    def view(self) -> list[dict[str, object]]:
        """Every canary, for operators."""
        found: list[dict[str, object]] = []
        now = self._clock.now()
        for rule in self._routes.value.rules.values():
            if (rollout := rule.rollout) is not None:
                over, sides = self._over.get(rollout.id), self._sides.get(rollout.id)
                state = state_at(rollout, now, rolled_back=over is not None)
                told = shown(rollout, state, self.share(rollout), (Side(), Side()) if sides is None else sides.added)
                # As people read it: `since` beside it is as they have written it.
                found.append(
                    told if over is None else {**told, "reason": over.reason, "rolled_back_at": written(over.at)}
                )
        return found


def _ended(one: RolledBack | None) -> dict[str, object]:
    return {} if one is None else {"stopped_at": written(one.at), "reason": one.reason}
