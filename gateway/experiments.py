"""Experiments of routes and of prompts, looked after by the parent process: whoever is surely worse gets no more calls.

    ledger ── every `look_s` ──▶ compared as `gateway compare live` does ──▶ decided ──▶ a file in `canaries/` of the
    state folder, which all workers follow, and which outlives restarts; or a label is moved (`labelexperiments.py`)

There is one parent to a state folder. Of several gateways with one ledger each looks for itself and at the same calls,
and stops its own workers' arm. What cannot be known is not decided: with the ledger away, or a metric that there is
not, the split stays, and `/admin/status` says why. Nothing here gives an arm more calls, unless `on_better: promote`
says so.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from gateway.compare.live.results import Live
from gateway.compare.statistics.allocation import with_floor
from gateway.config import Settings
from gateway.core.clock import Clock
from gateway.core.days import written
from gateway.core.experiment import LOOKED
from gateway.core.faults import Fault
from gateway.core.live import Live as Current
from gateway.labelexperiments import LabelExperiments, Labelled
from gateway.ledger.alerts.events import Event
from gateway.ledger.live.reading import Subject
from gateway.ledger.store import LedgerUnavailable
from gateway.livedecisions import KIND, Decision, decisions
from gateway.livetraffic import NANO, Question, compared, question_of
from gateway.prompts.vouching import Vouch
from gateway.router.decided import FOLDER, RolledBack, read_over, read_periods, write_over, write_periods
from gateway.router.experiments import Period, Running, shares_of
from gateway.router.loading import Routes
from gateway.stores.files import private_directory, write_private
from gateway.stores.reading import StoreUnavailable

_log = logging.getLogger("gateway.experiments")
LEAST_S, MOST_S = 0.05, 1.0
# A look that takes long is followed by a rest that is so much longer: a twentieth of one core at most.
REST = 20
LEAD_S = 5.0  # shares are published so long before they hold: every worker has heard of them by then
_RESUMED = "resumed-"


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the last look at an experiment, for operators. `route`: its name, or `prompt@label`. `at`: ISO 8601,
    UTC. `problem`: why nothing could be decided; empty: it could. `said`: each arm's difference in a sentence."""

    route: str
    at: str
    problem: str = ""
    said: tuple[str, ...] = ()


