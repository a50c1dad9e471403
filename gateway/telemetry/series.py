"""What calls with the same labels change, added up in plain numbers and handed to Prometheus now and then.

Changing a shared value costs the library most of a microsecond, and a call changes a dozen; adding integers costs a
twentieth, and a list of what is to be added up all at once less than that. Children are made with their first value, so
that nothing is shown that never happened.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from http import HTTPStatus
from itertools import compress
from typing import TYPE_CHECKING, Any

from msgspec.structs import astuple

from gateway.core.money import NANO
from gateway.core.record import Record
from gateway.core.usage import METERS, TOKEN_METERS, Usage

if TYPE_CHECKING:
    from gateway.telemetry.metrics import Metrics

# Calls of one series that wait to be added up: twice as many at once are hardly cheaper.
MOST_WAITING = 64
_OF_TOKENS = frozenset(TOKEN_METERS)
_NO_TOKENS = (0,) * len(METERS)
_STATUSES = frozenset(int(status) for status in HTTPStatus)


def status_label(status: int) -> str:
    """The status; one that HTTP does not know (an upstream may say anything) by its class alone."""
    return str(status) if status in _STATUSES or not status else f"{str(status)[0]}xx"


def bucketed(values: list[float], uppers: Sequence[float]) -> list[int]:
    """How many of the values fall into each bucket: above the bound before its own, and not above that; the last has
    none. The values are sorted by it."""
    values.sort()
    ends = [bisect_right(values, upper) for upper in uppers]
    return [end - begin for begin, end in zip((0, *ends), (*ends, len(values)), strict=True)]


class Observed:
    """A histogram's child, made by `bind`, and the observations it has not been given yet.

    Attributes:
        observe: (value) adds one. It is the list's own `append`.
    """

    __slots__ = ("_bind", "_child", "_uppers", "_values", "observe")

    def __init__(self, uppers: Sequence[float], bind: Callable[[], Any]) -> None:
        self._uppers = uppers
        self._bind = bind
        self._child: Any = None
        self._values: list[float] = []
        self.observe: Callable[[float], None] = self._values.append

    def flush(self) -> None:
        """The library has no call for many observations at once; these two fields are what its own `observe` changes,
        and a test compares both ways."""
        values = self._values
        if not values:
            return
        if self._child is None:
            self._child = self._bind()
        for bucket, count in zip(self._child._buckets, bucketed(values, self._uppers), strict=True):
            if count:
                bucket.inc(count)
        self._child._sum.inc(sum(values))
        values.clear()


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
        "_usages",
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
        self._tokens = _NO_TOKENS
        self._usages: list[Usage] = []
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
        self._usages.append(usage)
        if len(self._usages) >= MOST_WAITING:
            self._add_up()
        if record.stream and record.ttfb_us is not None and record.outcome == "completed":
            first_s, produced = record.ttfb_us / 1e6, usage.total_output
            self._first.observe(first_s)
            if produced > 1:
                self._per_token.observe(max(0.0, duration_s - first_s) / (produced - 1))

    def _add_up(self) -> None:
        self._tokens = tuple(map(sum, zip(self._tokens, *map(astuple, self._usages), strict=True)))
        self._usages.clear()

    def flush(self) -> None:
        """Hand everything added since the last time to the library."""
        if self._usages:
            self._add_up()
        metrics, who = self._metrics, self.key[:3]
        for (outcome, status), count in self._requests.items():
            metrics.requests.labels(*self.key, outcome, status_label(status)).inc(count)
        for meter, count in compress(zip(METERS, self._tokens, strict=True), self._tokens):
            if meter in _OF_TOKENS:
                metrics.tokens.labels(*who, meter.removesuffix("_tokens")).inc(count)
        if self._cost_nano:
            metrics.cost.labels(*who).inc(self._cost_nano / NANO)
        if self._unpriced:
            metrics.unpriced.labels(*who).inc(self._unpriced)
        self._requests.clear()
        self._tokens = _NO_TOKENS
        self._cost_nano = self._unpriced = 0
        for observed in (self._duration, self._first, self._per_token):
            observed.flush()
