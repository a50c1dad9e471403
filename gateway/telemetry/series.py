"""What calls with the same labels change, added up in plain numbers and handed to Prometheus in one go.

An increment of a shared counter costs a microsecond, and a call changes a dozen; adding integers costs a twentieth.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

from gateway.core.money import NANO
from gateway.core.record import Record
from gateway.core.usage import TOKEN_METERS, Usage


class Summed:
    """A histogram's child, and the observations it has not been given yet."""

    __slots__ = ("_child", "_counts", "_sum", "_uppers")

    def __init__(self, child: Any, uppers: Sequence[float]) -> None:
        self._child = child
        self._uppers = uppers
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
        for bucket, count in zip(self._child._buckets, self._counts, strict=True):
            if count:
                bucket.inc(count)
        self._child._sum.inc(self._sum)
        self._counts = [0] * len(self._counts)
        self._sum = 0.0


class Series:
    """One combination of labels. `requests` and `tokens` bind a child on first use."""

    def __init__(
        self,
        *,
        requests: Callable[[str, int], Any],
        tokens: Callable[[str], Any],
        cost: Any,
        unpriced: Any,
        duration: Summed,
        first_token: Summed,
        per_token: Summed,
    ) -> None:
        self._bind_requests, self._bind_tokens = requests, tokens
        self._cost, self._unpriced = cost, unpriced
        self._duration, self._first_token, self._per_token = duration, first_token, per_token
        self._requests: dict[tuple[str, int], int] = {}
        self._tokens: dict[str, int] = {}
        self._cost_nano = self._unpriced_calls = 0

    def closed(self, record: Record) -> None:
        """Add one finished call."""
        kind = (record.outcome, record.status)
        self._requests[kind] = self._requests.get(kind, 0) + 1
        self._duration.observe(record.duration_us / 1e6)
        if record.cost_nano:
            self._cost_nano += record.cost_nano
        if record.pricing == "unpriced":
            self._unpriced_calls += 1
        usage = record.usage
        if usage is None:
            return
        for meter in TOKEN_METERS:
            count: int = getattr(usage, meter)
            if count:
                self._tokens[meter] = self._tokens.get(meter, 0) + count
        if record.ttfb_us is not None and record.outcome == "completed":
            self._times(record, usage, record.ttfb_us / 1e6)

    def _times(self, record: Record, usage: Usage, first_s: float) -> None:
        self._first_token.observe(first_s)
        produced = usage.total_output
        if record.stream and produced > 1:
            self._per_token.observe((record.duration_us / 1e6 - first_s) / (produced - 1))

    def flush(self) -> None:
        """Hand everything added since the last time to the library."""
        for (outcome, status), count in self._requests.items():
            self._bind_requests(outcome, status).inc(count)
        for meter, count in self._tokens.items():
            self._bind_tokens(meter).inc(count)
        self._requests.clear()
        self._tokens.clear()
        if self._cost_nano:
            self._cost.inc(self._cost_nano / NANO)
        if self._unpriced_calls:
            self._unpriced.inc(self._unpriced_calls)
        self._cost_nano = self._unpriced_calls = 0
        for histogram in (self._duration, self._first_token, self._per_token):
            histogram.flush()
