"""Webhooks: each is told by a task of its own, so that one that hangs keeps no other waiting.

A receiver that answers 2xx has it. Anything else (an error, a redirect, nothing at all) is tried again after
SCHEDULE_S, then given up; 410 Gone is given up at once. A delivery is at least once: the webhook-id tells a receiver
what it has already.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

import msgspec

from gateway import __version__
from gateway.core.clock import Clock
from gateway.core.faults import Fault
from gateway.ledger.alerts.options import WebhookOptions
from gateway.ledger.alerts.outbox import Due, Outbox, OutboxUnavailable, State
from gateway.ledger.alerts.signing import secret_key, signed_headers
from gateway.transport.client import HttpClient
from gateway.transport.options import Timeouts
from gateway.transport.url import Url, parse_url

_log = logging.getLogger("gateway.alerts")
# Seconds after each attempt that failed: three days in all.
SCHEDULE_S: tuple[float, ...] = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=10.0, idle_s=5.0, total_s=15.0)
JITTER = 0.2
GONE = 410
# How long an idle task sleeps before it looks again, though nobody woke it.
LOOK_S = 30.0


class Reported(Protocol):
    """What the metrics are told."""

    def alerted(self, kind: str) -> None: ...

    def delivered(self, result: str) -> None:
        """`delivered`, `failed` (it is tried again) or `given_up`."""
        ...


class Webhook(msgspec.Struct, frozen=True):
    """Ready to be called. Its key is in no repr."""

    name: str
    url: Url
    key: bytes
    events: frozenset[str]

    def __repr__(self) -> str:
        return f"Webhook({self.name!r})"


def webhooks(options: Sequence[WebhookOptions]) -> list[Webhook]:
    """Those that have a secret; the others are told of in the log."""
    for one in options:
        if not one.secret:
            _log.warning("the webhook %s has no secret, and so it is told nothing", one.name)
    return [
        Webhook(one.name, parse_url(one.url), secret_key(one.secret), frozenset(one.events))
        for one in options
        if one.secret
    ]


async def post(
    client: HttpClient, webhook: Webhook, event_id: str, body: bytes, now: float, timeouts: Timeouts = TIMEOUTS
) -> tuple[int, str]:
    """(status, what came of it in words); 0 if there was no answer. No more is read of an answer than its status."""
    headers = {
        "content-type": "application/json",
        "user-agent": f"gateway/{__version__}",
        **signed_headers(webhook.key, event_id, int(now), body),
    }
    try:
        exchange = await client.send(webhook.url, headers, body, timeouts)
    except Fault as fault:
        return 0, fault.message
    status = exchange.status
    exchange.close()
    if 300 <= status < 400:
        return status, f"answered {status}; redirects are not followed"
    return status, f"answered {status}"


class Sender:
    """Sends what is in the outbox. `run` is for ever; `wake` says that there is something new."""

    def __init__(
        self,
        hooks: Sequence[Webhook],
        outbox: Outbox,
        client: HttpClient,
        clock: Clock,
        reported: Reported,
        schedule_s: Sequence[float] = SCHEDULE_S,
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        self._hooks = hooks
        self._outbox = outbox
        self._client = client
        self._clock = clock
        self._reported = reported
        self._schedule_s = schedule_s
        self._timeouts = timeouts
        self._wakers = [asyncio.Event() for _ in hooks]

    def wake(self) -> None:
        for waker in self._wakers:
            waker.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for hook, waker in zip(self._hooks, self._wakers, strict=True):
                group.create_task(self._serve(hook, waker))

    async def _serve(self, hook: Webhook, waker: asyncio.Event) -> None:
        while True:
            waker.clear()
            wait_s = LOOK_S
            try:
                for due in await asyncio.to_thread(self._outbox.due, hook.name, self._clock.now()):
                    await self._deliver(hook, due)
                following = await asyncio.to_thread(self._outbox.next_due, hook.name)
                if following is not None:
                    wait_s = min(LOOK_S, max(0.0, following - self._clock.now()))
            except OutboxUnavailable as error:
                _log.error("alerts cannot be sent: %s", error)
            except Exception:  # noqa: BLE001  a border: one event that cannot be sent must not end the sending
                _log.exception("sending alerts failed")
            try:
                async with asyncio.timeout(wait_s):
                    await waker.wait()
            except TimeoutError:
                pass

    async def _deliver(self, hook: Webhook, due: Due) -> None:
        status, said = await post(self._client, hook, due.id, due.body.encode(), self._clock.now(), self._timeouts)
        state, at = self._after(status, due)
        await asyncio.to_thread(self._outbox.attempted, due.id, hook.name, state, at, said)
        self._reported.delivered("failed" if state == "pending" else state)
        if state == "given_up":
            _log.error("the webhook %s %s; it is not told of %s (%s) any more", hook.name, said, due.kind, due.id)
        elif state == "pending":
            _log.warning("the webhook %s %s; it is told of %s again later", hook.name, said, due.kind)

    def _after(self, status: int, due: Due) -> tuple[State, float]:
        """What a delivery is after this attempt, and when it is due again: of many events not all at once."""
        now = self._clock.now()
        if 200 <= status < 300:
            return "delivered", now
        if status == GONE or due.attempts >= len(self._schedule_s):
            return "given_up", now
        return "pending", now + self._schedule_s[due.attempts] * (1 + JITTER * int(due.id[-4:], 16) / 0xFFFF)
