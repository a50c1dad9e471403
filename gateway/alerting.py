"""Alerts as the parent process runs them: from its settings, its policies and its metrics."""

from collections.abc import Callable, Iterable

from gateway.budgets import budget_levels
from gateway.config import Settings
from gateway.core.clock import Clock
from gateway.core.live import Live
from gateway.core.model import Catalogue
from gateway.ledger.alerts.events import Event
from gateway.ledger.alerts.outbox import Outbox
from gateway.ledger.alerts.watch import Alerts, Surroundings
from gateway.ledger.reading import ledger_reader
from gateway.limitpast import spent_by_ledger
from gateway.limits.rules import LimitPolicy
from gateway.limits.seeding import Spent
from gateway.policyfeed import PolicyFeed
from gateway.telemetry.metrics import Metrics
from gateway.transport.client import HttpClient


def alerts_of(
    settings: Settings,
    policies: PolicyFeed,
    metrics: Metrics,
    client: HttpClient,
    clock: Clock,
    decided: Callable[[], Iterable[Event]] = tuple,
) -> Alerts:
    """`decided`: arms of experiments that were stopped."""
    spent = spent_of(settings, policies.catalogue, policies.limits)
    place = settings.ledger
    around = Surroundings(
        ledger=lambda: ledger_reader(place),
        budgets=lambda now: budget_levels(policies.limits.value, spent, now),
        currency=lambda: policies.prices.value.currency,
        reported=AlertReports(metrics),
        decided=decided,
    )
    return Alerts(settings.config.alerts, outbox_of(settings), around, client, clock)


def spent_of(settings: Settings, catalogue: Live[Catalogue], limits: Live[LimitPolicy]) -> Spent:
    """The ledger as what limits are held against."""
    return spent_by_ledger(settings.ledger, settings.state_dir / "journal", catalogue, lambda: limits.value.spans)


def outbox_of(settings: Settings) -> Outbox:
    return Outbox(settings.state_dir / "alerts.db")


class AlertReports:
    """What alerts change in the metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics.alerts

    def alerted(self, kind: str) -> None:
        self._metrics.told.labels(kind).inc()

    def delivered(self, result: str) -> None:
        self._metrics.deliveries.labels(result).inc()
