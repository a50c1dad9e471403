"""Calls of a route sent to another model besides, out of band: nobody waits for a mirror, and nobody gets its answer.

A mirror's call is one of its own: with a record, an attempt and charges that are in the ledger like others', and on no
team's bill. It has no part in what is known of targets: a mirror that fails rests nobody.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

import msgspec

from gateway.core.attempt import MIRRORS, AttemptOutcome
from gateway.core.call import Call, Reply, Service
from gateway.core.clock import Clock, Noise, uuid7
from gateway.core.faults import Fault, Internal
from gateway.core.live import Live
from gateway.core.model import Permit
from gateway.core.record import Outcome
from gateway.pairs.store import Pair
from gateway.router.attempts import begun
from gateway.router.document import Mirror
from gateway.router.loading import RouteRule, Routes
from gateway.router.mirror_bounds import Bounds
from gateway.router.mirrored import Halves, leg_of, read_to_end, unkept
from gateway.router.plans import Die
from gateway.router.reading import unread
from gateway.router.standing import Standings
from gateway.router.telling import RouteReports
from gateway.router.troubles import repeatable

_log = logging.getLogger("gateway.router")
_FAILED = "the mirrored call %s failed"
CLOSE_S = 2.0
# In so many turns of the event loop the first attempt has begun, whatever stands before it.
TURNS = 3
_OUTCOMES: Mapping[Outcome, AttemptOutcome] = {"completed": "completed", "cancelled": "cancelled"}


class Books(Protocol):
    """Who keeps the books of calls that no caller waits for."""

    def opened(self, call: Call) -> None:
        """Raises:
        OSError: it cannot be recorded, and so must not be made.
        """
        ...

    def closed(self, call: Call) -> None: ...


class Keeps(Protocol):
    """Who keeps pairs. None of this waits."""

    def offer(self, pair: Pair) -> None: ...


class MirrorDeps(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    providers: the configured ones. cost_of: what a call may cost at a target, in nano-units; None if not known.
    keeps: None: no pairs are kept. max_body_bytes: a request or an answer that is longer is not kept.
    """

    providers: Mapping[str, Service]
    standings: Standings
    routes: Live[Routes]
    clock: Clock
    books: Books
    told: RouteReports
    cost_of: Callable[[Call, Permit], int | None]
    die: Die
    keeps: Keeps | None = None
    max_body_bytes: int = 0


class _Flight(msgspec.Struct):
    """One mirrored call under way. `attempts`: those of the call that it is a copy of; `judged`: how many of them were
    made before it was sent (models that judge)."""

    mirror: Mirror
    leg: Call
    attempts: Sequence[object]
    judged: int
    bounds: Bounds
    halves: Halves | None = None
    estimate: int | None = None


