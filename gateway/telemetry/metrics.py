"""Every Prometheus metric, on one page; those of routes and of the cache are on two further ones.

The gateway is several processes; each keeps its values in memory-mapped files below one folder
(prometheus_client's multiprocess mode, switched on by PROMETHEUS_MULTIPROC_DIR before the library is first imported),
and whichever worker is scraped adds them up. What a dead process counted stays counted; its gauges go.
What calls change is added up in plain numbers first (`series.py`) and handed to the library by `flush`: twice a second,
before a scrape and at the end.

Labels are bounded: tenants and teams are declared, a model is an alias of config.yaml or `_unknown`, and past
MAX_SERIES combinations everything counts as `_other`. Help texts are short because every file repeats them per value.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.core.record import Record
from gateway.telemetry.cache_metrics import CacheMetrics
from gateway.telemetry.exposition import expose, forget, share_values
from gateway.telemetry.exposition import fresh_folder as fresh_folder
from gateway.telemetry.kinds import Following, Kinds
from gateway.telemetry.routing_metrics import RoutingMetrics, TrialMetrics
from gateway.telemetry.series import Observed, Series, status_label

UNKNOWN, OTHER = "_unknown", "_other"
MAX_SERIES = 1_000
WHO = ("tenant", "team", "model")
LEARNED = ("provider", "model", "limit")
# The GenAI conventions' boundaries, with three below for what is refused or comes from a model nearby.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
PER_TOKEN = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
STORE_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25)
LOOP_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Metrics:
    """`with Metrics(folder) as metrics:` all metrics of one process. May be constructed more than once, each with a
    registry of its own. It belongs to the event loop; only `read` may be called from a thread.

    `folder` is where the processes of one gateway keep their values for each other; None: this process alone. With a
    folder one object counts per process: the library's values each remember what they last wrote, and overwrite.

    Raises:
        RuntimeError: there is a folder, but PROMETHEUS_MULTIPROC_DIR does not tell the library so.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        if folder is not None:
            share_values()
        kinds = Kinds()
        self._registry = kinds.registry
        counter, gauge, histogram = kinds.counter, kinds.gauge, kinds.histogram

        # Calls
        self.requests = counter("requests", "Identified calls that ended.", *WHO, "operation", "outcome", "status")
        self.tokens = counter("tokens", "Tokens used, by disjoint meter.", *WHO, "meter")
        self.cost = counter("cost_usd", "Cost by the price book; approximate (float), the ledger is exact.", *WHO)
        self.unpriced = counter("unpriced_calls", "Calls that used something without a known price.", *WHO)
        self.refusals = counter("refusals", "Calls refused by policy or as invalid.", "tenant", "team", "code")
        self.policy_refusals = counter("policy_refusals", "Calls refused by access; no rule: none allows it.", "rule")
        self.would_deny = counter("policy_would_deny", "Calls a rule in audit mode would have refused.", "rule")
        self.unauthenticated = counter("unauthenticated", "Requests without a recognised key.")
        self.feedback = counter("feedback", "What was said of answers.", "metric")
        self.tokens_refused = counter("tokens_refused", "Callers' tokens refused.", "reason")
        self.limits, self.guards = LimitMetrics(kinds), GuardMetrics(kinds)
        self.duration = histogram("request_duration_seconds", "Request in to last byte out.", SECONDS, *WHO)
        self.first_token = histogram("time_to_first_token_seconds", "Streams: to first output.", SECONDS, *WHO)
        self.per_token = histogram("time_per_output_token_seconds", "Streams: after the first.", PER_TOKEN, *WHO)
        self.in_flight = gauge("in_flight_requests", "Calls under way.", mode="livesum")
        # Upstreams
        self.upstream = counter("upstream_requests", "By status, or code of the fault.", "provider", "result")
        self.inconsistent = counter("usage_inconsistencies", "Usage whose parts do not add up.", "provider")
        self.doubted = counter("reported_costs_doubted", "Costs told by a provider and not believed.", "provider")
        self.pacing = PacingMetrics(kinds)
        self.cache, self.routing, self.trials = CacheMetrics(kinds), RoutingMetrics(kinds), TrialMetrics(kinds)
        self.queue_wait = histogram("upstream_queue_wait_seconds", "Paced calls' wait.", SECONDS, "provider")
        # Policies and keys
        self.reloads = counter("policy_reloads", "Reloads of the policy files, by every worker.", "result")
        self.policy_stale = gauge("policy_stale", "1 while the newest policy files do not validate.", mode="livemax")
        self.policy_loaded = gauge("policy_last_reload_timestamp_seconds", "Last that was valid.", mode="livemax")
        self.prompt_problems = gauge("prompt_problems", "Files of prompts that are wrong.", mode="livemax")
        self.key_age = gauge("key_snapshot_age_seconds", "Since keys were last known to be fresh.", mode="livemax")
        # Ledger
        self.journal_failures = counter("journal_failures", "Records that could not be written at once.")
        self.drained = counter("ledger_records", "Records drained into the ledger.")
        self.drain_errors = counter("ledger_drain_errors", "Rounds in which the ledger could not be written.")
        self.quarantined = counter("ledger_quarantined_lines", "Journal lines that could not be read.")
        self.drain_lag = gauge("ledger_lag_bytes", "Journal bytes not yet in the ledger.", mode="livemax")
        self.alerts = AlertMetrics(kinds)
        # Engines
        self.engine_up = gauge("engine_ready", "1 while a self-served model answers.", "engine", mode="livemax")
        self.engine_state = gauge("engine_state", "1 for the state it is in.", "engine", "state", mode="livemax")
        self.engine_restarts = Following(counter("engine_restarts", "Restarts of a self-served model.", "engine"))
        # The process
        self.log_dropped = Following(counter("log_lines_dropped", "Lost because nobody read the log fast enough."))
        self.loop_lag = histogram("event_loop_lag_seconds", "How late the event loop runs.", LOOP_SECONDS)
        self.build = gauge("build_info", "Always 1; the version is a label.", "version", mode="livemax")

        self.build.labels(__version__).set(1)
        self._series: dict[tuple[str, str, str, str], Series] = {}
        self._refusals: dict[tuple[str, str, str], int] = {}
        self._refused_by: dict[str, int] = {}
        self._would_deny: dict[str, int] = {}
        self._upstreams: dict[tuple[str, str], int] = {}
        self._waits: dict[str, Observed] = {}

    def __enter__(self) -> "Metrics":
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def record_closed(self, record: Record, known_model: bool) -> None:
        """Everything one finished call changes. `known_model`: is its model an alias of config.yaml?"""
        if not record.key_id:
            self.unauthenticated.inc()
            return
        key = (record.tenant, record.team, record.model if known_model else UNKNOWN, record.operation)
        series = self._series.get(key) or self._new_series(key)
        series.closed(record)
        if record.outcome == "refused":
            why = (series.key[0], series.key[1], record.error_code)
            self._refusals[why] = self._refusals.get(why, 0) + 1
            if record.is_rule_refusal:
                _count(self._refused_by, record.rule_id)
        if record.would_deny:
            for rule in record.would_deny.split():
                _count(self._would_deny, rule)

    def _new_series(self, key: tuple[str, str, str, str]) -> Series:
        if len(self._series) >= MAX_SERIES:
            key = (OTHER, OTHER, OTHER, key[3])
        found = self._series.get(key)
        if found is None:
            found = self._series[key] = Series(self, key, SECONDS, PER_TOKEN)
        return found

    def upstream_answered(self, provider: str, result: str, queued_us: int) -> None:
        """`result`: the status, or the fault's code. `queued_us`: how long the call was held back for its turn."""
        key = (provider, result)
        self._upstreams[key] = self._upstreams.get(key, 0) + 1
        if queued_us:
            wait = self._waits.get(provider)
            if wait is None:
                wait = self._waits[provider] = Observed(SECONDS, lambda: self.queue_wait.labels(provider))
            wait.observe(queued_us / 1e6)

    def flush(self) -> None:
        """Hand what calls have changed to the library."""
        for series in self._series.values():
            series.flush()
        for why, count in self._refusals.items():
            self.refusals.labels(*why).inc(count)
        for (provider, result), count in self._upstreams.items():
            label = status_label(int(result)) if result.isdecimal() else result
            self.upstream.labels(provider, label).inc(count)
        for counter, counts in ((self.policy_refusals, self._refused_by), (self.would_deny, self._would_deny)):
            for rule, count in counts.items():
                if count:
                    counter.labels(rule).inc(count)
                    counts[rule] = 0  # it stays, so that there are never more than MAX_SERIES
        self.limits.store_seconds.flush()
        self.cache.flush()
        self.routing.flush()
        self._refusals.clear()
        self._upstreams.clear()
        for wait in self._waits.values():
            wait.flush()

    def engine_reported(self, name: str, state: str, restarts: int, states: Iterable[str]) -> None:
        """An engine is in `state`, one of `states`, and has been restarted so often since the gateway started."""
        for one in states:
            self.engine_state.labels(name, one).set(one == state)
        self.engine_up.labels(name).set(state == "ready")
        self.engine_restarts.labels(name).set(restarts)

    def policies_reloaded(self, valid: bool, now: float) -> None:
        """A reload was tried; `now` in Unix seconds."""
        self.reloads.labels("ok" if valid else "failed").inc()
        self.policy_stale.set(not valid)
        if valid:
            self.policy_loaded.set(now)

    def prompts_reloaded(self, problems: int) -> None:
        """Prompts took force; so many files of theirs are wrong."""
        self.prompt_problems.set(problems)

    def exposition(self) -> tuple[bytes, str]:
        """The text of a scrape and its content type, over all processes; see `read` for what it costs."""
        self.flush()
        return self.read()

    def read(self) -> tuple[bytes, str]:
        """The same without what was not flushed yet. About a millisecond per series and process, so a busy event loop
        flushes and then reads in a thread."""
        return expose(self._registry, self._folder)

    def forget_process(self, pid: int) -> None:
        """A process has died: its gauges no longer count (its counters do)."""
        if self._folder is not None:
            forget(self._folder, pid)


