"""What calls with the same labels change, added up in plain numbers and handed to Prometheus now and then.

Changing a shared value costs the library most of a microsecond, and a call changes a dozen; adding integers costs a
twentieth. Children are made with their first value, so that nothing is shown that never happened.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from gateway.core.money import NANO
from gateway.core.record import Record
from gateway.core.usage import TOKEN_METERS, Usage, meters_used

if TYPE_CHECKING:
    from gateway.telemetry.metrics import Metrics

_OF_TOKENS = frozenset(TOKEN_METERS)
_STATUSES = frozenset(int(status) for status in HTTPStatus)


def status_label(status: int) -> str:
    """The status; one that HTTP does not know (an upstream may say anything) by its class alone."""
    return str(status) if status in _STATUSES or not status else f"{str(status)[0]}xx"


class Observed:
    """A histogram's child, made by `bind`, and the observations it has not been given yet."""

    __slots__ = ("_bind", "_child", "_counts", "_sum", "_uppers")

    def __init__(self, uppers: Sequence[float], bind: Callable[[], Any]) -> None:
        self._uppers = uppers
        self._bind = bind
        self._child: Any = None
        self._counts = [0] * (len(uppers) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._uppers, value)] += 1
        self._sum += value

    def flush(self) -> None:
        """The library has no call for many observations at once; these two fields are what its own `observe` changes,
        and a test compares both ways."""
        if not any(self._counts):
            return
        if self._child is None:
            self._child = self._bind()
        for bucket, count in zip(self._child._buckets, self._counts, strict=True):
            if count:
                bucket.inc(count)
        self._child._sum.inc(self._sum)
        self._counts = [0] * len(self._counts)
        self._sum = 0.0


class Added:
    """A counter, and what it has not been given yet."""

    def __init__(self, counter: Any) -> None:
        self._counter = counter
        self._sums: dict[tuple[str, ...], float] = {}

    def add(self, labels: tuple[str, ...], amount: float) -> None:
        self._sums[labels] = self._sums.get(labels, 0) + amount

    def flush(self) -> None:
        for labels, amount in self._sums.items():
            self._counter.labels(*labels).inc(amount)
        self._sums.clear()


class Series:
    """One combination of tenant, team, model and operation."""

    __slots__ = (
        "_cost_nano",
        "_duration",
        "_first",
        "_metrics",
        "_per_token",
        "_requests",
        "_tokens",
        "_unpriced",
        "key",
    )

    def __init__(
        self, metrics: "Metrics", key: tuple[str, str, str, str], seconds: Sequence[float], per_token: Sequence[float]
    ) -> None:
        who = key[:3]
        self.key = key
        self._metrics = metrics
        self._duration = Observed(seconds, lambda: metrics.duration.labels(*who))
        self._first = Observed(seconds, lambda: metrics.first_token.labels(*who))
        self._per_token = Observed(per_token, lambda: metrics.per_token.labels(*who))
        self._requests: dict[tuple[str, int], int] = {}
        self._tokens: dict[str, int] = {}
        self._cost_nano = 0
        self._unpriced = 0

    def closed(self, record: Record) -> None:
        """Add one finished call."""
        requests, kind = self._requests, (record.outcome, record.status)
        requests[kind] = requests.get(kind, 0) + 1
        duration_s = record.duration_us / 1e6
        self._duration.observe(duration_s)
        if record.cost_nano:
            self._cost_nano += record.cost_nano
        if record.pricing == "unpriced":
            self._unpriced += 1
        usage = record.usage
        if usage is None:
            return
        self._used(usage)
        if record.stream and record.ttfb_us is not None and record.outcome == "completed":
            first_s, produced = record.ttfb_us / 1e6, usage.total_output
            self._first.observe(first_s)
            if produced > 1:
                self._per_token.observe(max(0.0, duration_s - first_s) / (produced - 1))

    def _used(self, usage: Usage) -> None:
        tokens = self._tokens
        for meter, count in meters_used(usage):
            tokens[meter] = tokens.get(meter, 0) + count

    def flush(self) -> None:
        """Hand everything added since the last time to the library."""
        metrics, who = self._metrics, self.key[:3]
        for (outcome, status), count in self._requests.items():
            metrics.requests.labels(*self.key, outcome, status_label(status)).inc(count)
        for meter, count in self._tokens.items():
            if meter in _OF_TOKENS:
                metrics.tokens.labels(*who, meter.removesuffix("_tokens")).inc(count)
        if self._cost_nano:
            metrics.cost.labels(*who).inc(self._cost_nano / NANO)
        if self._unpriced:
            metrics.unpriced.labels(*who).inc(self._unpriced)
        self._requests.clear()
        self._tokens.clear()
        self._cost_nano = self._unpriced = 0
        for observed in (self._duration, self._first, self._per_token):
            observed.flush()