class Experiments:
    """`async with Experiments(settings, routes, stopped, clock)`, one per state folder. `stopped(route, why)` is told
    of each arm that gets no more calls."""

    def __init__(
        self,
        settings: Settings,
        routes: Current[Routes],
        stopped: Callable[[str, str], None],
        clock: Clock,
        vouch: Vouch | None = None,
    ) -> None:
        self._settings, self._routes, self._stopped, self._clock = settings, routes, stopped, clock
        self._folder = settings.state_dir / FOLDER
        self._labels = LabelExperiments(settings, clock, vouch)
        self._due: dict[str, float] = {}
        self._looked: dict[str, Looked] = {}
        self._known: set[str] = set()
        self._unread = ""
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
            wait_s = MOST_S
            for one in await asyncio.to_thread(self._found):
                if self._clock.monotonic() >= self._due.get(one.id, 0.0):
                    await self._look_guarded(one)
                wait_s = min(wait_s, max(LEAST_S, one.experiment.look_s))
            await asyncio.sleep(wait_s)

    async def _look_guarded(self, one: Running | Labelled) -> None:
        began = self._clock.monotonic()
        try:
            await asyncio.to_thread(self.look, one)
        except Exception:  # noqa: BLE001  the border: experiments are looked after as long as the gateway lives
            _log.exception("the experiment of `%s` could not be looked at", one.name)
        now = self._clock.monotonic()
        self._due[one.id] = now + max(one.experiment.look_s, (now - began) * REST)

    def _found(self) -> list[Running | Labelled]:
        rules = self._routes.value.rules.values()
        found: list[Running | Labelled] = [rule.experiment for rule in rules if rule.experiment is not None]
        try:
            found += self._labels.found()
            self._unread = ""
        except Exception as error:  # noqa: BLE001  the border: prompts that cannot be read must not keep routes waiting
            if self._unread != str(error):
                self._unread = str(error)
                _log.error("experiments of prompts cannot be looked at: %s", error)
        self._known = {one.id for one in found}
        return found

    def events(self) -> Iterator[Event]:
        """Every arm that was stopped, for whoever tells each once."""
        yield from stopped_events(self._folder, self._routes)
        yield from self._labels.events()

    def look(self, one: Running | Labelled) -> list[Decision]:
        """One look, in a thread; what was decided, and done."""
        now = self._clock.now()
        try:
            made, said = self._route(one, now) if isinstance(one, Running) else self._labels.look(one, now)
        except (LedgerUnavailable, StoreUnavailable, OSError, ValueError, Fault) as error:
            self._could_not(one, now, str(error))
            return []
        self._looked[one.id] = Looked(route=one.name, at=written(now), said=said)
        for decision in made:
            if isinstance(one, Running):
                self._stop(one, decision, now)
            else:
                _log.warning("the version %s is taken off %s: %s", decision.arm, one.name, decision.reason)
                self._stopped(one.name, decision.why)
        self._publish()
        return made

    def _route(self, running: Running, now: float) -> tuple[list[Decision], tuple[str, ...]]:
        """What is to be done with a route's arms, and each one's difference in a sentence."""
        over = read_over(self._folder)
        stopped = {place for place, name in running.ids.items() if name in over}
        live = [place for place in running.arms if place not in stopped]
        if now < running.from_s or len(live) < 2:
            return [], ()
        found, question = self._compared(running, now)
        said = tuple(one.said for one in found.differences if one.other in running.arms)
        if resumed_at(self._folder, running) * NANO > question.since_ns:
            return [], said  # somebody has begun anew meanwhile
        made = decisions(found, running.experiment.stop, question, live)
        if running.experiment.adaptive is not None:
            said = (*said, *self._shift(running, found.best, [one for one in live if one not in _arms(made)]))
        return made, said

    def _shift(self, running: Running, best: Mapping[str, float], live: Sequence[str]) -> tuple[str, ...]:
        """Publish what arms get from in a moment on; at once if it is not these arms that had a part. What is to be
        said."""
        adaptive, alone = running.experiment.adaptive, self._settings.ledger.options.url is None
        assert adaptive is not None, "asked of such only"
        # Counting may have taken long: shares hold from when workers can have heard of them.
        now, periods = self._clock.now(), periods_of(self._folder, running)
        had = {place for place, share in periods[-1].shares.items() if share > 0} if periods else set[str]()
        due = alone and had == set(live) and now >= periods[-1].from_ns / NANO + adaptive.update_s
        if live and (due or had != set(live)):
            even = 1.0 / len(live)
            # The declared weights first: calls count from when they are written down, by what they were then.
            known = best if alone and periods else running.arms
            likely = [known.get(place, 0.0) for place in live]
            total = sum(likely)
            parts = [one / total if total else even for one in likely]
            shares = with_floor(parts, min(adaptive.floor, even) if known is best else 0.0)
            at_ns = int((now + LEAD_S if due else now) * NANO)
            kept = [one for one in periods if one.from_ns < at_ns]
            write_periods(self._folder, running.id, [*kept, Period(at_ns, dict(zip(live, shares, strict=True)))])
        if alone:
            return ()
        return ("shares stay as they are: other gateways may have this ledger, and none knows the others' shares",)

    def _compared(self, running: Running, now: float) -> tuple[Live, Question]:
        settings = self._settings
        since = max(running.from_s, resumed_at(self._folder, running))
        until = max(since, now - running.experiment.settle_s)
        period = (int(since * NANO), int(until * NANO))
        subject, feedback = Subject(route=running.route), settings.config.feedback
        question = question_of(subject, running.experiment, running.base, period, feedback)
        question = msgspec.structs.replace(question, periods=periods_of(self._folder, running))
        return compared(settings.ledger, question, self._routes.value), question

    def _could_not(self, one: Running | Labelled, now: float, why: str) -> None:
        before = self._looked.get(one.id)
        if before is None or before.problem != why:
            _log.error("the experiment of `%s` decides nothing, its split stays: %s", one.name, why)
        self._looked[one.id] = Looked(route=one.name, at=written(now), problem=why)
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
        self._looked = {name: one for name, one in self._looked.items() if not self._known or name in self._known}
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


def periods_of(folder: Path, running: Running) -> tuple[Period, ...]:
    """The shares of an experiment as they were published.

    Raises:
        OSError: they cannot be read just now.
    """
    return tuple(read_periods(folder).get(running.id, ())) if running.experiment.adaptive is not None else ()


def _arms(made: Sequence[Decision]) -> set[str]:
    return {one.arm for one in made}


def resume(folder: Path, running: Running, arm: str, now: float) -> bool:
    """Give an arm calls again, and begin to count anew; whether it was stopped. What it had done would stop it again.

    Raises:
        OSError: it cannot be written.
    """
    stopped = folder / f"{running.ids[arm]}.json"
    if not stopped.exists():
        return False
    write_private(folder / f"{_RESUMED}{running.id}", repr(now).encode())
    if running.experiment.adaptive is not None:
        left = {name: None for name in read_over(folder) if name != running.ids[arm]}
        began = Period(int(now * NANO), shares_of(running, left, now))
        write_periods(folder, running.id, [*periods_of(folder, running), began])
    stopped.unlink(missing_ok=True)
    return True


def resumed_at(folder: Path, running: Running) -> float:
    """Unix seconds from which calls count after somebody has gone on with it; 0: nobody has."""
    try:
        return float((folder / f"{_RESUMED}{running.id}").read_bytes())
    except (OSError, ValueError):
        return 0.0
