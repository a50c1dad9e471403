"""Alerts as the parent process runs them: from its settings, its policies and its metrics."""

from collections.abc import Mapping

from gateway.config import Settings
from gateway.core.clock import Clock
from gateway.ledger.alerts.budgets import Budgets
from gateway.ledger.alerts.outbox import Outbox
from gateway.ledger.alerts.watch import Alerts, Surroundings
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.policyfeed import PolicyFeed
from gateway.telemetry.metrics import Metrics
from gateway.transport.client import HttpClient

MAX_LIMITS = 500


def alerts_of(
    settings: Settings, policies: PolicyFeed, budgets: Budgets, metrics: Metrics, client: HttpClient, clock: Clock
) -> Alerts:
    place = LedgerPlace(settings.state_dir / "ledger.db")
    around = Surroundings(
        ledger=lambda: ledger_reader(place),
        budgets=budgets,
        currency=lambda: policies.prices.value.currency,
        reported=AlertReports(metrics),
    )
    return Alerts(settings.config.alerts, outbox_of(settings), around, client, clock)


def outbox_of(settings: Settings) -> Outbox:
    return Outbox(settings.state_dir / "alerts.db")


class AlertReports:
    """What alerts change in the metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._limits: set[str] = set()

    def alerted(self, kind: str) -> None:
        self._metrics.alerts.labels(kind).inc()

    def delivered(self, result: str) -> None:
        self._metrics.alert_deliveries.labels(result).inc()

    def budgets(self, ratios: Mapping[str, float]) -> None:
        """A limit that nobody uses in this period, or that has gone, is at 0."""
        for limit in (*ratios, *(self._limits - ratios.keys())):
            if limit in self._limits or len(self._limits) < MAX_LIMITS:
                self._limits.add(limit)
                self._metrics.budget_used.labels(limit).set(ratios.get(limit, 0.0))
