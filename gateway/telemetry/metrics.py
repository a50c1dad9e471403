"""Every Prometheus metric, on one page.

The gateway is several processes; each keeps its values in memory-mapped files below one folder
(prometheus_client's multiprocess mode, switched on by PROMETHEUS_MULTIPROC_DIR before the library is first imported),
and whichever worker is scraped adds them up. Labels are bounded: tenants and teams are declared, a model is an alias
of config.yaml or `_unknown`, and past MAX_SERIES combinations everything counts as `_other`. What calls change is added
up in plain numbers first (`series.py`) and handed to the library by `flush`, twice a second and before a scrape.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.core.record import Record
from gateway.telemetry.series import Series, Summed

MAX_SERIES = 5_000
# The GenAI conventions' boundaries, with three below for what is refused or cached.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
PER_TOKEN = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
WHO = ("tenant", "team", "model")


class Metrics:
    """All metrics of one process. May be constructed more than once (each with a registry of its own).

    `folder` is where the processes of one gateway keep their values for each other; None: this process alone.
    """

    def __init__(self, folder: Path | None = None) -> None:
        # Imported here: the library looks for its folder when it is imported, and importing this room must not.
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

        if folder is not None:
            # The library asks for the process's id at every increment, a system call each; ours never changes.
            pid = os.getpid()
            values.ValueClass = values.MultiProcessValue(lambda: pid)  # pyright: ignore[reportUnknownMemberType]
        self._folder = folder
        self._registry = registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Any:
            return Counter(f"gateway_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str, mode: Any = "livesum") -> Any:
            return Gauge(f"gateway_{name}", text, labels, registry=registry, multiprocess_mode=mode)

        def histogram(name: str, text: str, buckets: Iterable[float], *labels: str) -> Any:
            return Histogram(f"gateway_{name}", text, labels, registry=registry, buckets=tuple(buckets))

        self.requests = counter("requests", "Identified calls that ended.", *WHO, "operation", "outcome", "status")
        self.tokens = counter("tokens", "Tokens used, by disjoint meter.", *WHO, "meter")
        self.cost = counter("cost_usd", "Cost by the price book; approximate (float), the ledger is exact.", *WHO)
        self.unpriced = counter("unpriced_calls", "Calls that used something without a known price.", *WHO)
        self.refusals = counter("refusals", "Calls refused by policy or for their content.", "tenant", "team", "code")
        self.unauthenticated = counter("unauthenticated", "Requests without a recognised key.")
        self.limited = counter("limit_rejections", "Calls refused by a limit.", "rule", "dimension")
        self.first_token = histogram("time_to_first_token_seconds", "Request in to first output out.", SECONDS, *WHO)
        self.per_token = histogram("time_per_output_token_seconds", "After the first token.", PER_TOKEN, *WHO)
        self.duration = histogram("request_duration_seconds", "Request in to last byte out.", SECONDS, *WHO)
        self.in_flight = gauge("in_flight_requests", "Calls under way.")
        self.upstream = counter("upstream_responses", "Answers and failures of upstreams.", "provider", "result")
        self.queue_wait = histogram("upstream_queue_wait_seconds", "Paced calls' wait.", SECONDS, "provider")
        self.reloads = counter("policy_reloads", "Reloads of the policy files.", "result")
        self.policy_stale = gauge("policy_stale", "1 while the newest policy files do not validate.", mode="livemax")
        self.journal_failures = counter("journal_failures", "Records that could not be written at once.")
        self.drained = counter("ledger_records", "Records drained into the ledger.")
        self.drain_errors = counter("ledger_drain_errors", "Rounds in which the ledger could not be written.")
        self.quarantined = counter("ledger_quarantined_lines", "Journal lines that could not be read.")
        self.drain_lag = gauge("ledger_lag_bytes", "Journal bytes not yet in the ledger.", mode="livemax")
        self.key_age = gauge("key_snapshot_age_seconds", "Since keys were last known to be fresh.", mode="livemax")
        self.engine_up = gauge("engine_ready", "1 while a self-served model answers.", "engine", mode="livemax")
        self.engine_restarts = gauge("engine_restarts", "Restarts since start.", "engine", mode="livemax")
        self.loop_lag = histogram("event_loop_lag_seconds", "How late the event loop runs.", SECONDS)
        self.build = gauge("build_info", "Always 1; the version is a label.", "version", mode="livemax")
        self.build.labels(__version__).set(1)
        self._upstreams: dict[tuple[str, str], Any] = {}
        self._series: dict[tuple[str, str, str, str], Series] = {}

    def _one(self, record: Record, known_model: bool) -> Series:
        key = (record.tenant, record.team, record.model if known_model else "_unknown", record.operation)
        found = self._series.get(key)
        if found is None:
            if len(self._series) >= MAX_SERIES:
                key = ("_other", "_other", "_other", record.operation)
                found = self._series.get(key)
            if found is None:
                found = self._series[key] = self._bind(key)
        return found

    def _bind(self, key: tuple[str, str, str, str]) -> Series:
        who = key[:3]
        return Series(
            requests=lambda outcome, status: self.requests.labels(*key, outcome, str(status)),
            tokens=lambda meter: self.tokens.labels(*who, meter.removesuffix("_tokens")),
            cost=self.cost.labels(*who),
            unpriced=self.unpriced.labels(*who),
            duration=Summed(self.duration.labels(*who), SECONDS),
            first_token=Summed(self.first_token.labels(*who), SECONDS),
            per_token=Summed(self.per_token.labels(*who), PER_TOKEN),
        )

    def record_closed(self, record: Record, known_model: bool) -> None:
        """Everything one finished call changes."""
        if not record.key_id:
            self.unauthenticated.inc()
            return
        self._one(record, known_model).closed(record)
        if record.outcome == "refused":
            self.refusals.labels(record.tenant, record.team, record.error_code).inc()

    def flush(self) -> None:
        """Hand what calls have changed to the library."""
        for series in self._series.values():
            series.flush()

    def upstream_answered(self, provider: str, result: str, queued_us: int) -> None:
        """`result`: the status, or the fault's code."""
        found = self._upstreams.get((provider, result))
        if found is None:
            found = self._upstreams[provider, result] = self.upstream.labels(provider, result)
        found.inc()
        if queued_us:
            self.queue_wait.labels(provider).observe(queued_us / 1e6)

    def exposition(self) -> tuple[bytes, str]:
        """The text of a scrape and its content type, over all live processes."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
        from prometheus_client.multiprocess import MultiProcessCollector

        self.flush()
        if self._folder is None:
            return generate_latest(self._registry), CONTENT_TYPE_LATEST
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(self._folder))
        return generate_latest(registry), CONTENT_TYPE_LATEST

    def forget_process(self, pid: int) -> None:
        """A process has died: its gauges no longer count (its counters do)."""
        from prometheus_client import multiprocess

        if self._folder is not None:
            multiprocess.mark_process_dead(pid, str(self._folder))  # pyright: ignore[reportUnknownMemberType]


def fresh_folder(path: Path) -> None:
    """An empty folder for a new run: what dead processes of an earlier run counted is not this run's."""
    path.mkdir(parents=True, exist_ok=True)
    for file in path.glob("*.db"):
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
