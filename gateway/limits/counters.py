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
    """A reservation; `settle` it exactly once (a second time changes nothing).

    Attributes:
        requests, token_quota: what is left of the tightest limit of each dimension.
    """

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
        requests: Quota | None = None
        token_quota: Quota | None = None
        for counter in counters:
            limit = counter.limit
            if limit.concurrent_requests is not None and counter.concurrent >= limit.concurrent_requests:
                return _refusal(counter, "concurrent_requests", limit.concurrent_requests, counter.concurrent, 1.0)
            if limit.requests_per_minute is not None:
                quota = _quota(limit.requests_per_minute, counter.requests, 1, now)
                if quota is None:
                    return _refused_rate(counter, "requests_per_minute", 1, now)
                if requests is None or quota.remaining < requests.remaining:
                    requests = quota
            if limit.tokens_per_minute is not None:
                quota = _quota(limit.tokens_per_minute, counter.tokens, tokens, now)
                if quota is None:
                    return _refused_rate(counter, "tokens_per_minute", tokens, now)
                if token_quota is None or quota.remaining < token_quota.remaining:
                    token_quota = quota
        indexes: list[int] = []
        for counter in counters:
            counter.requests.current += 1
            counter.tokens.current += tokens
            counter.concurrent += 1
            indexes.append(counter.tokens.index)
        return Hold(tokens, counters, indexes, requests, token_quota)

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


def _quota(limit: int, window: Window, amount: int, now: float) -> Quota | None:
    """What will be left once `amount` is taken; None if it does not fit. `reset_s`: when nothing would be counted any
    more, if nothing else came."""
    left = limit - window.used(now) - amount
    if left < 0:
        return None
    return Quota(limit, int(left), (window.index + 2) * window.seconds - now)


def _refused_rate(counter: Counter, dimension: str, amount: int, now: float) -> Refusal:
    limit: int = getattr(counter.limit, dimension)
    window = counter.requests if dimension == "requests_per_minute" else counter.tokens
    return _refusal(counter, dimension, limit, int(window.used(now)), window.wait_s(now, amount, limit))


def _refusal(counter: Counter, dimension: str, limit: int, current: int, wait_s: float) -> Refusal:
    values = counter.key.split("|")[1:]
    scope = ", ".join(f"{kind} {value}" for kind, value in zip(counter.limit.per, values, strict=False)) or "everybody"
    return Refusal(counter.limit.id, dimension, scope, limit, current, wait_s)
