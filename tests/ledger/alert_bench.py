"""A receiver of webhooks, an outbox, and what sends from one to the other, for the tests of alerts."""

import asyncio
import contextlib
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

from ledger_parts import closed_record, ledger_at

from gateway.ledger.alerts.budgets import BudgetLevel
from gateway.ledger.alerts.events import Event
from gateway.ledger.alerts.options import AlertOptions, WebhookOptions
from gateway.ledger.alerts.outbox import Outbox
from gateway.ledger.alerts.sending import Sender, Webhook, webhooks
from gateway.ledger.alerts.watch import Alerts, Surroundings
from gateway.ledger.options import LedgerPlace
from gateway.ledger.reading import ledger_reader
from gateway.testing import HandClock, ScriptedUpstream
from gateway.transport.client import HttpClient
from gateway.transport.options import Timeouts

SECRET = "whsec_" + b64encode(b"k" * 32).decode()
OTHER_SECRET = "whsec_" + b64encode(b"o" * 32).decode()
NOW = 1_790_812_800.0 + 10 * 86_400  # eleventh of October 2026
QUICK = Timeouts(connect_s=2, first_byte_s=1, idle_s=1, total_s=2)
MONTH = {"since": 1_790_812_800.0, "until": 1_793_491_200.0}


def no_budgets(now: float) -> list[BudgetLevel]:
    return []


class Heard:
    """What the metrics were told."""

    def __init__(self) -> None:
        self.alerts: list[str] = []
        self.results: list[str] = []

    def alerted(self, kind: str) -> None:
        self.alerts.append(kind)

    def delivered(self, result: str) -> None:
        self.results.append(result)


class Bench:
    """A receiver, an outbox in a file, and what sends from one to the other; time is real and short."""

    def __init__(self, folder: Path, receiver: ScriptedUpstream, client: HttpClient) -> None:
        self.receiver = receiver
        self.outbox = Outbox(folder / "alerts.db")
        self.heard = Heard()
        self._client = client
        self.clock = HandClock(NOW)

    def hook(self, path: str = "/v1/hook", name: str = "ops", **fields: Any) -> Webhook:
        url = self.receiver.base_url.removesuffix("/v1") + path
        (made,) = webhooks([WebhookOptions(name=name, url=url, secret=SECRET, **fields)])
        return made

    def sender(self, *hooks: Webhook, schedule_s: Iterable[float] = (60.0, 600.0)) -> Sender:
        return Sender(hooks, self.outbox, self._client, self.clock, self.heard, tuple(schedule_s), QUICK)

    @contextlib.asynccontextmanager
    async def sending(self, *hooks: Webhook, **fields: Any) -> AsyncIterator[Sender]:
        sender = self.sender(*(hooks or [self.hook()]), **fields)
        task = asyncio.create_task(sender.run())
        try:
            yield sender
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def states(self) -> list[tuple[str, str, int]]:
        return [(one.webhook, one.state, one.attempts) for told in self.outbox.latest(10) for one in told.deliveries]

    async def later(self, sender: Sender, seconds: float, results: int) -> None:
        """The clock goes on, the sender looks, until so many attempts were made in all."""
        self.clock.advance(seconds)
        sender.wake()
        await until(lambda: len(self.heard.results) >= results)

    def look_at(
        self,
        state: Path,
        options: AlertOptions | None = None,
        budgets: Any = no_budgets,
        hooks: Iterable[Webhook] = (),
        decided: Callable[[], Iterable[Event]] = tuple,
    ) -> Alerts:
        place = LedgerPlace(state / "ledger.db")
        around = Surroundings(lambda: ledger_reader(place), budgets, lambda: "USD", self.heard, decided)
        return Alerts(options or AlertOptions(), self.outbox, around, self._client, self.clock, self.sender(*hooks))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.005)


def event(number: int = 1, **fields: Any) -> Event:
    known = {
        "kind": "price.missing",
        "key": f"price|m{number}|1",
        "at": NOW,
        "text": "m has no price",
        "data": {"target": "m"},
    }
    return Event(**{**known, **fields})


def fill_unpriced(state: Path, target: str = "openai/new") -> None:
    record = closed_record(1, pricing="unpriced", cost_nano=None, target=target, started_ns=int(NOW * 1e9))
    with ledger_at(state) as ledger:
        ledger.commit([record], "w.jnl", 1)