class Mirrors:
    """`async with Mirrors(deps) as mirrors`, then `mirrors.beside(router)` is the router with its mirrors. One per
    worker; on exit what is under way may finish for a moment."""

    def __init__(self, deps: MirrorDeps) -> None:
        self._deps = deps
        self._bounds: dict[tuple[str, str], Bounds] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._noise = Noise()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_S)
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def beside(self, route: Service) -> Service:
        def service(call: Call) -> Awaitable[Reply]:
            rule = self._deps.routes.value.of(call.model)
            return self._mirrored(call, rule, route) if rule.route.mirrors else route(call)

        return service

    def view(self) -> list[dict[str, object]]:
        """Every mirror, for operators. `spent_nano`: today, in this worker; only where there is a bound on it."""
        return [
            {
                "route": rule.name,
                "model": mirror.model,
                "share": mirror.share,
                "in_flight": bounds.in_flight,
                "spent_nano": bounds.spent,
            }
            for rule in self._deps.routes.value.rules.values()
            for mirror in rule.route.mirrors
            for bounds in (self._bounds.get((rule.name, mirror.model), Bounds()),)
        ]

    async def _mirrored(self, call: Call, rule: RouteRule, route: Service) -> Reply:
        # Each begins as a task: its first step is taken when the call's own first attempt has been begun and waits.
        pairs = [halves for mirror in rule.route.mirrors if (halves := self._begin(call, rule, mirror)) is not None]
        reply = await route(call)
        reply.taps += [halves.copy for halves in pairs]
        return reply

    def _begin(self, call: Call, rule: RouteRule, mirror: Mirror) -> Halves | None:
        """Start a copy, if there is to be one; the pair that is to be kept of it. Nothing here waits or looks far: the
        caller's call has not gone out yet."""
        deps = self._deps
        if deps.die() >= mirror.share:
            return None
        if not repeatable(call):
            deps.told.left_out(rule.name, mirror.model, "not_repeatable")
            return None
        bounds = self._bounds.setdefault((rule.name, mirror.model), Bounds())
        if bounds.in_flight >= mirror.max_in_flight:
            deps.told.left_out(rule.name, mirror.model, "max_in_flight")
            return None
        clock = deps.clock
        now_ns = clock.now_ns()
        leg = leg_of(call, rule, mirror.model, uuid7(now_ns, self._noise), now_ns, clock.monotonic())
        flight = _Flight(mirror, leg, call.attempts, len(call.attempts), bounds)
        if mirror.keep and call.keep_content and deps.keeps is not None:
            flight.halves = halves = Halves(call.fields, deps.max_body_bytes, self._give)
            call.on_close(lambda: halves.caller_answered(call))
        bounds.in_flight += 1
        task = asyncio.create_task(self._fly(flight))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return flight.halves

    def _give(self, pair: Pair | str) -> None:
        if isinstance(pair, str):
            self._deps.told.paired(pair)
        elif self._deps.keeps is not None:
            self._deps.keeps.offer(pair)

    async def _fly(self, flight: _Flight) -> None:
        try:
            await self._flown(flight)
        except Exception:  # noqa: BLE001  the border: a mirror that trips a bug harms nobody
            _log.exception(_FAILED, flight.leg.record.id)
        finally:
            flight.bounds.in_flight -= 1
            if flight.halves is not None and not flight.leg.attempts:
                flight.halves.lose("not_mirrored")

    async def _flown(self, flight: _Flight) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
            if len(flight.attempts) > flight.judged:
                break
        else:
            return  # the call itself asked nobody
        leg, deps = flight.leg, self._deps
        permit = self._permit(flight)
        why = permit if isinstance(permit, str) else self._why_not(flight, permit)
        if isinstance(permit, str) or why:
            deps.told.left_out(leg.record.route, leg.record.model, why)
            return
        leg.record.rule_id = permit.decision.rule_id
        leg.record.would_deny = " ".join(permit.decision.would_deny)
        leg.target = permit.model.target
        attempt = begun(leg, permit, "mirror", deps.clock.now_ns())
        attempt.account = MIRRORS
        try:
            await self._sent(flight, deps.providers[permit.model.target.provider])
        finally:
            self._landed(flight)

    def _permit(self, flight: _Flight) -> Permit | str:
        """A target that the caller may use as well and that works, or in a word why there is none."""
        leg, deps = flight.leg, self._deps
        now, why = deps.clock.monotonic(), "not_permitted"
        for permit in leg.judge(leg, leg.record.model):
            if permit.model.target.provider not in deps.providers:
                why = "not_configured"
                continue
            if unread(leg, permit) is not None:
                why = "not_read"  # an image, for a model of text
                continue
            standing = deps.standings.of(permit.model.place)
            works = not standing.draining and standing.breaker.state == "closed" and standing.resting_until <= now
            # A copy goes last: after batch.
            if works and not standing.is_full(deps.standings.overload, lambda: True):
                return permit
            why = "resting"
        return why

    def _why_not(self, flight: _Flight, permit: Permit) -> str:
        deps, leg, mirror = self._deps, flight.leg, flight.mirror
        if mirror.cost_per_day is not None:
            flight.estimate = deps.cost_of(leg, permit)
        if why := flight.bounds.too_dear(mirror, flight.estimate, deps.clock.now()):
            return why
        try:
            deps.books.opened(leg)
        except OSError:
            flight.bounds.settle(mirror, flight.estimate, 0, deps.clock.now())
            return "unrecorded"
        return ""

    async def _sent(self, flight: _Flight, provider: Service) -> None:
        """Ask, and read the answer to its end; what becomes of it stands on the record."""
        leg, clock = flight.leg, self._deps.clock
        record = leg.record
        copy = unkept if flight.halves is None else flight.halves.mirror_copy
        try:
            async with asyncio.timeout(flight.mirror.timeout_s):
                await read_to_end(leg, await provider(leg), copy, clock.monotonic)
        except Fault as fault:
            if isinstance(fault, Internal):
                _log.error(_FAILED, record.id, exc_info=fault)
            record.outcome, record.error_code, record.blame = "failed", fault.code, fault.blame
            record.status = record.status or fault.status
        except TimeoutError:
            record.outcome, record.error_code, record.blame = "failed", "mirror_timeout", "upstream"
        except asyncio.CancelledError:
            record.outcome = "cancelled"
            raise
        else:
            good = record.status < 400
            record.outcome = "completed" if good else "failed"
            if not good:
                record.error_code, record.blame = f"upstream_status_{record.status}", "upstream"

    def _landed(self, flight: _Flight) -> None:
        """Close it in the books, whatever became of it."""
        leg, deps = flight.leg, self._deps
        record, attempt = leg.record, leg.attempts[-1]
        if record.outcome == "open":  # a bug
            record.outcome, record.error_code, record.blame = "failed", "internal_error", "own"
        record.duration_us = int((deps.clock.monotonic() - leg.arrived) * 1e6)
        nano = None
        try:
            leg.close()
            deps.books.closed(leg)
            nano = attempt.cost_nano
        finally:
            flight.bounds.settle(flight.mirror, flight.estimate, nano, deps.clock.now())
            result = _OUTCOMES.get(record.outcome, "failed")
            deps.told.mirrored(record.route, record.model, result, nano or 0)
            if flight.halves is not None:
                flight.halves.mirror_answered(leg, attempt)
