"""What a worker tells about its calls and itself: metrics, spans, log lines."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

import msgspec

from gateway.core.call import Call
from gateway.core.clock import Clock
from gateway.core.feedback import Feedback
from gateway.core.money import NANO
from gateway.edge.inflight import InFlight
from gateway.guard.tally import Finding
from gateway.identity.feed import KeyFeed
from gateway.ledger.feedback.wanting import Rated
from gateway.ledger.journal import Journal
from gateway.limits.bounds import Bound, Level, Refusal
from gateway.limits.seen import SeenLevels
from gateway.limits.shedding import Shedding
from gateway.policyset import PolicySet
from gateway.prompts.library import Library
from gateway.router.router import Router
from gateway.stores.documents import DocumentError
from gateway.telemetry.gathering import Ended, Gathering
from gateway.telemetry.log import RequestLog
from gateway.telemetry.metrics import Metrics, TrialMetrics
from gateway.telemetry.otlp import Otlp

_log = logging.getLogger("gateway.worker")
TICK_S = 0.5
# So long a provider that tells costs nobody believes is not complained about again; the metric counts on.
DOUBT_AGAIN_S = 3600.0
WARN_AGAIN_S = 60.0


class Watched(msgspec.Struct, frozen=True):
    """What has figures that no call hands on: they are looked at.

    Attributes:
        store_problem: why what replicas share their limits in is away; empty: it is not. None: they share none.
    """

    flights: InFlight
    keys: KeyFeed
    router: Router
    shedding: Shedding
    store_problem: Callable[[], str] | None


class Reports:
    """Where ended calls are told of.

    Attributes:
        seen: how full limits on money were at the last calls.
        ended: (call) it is told of soon; with all others of late, by `flush`.
        cache_answered: see `CacheMetrics.answered`. It and `ended` are what every call ends in: without a frame here.
    """

    def __init__(self, metrics: Metrics, log: RequestLog, otlp: Otlp | None, clock: Clock) -> None:
        """Knows no model until the policies are read."""
        self._metrics = metrics
        self.trials = TrialReports(metrics.trials)
        self._log = log
        self._otlp = otlp
        self._models: Mapping[str, object] = {}
        self._clock = clock
        self.seen = SeenLevels()
        self._budgets: dict[tuple[str, str], float] = {}
        self._doubted_at: dict[str, float] = {}
        self._warned_at: dict[tuple[str, str, str], float] = {}
        self._cache_held = (0, 0)
        self._ended = Gathering(self._tell)
        self.ended = self._ended.add
        self.cache_answered = metrics.cache.answered

    def flush(self) -> None:
        """Tell of every call that has ended by now."""
        self._ended.flush()

    def end(self) -> None:
        """The same; none that ends from now on has to wait."""
        self._ended.end()

    def _tell(self, call: Ended) -> None:
        record = call.record
        self._metrics.record_closed(record, record.model in self._models)
        if call.target is not None:
            result = str(record.status) if record.blame != "upstream" else record.error_code
            if record.cache and record.attempts:  # a kept answer was given in the place of what it failed to say
                result = record.attempts[-1].error_code
            self._metrics.upstream_answered(call.target.provider, result, record.queued_us)
        for attempt in record.attempts:
            self._metrics.routing.attempted(attempt.provider, attempt.role, attempt.outcome)
            if attempt.usage_source == "inconsistent":
                self._metrics.inconsistent.labels(attempt.provider).inc()
        self._log.ended(record)
        if self._otlp is not None:
            self._otlp.ended(call)

    def ended_apart(self, call: Call) -> None:
        """One that no caller waited for, which counts among nobody's calls: a mirror."""
        if self._otlp is not None:
            self._otlp.ended_apart(call)

    def rated(self, feedback: Feedback, rated: Rated | None, counted_as: str) -> None:
        """Feedback is in the journal; `rated` is its call, where that is known by now."""
        self._metrics.feedback.labels(counted_as).inc()
        if self._otlp is not None:
            response_id, trace_id = ("", "") if rated is None else (rated.response_id, rated.trace_id)
            self._otlp.rated(feedback, response_id, trace_id)

    def doubted(self, provider: str, why: str) -> None:
        """A provider reported a cost that was not believed; what it was priced by instead is in the ledger."""
        self._metrics.doubted.labels(provider).inc()
        now = self._clock.monotonic()
        if now - self._doubted_at.get(provider, -DOUBT_AGAIN_S) >= DOUBT_AGAIN_S:
            self._doubted_at[provider] = now
            _log.warning(
                "what `%s` reports as a call's cost is not believed: %s; check its price in prices.yaml; "
                "told once an hour, counted in gateway_reported_costs_doubted_total",
                provider,
                why,
            )

    def limited(self, refusal: Refusal) -> None:
        self._metrics.limits.refused.labels(refusal.bound.limit_id, refusal.bound.name).inc()

    def guarded(self, findings: Sequence[Finding]) -> None:
        for one in findings:
            action = one.action if one.mode == "enforce" else one.mode
            self._metrics.guards.found.labels(one.guard, one.side, action).inc(one.count)

    def unguarded(self, guard: str, why: str, told: str) -> None:
        self._metrics.guards.failures.labels(guard, why).inc()
        if told and self._due(("guard", guard, why)):
            _log.warning(
                "guard `%s` cannot look: %s; told once a minute, counted in gateway_guard_failures_total", guard, told
            )

    def unseeded(self, error: Exception) -> None:  # noqa: ARG002  it has been logged
        self._metrics.limits.unseeded.inc()

    def warned(self, bounds: Sequence[Bound]) -> None:
        for bound in bounds:
            name = bound.limit_id, bound.name
            self._metrics.limits.warned.labels(*name).inc()
            if self._due(("limit", *name)):
                _log.warning(
                    "calls go over the limit `%s` (%s), which only warns; told once a minute, counted in "
                    "gateway_limit_warnings_total",
                    *name,
                )

    def _due(self, about: tuple[str, str, str]) -> bool:
        """Whether it is time to warn of it again."""
        now = self._clock.monotonic()
        if now - self._warned_at.get(about, -WARN_AGAIN_S) < WARN_AGAIN_S:
            return False
        self._warned_at[about] = now
        return True

    def waited(self, bound: Bound, seconds: float) -> None:
        self._metrics.limits.waited.labels(bound.limit_id, bound.name).observe(seconds)

    def counted(self, levels: Sequence[Level]) -> None:
        """Limits are bounded by their file, what has a counter of its own is not: of each the fullest is shown."""
        self.seen.note(levels, self._clock.monotonic())
        for level in levels:
            bound = level.bound
            if bound.dimension == "cost":
                # While the store is away this worker's part of what is left may be nothing.
                key, ratio = (bound.limit_id, bound.name), level.used / (bound.maximum or max(1, level.used))
                if ratio > self._budgets.get(key, 0.0):
                    self._budgets[key] = ratio

    def limit_store_failed(self, reason: str) -> None:
        self._metrics.limits.store_errors.labels(reason).inc()

    def limit_store_answered(self, seconds: float) -> None:
        self._metrics.limits.store_seconds.observe(seconds)

    def limit_ending_dropped(self) -> None:
        self._metrics.limits.dropped.inc()

    def cache_held(self, held_bytes: int, entries: int) -> None:
        self._cache_held = (held_bytes, entries)

    def cache_store_up(self, up: bool) -> None:
        self._metrics.cache.store_away.set(not up)

    def cache_store_failed(self, reason: str) -> None:
        self._metrics.cache.store_errors.labels(reason).inc()

    def token_refused(self, reason: str) -> None:
        self._metrics.tokens_refused.labels(reason).inc()

    def journal_failed(self, error: OSError) -> None:
        self._metrics.journal_failures.inc()
        _log.error("the journal cannot be written: %s", error)

    def reloaded(self, policies: PolicySet, problem: DocumentError | None) -> None:
        self._models = policies.catalogue.names
        self._metrics.policies_reloaded(problem is None, self._clock.now())

    def prompts_reloaded(self, library: Library) -> None:
        self._metrics.prompts_reloaded(len(library.problems))

    async def exposition(self, watched: Watched) -> tuple[bytes, str]:
        """A scrape, with everything that has happened in this worker by now. Adding up all processes' files takes a
        millisecond a series: not on the event loop."""
        self._look(watched)
        return await asyncio.to_thread(self._metrics.read)

    async def watch(self, watched: Watched, journal: Journal) -> None:
        """Hand figures on, measure how late the event loop runs."""
        now = self._clock.monotonic
        while True:
            began = now()
            await asyncio.sleep(TICK_S)
            self._metrics.loop_lag.observe(max(0.0, now() - began - TICK_S))
            self._look(watched)
            if journal.pending:
                self._write_pending(journal)

    def _look(self, watched: Watched) -> None:
        """Bring everything up to date."""
        self.flush()
        metrics, routing = self._metrics, self._metrics.routing
        metrics.in_flight.set(len(watched.flights))
        metrics.key_age.set(watched.keys.age_s)
        metrics.log_dropped.set(self._log.dropped)
        for name, view in watched.router.paced().items():
            metrics.pacing.paced(name, view)
        for place, standing in watched.router.standings.all():
            limit, passed_over = standing.gradient.limit, standing.passed_over
            routing.standing(place, standing.breaker.state != "closed", limit, passed_over)
        routing.withheld.set(watched.router.withheld)
        routing.overload.set(watched.shedding.level)
        routing.turned_away.set(watched.shedding.turned_away)
        if watched.store_problem is not None:
            metrics.limits.store_away.set(bool(watched.store_problem()))
        for (rule, dimension), ratio in self._budgets.items():
            metrics.limits.budget.labels(rule, dimension).set(ratio)
        self._budgets.clear()
        metrics.cache.held_bytes.set(self._cache_held[0])
        metrics.cache.entries.set(self._cache_held[1])
        metrics.flush()

    def _write_pending(self, journal: Journal) -> None:
        """Records that the disk did not take are written as soon as it does, in quiet times too."""
        try:
            journal.retry()
        except OSError as error:
            self.journal_failed(error)


class TrialReports:
    """What mirrors and canaries do, told to the metrics (`router/telling.py`)."""

    def __init__(self, metrics: TrialMetrics) -> None:
        self._metrics = metrics

    def mirrored(self, route: str, model: str, result: str, nano: int) -> None:
        self._metrics.mirrored.labels(route, model, result).inc()
        if nano:
            self._metrics.cost.labels(route, model).inc(nano / NANO)

    def left_out(self, route: str, model: str, reason: str) -> None:
        self._metrics.left_out.labels(route, model, reason).inc()

    def paired(self, result: str) -> None:
        self._metrics.pairs.labels(result).inc()

    def tried(self, route: str, variant: str, *, failed: bool) -> None:
        self._metrics.tried.labels(route, variant, "failed" if failed else "ok").inc()

    def stepped(self, route: str, share: float) -> None:
        self._metrics.share.labels(route).set(share)

    def rolled_back(self, route: str) -> None:
        self._metrics.rolled_back.labels(route).inc()