def _count(counts: dict[str, int], rule: str) -> None:
    """Rules come from reviewed files, but those change while the gateway runs."""
    if rule not in counts and len(counts) >= MAX_SERIES:
        rule = OTHER
    counts[rule] = counts.get(rule, 0) + 1


class PacingMetrics:
    """What stands at the gates of upstreams, and which limits they tell of."""

    def __init__(self, kinds: Kinds) -> None:
        gauge = kinds.gauge
        self.in_flight = gauge("upstream_in_flight_requests", "Under way.", "provider", mode="livesum")
        self.queued = gauge("upstream_queue_depth", "Calls that wait for their turn.", "provider", mode="livesum")
        self.limit = gauge("upstream_learned_limit", "As it tells.", *LEARNED, mode="livemostrecent")
        self.left = gauge("upstream_learned_remaining", "Of it.", *LEARNED, mode="livemostrecent")
        self._seen: set[tuple[str, str, str]] = set()

    def paced(self, provider: str, view: Mapping[str, Any]) -> None:
        """`view`: as a provider's pacer shows it. Models are those of cards and routes. A limit that is no longer told
        keeps its last value."""
        self.in_flight.labels(provider).set(view["in_flight"])
        self.queued.labels(provider).set(view["queued"])
        for model, lane in view["models"].items():
            for limit in lane["learned_limits"]:
                labels = (provider, model, limit["limit"])
                if len(self._seen) < MAX_SERIES or labels in self._seen:
                    self._seen.add(labels)
                    self.limit.labels(*labels).set(limit["maximum"])
                    self.left.labels(*labels).set(limit["remaining"])


