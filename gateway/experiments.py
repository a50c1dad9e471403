"""Experiments of routes, looked after by the parent process: whoever is surely worse gets no more calls.

    ledger ── every `look_s` ──▶ compared as `gateway compare live` does ──▶ decided ──▶ a file in `canaries/` of the
    state folder, which all workers follow, and which outlives restarts

There is one parent to a state folder. Of several gateways with one ledger each looks for itself and at the same calls,
and stops its own workers' arm. What cannot be known is not decided: with the ledger away, or a metric that there is
not, the split stays, and `/admin/status` says why. Nothing here gives an arm more calls, unless `on_better: promote`
says so.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from gateway.compare.live.results import Live, LiveDifference
from gateway.compare.live.saying import guard_said
from gateway.config import Settings
from gateway.core.clock import Clock
from gateway.core.live import Live as Current
from gateway.ledger.alerts.events import Event
from gateway.ledger.store import LedgerUnavailable
from gateway.livetraffic import NANO, Question, compared, question_of
from gateway.router.experiments import Running
from gateway.router.loading import Routes
from gateway.router.rollouts import FOLDER, RolledBack, read_over, write_over
from gateway.stores.files import private_directory, write_private

_log = logging.getLogger("gateway.experiments")
LEAST_S, MOST_S = 0.05, 1.0
# A look that takes long is followed by a rest that is so much longer: a twentieth of one core at most.
REST = 20
KIND = "experiment.arm_stopped"
_RESUMED = "resumed-"
LOOKED = "experiments.json"  # below the folder of this run


class Decision(msgspec.Struct, frozen=True):
    """An arm that is to get no more calls. `why`: `worse`, `guard`, or `lost` against one that was promoted."""

    arm: str
    why: str
    reason: str


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the last look at an experiment, for operators. `at`: Unix seconds. `problem`: why nothing could be
    decided; empty: it could. `said`: each arm's difference in a sentence."""

    route: str
    at: float
    problem: str = ""
    said: tuple[str, ...] = ()


def decisions(found: Live, running: Running, question: Question, stopped: Collection[str]) -> list[Decision]:
    """What follows from a comparison; nothing of arms that were stopped already."""
    stop = running.experiment.stop
    made: list[Decision] = []
    live = [one for one in found.differences if one.other in running.arms and one.other not in stopped]
    if stop.on_worse == "stop":
        made = [decision for one in live if (decision := _harm(one, question)) is not None]
    harmed = {one.arm for one in made}
    better = [one for one in live if one.word == "better" and one.other not in harmed]
    if stop.on_better == "promote" and better and running.base not in stopped:
        best = max(better, key=_gain)
        others = [one for one in running.arms if one != best.other and one not in stopped and one not in harmed]
        made += [Decision(one, "lost", best.said) for one in others]
    return made


def _gain(one: LiveDifference) -> float:
    assert one.interval is not None, "it is better"
    return abs(one.interval.estimate)


def _harm(one: LiveDifference, question: Question) -> Decision | None:
    by_name = {measure.name: measure for measure in question.measures}
    for guard in one.broken:
        return Decision(one.other, "guard", guard_said(guard, by_name[guard.metric]))
    return Decision(one.other, "worse", one.said) if one.word == "worse" else None


