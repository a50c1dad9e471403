"""Carrying limits out: reserve before a call, settle after it.

`Counters` is what the pipeline knows; `LocalCounters` keeps them in this process. Both decide over all limits of a
call at once, so a call refused by one has counted against none.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from gateway.limits.rules import Applied, Limit
from gateway.limits.windows import Window

MINUTE_S = 60.0
MAX_COUNTERS = 200_000


class Refusal(msgspec.Struct, frozen=True):
    """Which limit said no. `current` includes reservations; `retry_after_s`: when it would say yes, if nothing else
    came (for concurrency, which nobody can foresee, one second)."""

    rule_id: str
    dimension: str
    scope: str
    limit: int
    current: int
    retry_after_s: float


class Quota(msgspec.Struct, frozen=True):
    """What is left of the tightest limit of a dimension: for headers."""

    limit: int
    remaining: int
    reset_s: float


class Hold(msgspec.Struct):
    """A reservation; `settle` it exactly once (a second time changes nothing)."""

    tokens: int
    counters: list["Counter"]
    indexes: list[int]
    requests: Quota | None = None
    token_quota: Quota | None = None
    settled: bool = False


class Counters(Protocol):
    async def reserve(self, applied: Sequence[Applied], tokens: int, now: float) -> Hold | Refusal:
        """Count one request and its estimated tokens against all limits, or against none."""
        ...

    def settle(self, hold: Hold, tokens: int, now: float) -> None:
        """Replace the estimate by the truth and give the concurrency back."""
        ...


class Counter(msgspec.Struct):
    """The state of one limit for one combination of its scope."""

    limit: Limit
    key: str
    requests: Window
    tokens: Window
    concurrent: int = 0
    touched: float = 0.0


class LocalCounters:
    """In this process. Nothing here awaits, so a decision over several counters is atomic."""

    def __init__(self, maximum: int = MAX_COUNTERS) -> None:
        self._counters: dict[str, Counter] = {}
        self._maximum = maximum

    def __len__(self) -> int:
        return len(self._counters)

    async def reserve(self, applied: Sequence[Applied], tokens: int, now: float) -> Hold | Refusal:
        counters = [self._counter(one, now) for one in applied]
        for counter in counters:
            refusal = _refusal(counter, tokens, now)
            if refusal is not None:
                return refusal
        hold = Hold(tokens, counters, [])
        for counter in counters:
            counter.requests.take(1)
            counter.tokens.take(tokens)
            counter.concurrent += 1
            hold.indexes.append(counter.tokens.index)
        hold.requests = _tightest([_request_quota(counter, now) for counter in counters])
        hold.token_quota = _tightest([_token_quota(counter, now) for counter in counters])
        return hold

    def settle(self, hold: Hold, tokens: int, now: float) -> None:
        if hold.settled:
            return
        hold.settled = True
        for counter, index in zip(hold.counters, hold.indexes, strict=True):
            counter.tokens.roll(now)
            counter.tokens.correct(index, tokens - hold.tokens)
            counter.concurrent -= 1

    def _counter(self, applied: Applied, now: float) -> Counter:
        counter = self._counters.get(applied.key)
        # A reloaded file may give the same id other figures: the counts go on under them.
        if counter is None:
            if len(self._counters) >= self._maximum:
                self._forget_idle(now)
            counter = Counter(applied.limit, applied.key, Window(MINUTE_S), Window(MINUTE_S))
            self._counters[applied.key] = counter
        elif counter.limit is not applied.limit:
            counter.limit = applied.limit
        counter.requests.roll(now)
        counter.tokens.roll(now)
        counter.touched = now
        return counter

    def _forget_idle(self, now: float) -> None:
        """Counters that count nothing any more; if there are none, the half longest untouched without a call."""
        idle = [counter for counter in self._counters.values() if not counter.concurrent]
        gone = [counter for counter in idle if now - counter.touched > 2 * MINUTE_S]
        if not gone:
            gone = sorted(idle, key=lambda counter: counter.touched)[: self._maximum // 2]
        for counter in gone:
            del self._counters[counter.key]


def _refusal(counter: Counter, tokens: int, now: float) -> Refusal | None:
    limit = counter.limit
    scope = counter.key.partition("|")[2] or "everybody"
    if limit.concurrent_requests is not None and counter.concurrent >= limit.concurrent_requests:
        return Refusal(limit.id, "concurrent_requests", scope, limit.concurrent_requests, counter.concurrent, 1.0)
    for dimension, figure, window, amount in (
        ("requests_per_minute", limit.requests_per_minute, counter.requests, 1),
        ("tokens_per_minute", limit.tokens_per_minute, counter.tokens, tokens),
    ):
        if figure is None:
            continue
        used = window.used(now)
        if used + amount > figure:
            wait = window.wait_s(now, amount, figure)
            return Refusal(limit.id, dimension, scope, figure, int(used), wait)
    return None


def _request_quota(counter: Counter, now: float) -> Quota | None:
    return _quota(counter.limit.requests_per_minute, counter.requests, now)


def _token_quota(counter: Counter, now: float) -> Quota | None:
    return _quota(counter.limit.tokens_per_minute, counter.tokens, now)


def _quota(limit: int | None, window: Window, now: float) -> Quota | None:
    """`reset_s`: when nothing would be counted any more, if nothing else came."""
    if limit is None:
        return None
    left = (window.index + 1) * window.seconds - now
    reset = left + window.seconds if window.current else left if window.previous else 0.0
    return Quota(limit, max(0, limit - int(window.used(now))), reset)


def _tightest(quotas: list[Quota | None]) -> Quota | None:
    """The one with the least left."""
    found = [quota for quota in quotas if quota is not None]
    return min(found, key=lambda quota: quota.remaining, default=None)