class LimitMetrics:
    """What limits do, by their ids and figures: a file has so many and no more."""

    def __init__(self, kinds: Kinds) -> None:
        labels, counter, gauge = ("rule", "dimension"), kinds.counter, kinds.gauge
        self.refused = counter("limit_rejections", "Calls refused by a limit.", *labels)
        self.warned = counter("limit_warnings", "Calls over a limit that only warns.", *labels)
        self.waited = kinds.histogram("limit_queue_wait_seconds", "Kept waiting for room.", SECONDS, *labels)
        self.store_away = gauge("limit_store_away", "1 while Redis answers some worker not.", mode="livemax")
        self.store_errors = counter("limit_store_errors", "Why Redis could not be asked.", "reason")
        self._store_seconds = kinds.histogram("limit_store_seconds", "From asking Redis to its answer.", STORE_SECONDS)
        self.store_seconds = Observed(STORE_SECONDS, lambda: self._store_seconds)
        self.dropped = counter("limit_endings_dropped", "Calls whose usage Redis was never told.")
        self.unseeded = counter("limit_seed_errors", "Times limits had to start from nothing.")
        self.budget = gauge("budget_used_ratio", "Fullest budget among the last calls.", *labels, mode="livemax")


class GuardMetrics:
    """What guards find, by their ids: a file has so many and no more."""

    def __init__(self, kinds: Kinds) -> None:
        self.found = kinds.counter("guard_findings", "What guards found.", "guard", "side", "action")
        self.failures = kinds.counter("guard_failures", "Times a guard's judge could not say.", "guard", "reason")


class AlertMetrics:
    """What was told about money, and to whom it was tried to tell it."""

    def __init__(self, kinds: Kinds) -> None:
        self.told = kinds.counter("alerts", "What was told, once each.", "kind")
        self.deliveries = kinds.counter("alert_deliveries", "Attempts to tell a webhook.", "result")