class Experiments:
    """`async with Experiments(settings, routes, stopped, clock)`, one per state folder. `stopped(route, why)` is told
    of each arm that gets no more calls."""

    def __init__(
        self, settings: Settings, routes: Current[Routes], stopped: Callable[[str, str], None], clock: Clock
    ) -> None:
        self._settings, self._routes, self._stopped, self._clock = settings, routes, stopped, clock
        self._folder = settings.state_dir / FOLDER
        self._due: dict[str, float] = {}
        self._looked: dict[str, Looked] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        private_directory(self._folder)
        self._task = asyncio.create_task(self._look_for_ever())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look_for_ever(self) -> None:
        while True:
            began = self._clock.monotonic()
            due = [one for one in self._running() if began >= self._due.get(one.id, 0.0)]
            for running in due:
                try:
                    await asyncio.to_thread(self.look, running)
                except Exception:  # noqa: BLE001  the border: experiments are looked after as long as the gateway lives
                    _log.exception("the experiment of the route `%s` could not be looked at", running.route)
                took = self._clock.monotonic() - began
                self._due[running.id] = self._clock.monotonic() + max(running.experiment.look_s, took * REST)
            await asyncio.sleep(min([MOST_S, *(max(LEAST_S, one.experiment.look_s) for one in self._running())]))

    def _running(self) -> list[Running]:
        return [rule.experiment for rule in self._routes.value.rules.values() if rule.experiment is not None]

    def look(self, running: Running) -> list[Decision]:
        """One look, in a thread; what was decided, and done."""
        now = self._clock.now()
        over = read_over(self._folder)
        stopped = {place for place, name in running.ids.items() if name in over}
        made: list[Decision] = []
        if now >= running.from_s and len(running.arms) - len(stopped) > 1:
            try:
                found, question = self._compared(running, now)
            except (LedgerUnavailable, ValueError) as error:
                self._could_not(running, now, str(error))
                return []
            if resumed_at(self._folder, running) * NANO <= question.since_ns:  # nobody has begun anew meanwhile
                made = decisions(found, running, question, stopped)
            said = tuple(one.said for one in found.differences if one.other in running.arms)
            self._looked[running.id] = Looked(route=running.route, at=now, said=said)
            for one in made:
                self._stop(running, one, now)
        self._publish()
        return made

    def _compared(self, running: Running, now: float) -> tuple[Live, Question]:
        settings = self._settings
        since = max(running.from_s, resumed_at(self._folder, running))
        until = max(since, now - running.experiment.settle_s)
        question = question_of(running, int(since * NANO), int(until * NANO), settings.config.feedback)
        return compared(settings.ledger, question, self._routes.value), question

    def _could_not(self, running: Running, now: float, why: str) -> None:
        before = self._looked.get(running.id)
        if before is None or before.problem != why:
            _log.error("the experiment of the route `%s` decides nothing, its split stays: %s", running.route, why)
        self._looked[running.id] = Looked(route=running.route, at=now, problem=why)
        self._publish()

    def _stop(self, running: Running, one: Decision, now: float) -> None:
        ended = RolledBack(
            running.route, one.arm, running.experiment.since, now, one.reason, last_resort=one.why == "lost"
        )
        try:
            first = write_over(self._folder, running.ids[one.arm], ended)
        except OSError as error:
            _log.error("the arm `%s` of the route `%s` could not be stopped: %s", one.arm, running.route, error)
            return
        if first:
            _log.warning(
                "the arm `%s` of the route `%s` gets no more calls: %s; another `since` starts the experiment again, "
                "`gateway experiments resume` goes on with it",
                *(one.arm, running.route, one.reason),
            )
            self._stopped(running.route, one.why)

    def _publish(self) -> None:
        known = {one.id for one in self._running()}
        self._looked = {name: one for name, one in self._looked.items() if name in known}
        try:
            write_private(self._settings.run_dir / LOOKED, msgspec.json.encode(list(self._looked.values())))
        except OSError as error:
            _log.error("what was seen of experiments cannot be written: %s", error)


def looked(file: Path) -> list[Looked]:
    """What the parent has published; nothing, if it has not."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[Looked])
    except (OSError, msgspec.MsgspecError):
        return []


def stopped_events(folder: Path, routes: Current[Routes]) -> Iterator[Event]:
    """Every arm that was stopped, for whoever tells each once."""
    over = read_over(folder)
    for rule in routes.value.rules.values():
        if rule.experiment is None:
            continue
        for place, name in rule.experiment.ids.items():
            if (one := over.get(name)) is not None:
                data = {"route": rule.name, "arm": place, "since": one.since, "reason": one.reason}
                text = f"the arm {place} of the route {rule.name} gets no more calls: {one.reason}"
                yield Event(KIND, f"experiment {name} {int(one.at)}", one.at, text, data)


def resume(folder: Path, running: Running, arm: str, now: float) -> bool:
    """Give an arm calls again, and begin to count anew; whether it was stopped. What it had done would stop it again.

    Raises:
        OSError: it cannot be written.
    """
    stopped = folder / f"{running.ids[arm]}.json"
    if not stopped.exists():
        return False
    write_private(folder / f"{_RESUMED}{running.id}", repr(now).encode())
    stopped.unlink(missing_ok=True)
    return True


def resumed_at(folder: Path, running: Running) -> float:
    """Unix seconds from which calls count after somebody has gone on with it; 0: nobody has."""
    try:
        return float((folder / f"{_RESUMED}{running.id}").read_bytes())
    except (OSError, ValueError):
        return 0.0
