"""Looks at the ledger and the budgets at intervals, and tells what it finds."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from itertools import chain
from types import TracebackType
from typing import Self

import msgspec

from gateway.core.clock import Clock
from gateway.ledger.alerts.anomalies import HOUR_S, Team, anomalies, sample_hours
from gateway.ledger.alerts.budgets import Budgets, reached
from gateway.ledger.alerts.events import Event
from gateway.ledger.alerts.options import AlertOptions
from gateway.ledger.alerts.outbox import KEPT_S, Outbox, OutboxUnavailable
from gateway.ledger.alerts.prices import Unpriced, missing
from gateway.ledger.alerts.sending import Reported, Sender, webhooks
from gateway.ledger.store import LedgerUnavailable
from gateway.stores.reading import Reader
from gateway.stores.sqlite import named_queries
from gateway.transport.client import HttpClient

_log = logging.getLogger("gateway.alerts")
DAY_S = 86_400
# An hour is looked at when it has been over for so long: what its calls left has been drained by then.
GRACE_S = 300.0
# Hours that are made up for after an outage of ours.
CATCH_UP_HOURS = 24
# A look that takes long (limits by labels are held against every call of a month) is followed by a rest that is so much
# longer: a twentieth of one core at most.
REST = 20
_MARK = "hour"

OpenReader = Callable[[], AbstractContextManager[Reader | None]]


class Surroundings(msgspec.Struct, frozen=True):
    """What the rest of the gateway lends, as plain functions. `currency`: of the price book. `budgets`: see there.
    `decided`: what was decided elsewhere and is to be told, each time it is asked for."""

    ledger: OpenReader
    budgets: Budgets
    currency: Callable[[], str]
    reported: Reported
    decided: Callable[[], Iterable[Event]] = tuple


class Alerts:
    """`async with Alerts(…)`: looks at once, and then every `interval_s`."""

    def __init__(
        self, options: AlertOptions, outbox: Outbox, surroundings: Surroundings, client: HttpClient, clock: Clock,
        sender: Sender | None = None,
    ) -> None:  # fmt: skip
        self._options = options
        self._outbox = outbox
        self._around = surroundings
        self._clock = clock
        self._hooks = webhooks(options.webhooks)
        self._sender = sender or Sender(self._hooks, outbox, client, clock, surroundings.reported)
        self._queries = named_queries("gateway.ledger.alerts")
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._sender.run())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._outbox.__exit__(None, None, None)

    async def _watch(self) -> None:
        while True:
            began = self._clock.monotonic()
            await self.look()
            took = self._clock.monotonic() - began
            await asyncio.sleep(max(self._options.interval_s, took * REST))

    async def look(self) -> int:
        """One look; how many events were new. What cannot be looked at now is looked at the next time."""
        now = self._clock.now()
        told = 0
        for look in (self._budgets, self._prices, self._hours, self._decided):
            try:
                told += await asyncio.to_thread(look, now)
            except (LedgerUnavailable, OutboxUnavailable) as error:
                _log.error("no alerts: %s", error)
            except Exception:  # noqa: BLE001  a border: what limits lend us may fail in ways of its own; alerts go on
                _log.exception("looking for alerts failed")
        if told:
            self._sender.wake()
        with contextlib.suppress(OutboxUnavailable):
            await asyncio.to_thread(self._outbox.drop_old, now)
        return told

    def _tell(self, events: Iterable[Event]) -> int:
        new = 0
        for event in events:
            if self._outbox.add(event, [hook.name for hook in self._hooks if event.kind in hook.events]):
                new += 1
                self._around.reported.alerted(event.kind)
                _log.warning("%s: %s", event.kind, event.text)
        return new

    def _budgets(self, now: float) -> int:
        currency = self._around.currency()
        found = (reached(level, self._options.thresholds, currency, now) for level in self._around.budgets(now))
        return self._tell(event for event in found if event is not None)

    def _decided(self, now: float) -> int:
        """Whether something was told long ago is not remembered for ever."""
        return self._tell(event for event in self._around.decided() if event.at > now - KEPT_S)

    def _prices(self, now: float) -> int:
        with self._around.ledger() as reader:
            if reader is None:
                return 0
            rows = reader.rows(self._queries["unpriced"], {"day": int(now // DAY_S)})
            found = [Unpriced(**row) for row in rows]
        return self._tell(missing(found, now))

    def _hours(self, now: float) -> int:
        """Every hour that is over and has not been looked at."""
        options = self._options.anomalies
        if options is None:
            return 0
        last = int((now - GRACE_S) // HOUR_S) - 1
        mark = self._outbox.mark(_MARK)
        if mark == last:
            return 0
        told = 0
        with self._around.ledger() as reader:
            first = None if reader is None else (reader.one(self._queries["first_hour"]) or {}).get("hour")
            if reader is not None and first is not None:
                since = last if mark is None else max(mark + 1, last - CATCH_UP_HOURS + 1)
                for hour in range(since, last + 1):
                    sampled = sample_hours(hour, first, options)
                    spent = self._spent(reader, [hour, *chain.from_iterable(sampled)]) if sampled else {}
                    told += self._tell(anomalies(hour, spent, first, options, self._around.currency()))
        self._outbox.put_mark(_MARK, last)
        return told

    def _spent(self, reader: Reader, hours: list[int]) -> dict[Team, dict[int, int]]:
        names = {f"h{number}": hour for number, hour in enumerate(hours)}
        query = self._queries["spent"].format(hours=", ".join(f":{name}" for name in names))
        found: dict[Team, dict[int, int]] = {}
        for row in reader.rows(query, names):
            found.setdefault((row["tenant"], row["team"]), {})[row["hour"]] = row["nano"]
        return found
