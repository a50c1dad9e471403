"""Limits, bounds and clocks for the tests of this room."""

from typing import Any

from gateway.core.principal import Principal
from gateway.limits.bounds import Bound, Need, Span
from gateway.limits.loading import read_limits
from gateway.limits.rules import LimitPolicy
from gateway.stores.documents import Text

WHO = Principal(key_id="k1", tenant="bank", team="loans")
START = 1_800_000_000.0  # 2027-01-15T08:00:00Z; a whole minute, hour and slice of each
MINUTE = Span("sliding", "minute", 60.0, 1)
NOW = Span("now")


class TwoClocks:
    """A wall clock that may be put forward and back, and a monotonic one that only goes on."""

    def __init__(self, at: float = START) -> None:
        self.wall, self.ticks = at, 0.0

    def now(self) -> float:
        return self.wall

    def now_ns(self) -> int:
        return int(self.wall * 1e9)

    def monotonic(self) -> float:
        return self.ticks

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.ticks += seconds


def policy_of(text: str) -> LimitPolicy:
    return read_limits(Text("limits.yaml", text.encode()))


def bound(maximum: int, span: Span = MINUTE, **fields: Any) -> Bound:
    fields = {"limit_id": "a", "dimension": "requests", "scope": (), **fields}
    name = f"{fields['dimension']}_per_{span.unit}" if span.unit else fields["dimension"]
    return Bound(**{"name": name, "maximum": maximum, "span": span, "key": f"{fields['limit_id']}|{name}", **fields})


def tokens(count: int) -> Need:
    return Need(input_tokens=count)
