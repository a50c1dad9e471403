"""The words of limits: what one figure of one limit counts, and what a call needs of it.

A limit of limits.yaml has figures (`requests_per_minute`, `cost_per_month`); applied to one call, each is a Bound with
a counter of its own. What holds the counters (this process, Redis) knows bounds and nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

Dimension = Literal["requests", "input_tokens", "output_tokens", "tokens", "cost", "concurrent_requests"]
# Where each stands among a need's amounts.
PLACES: Mapping[Dimension, int] = {
    "requests": 0,
    "input_tokens": 1,
    "output_tokens": 2,
    "tokens": 3,
    "cost": 4,
    "concurrent_requests": 5,
}
CONCURRENT = PLACES["concurrent_requests"]
Amounts = tuple[int, int, int, int, int, int]
# What a limit does when it is reached: refuses; lets pass and says so; keeps the call waiting for a while first.
OnExceeded = Literal["refuse", "warn", "queue"]
# What holds while the store that replicas share is away: this process's part of the limit; nothing; anything.
OnStoreFailure = Literal["local_share", "refuse", "allow"]
# What a limit on money does with a call whose price nobody knows: refuses it; does not count it; counts it at the
# provider's highest price.
OnUnpriced = Literal["deny", "allow", "charge_ceiling"]


class Span(msgspec.Struct, frozen=True):
    """The time over which a bound counts.

    Attributes:
        kind: `sliding`: the last `seconds`, in `slices` buckets aligned to the epoch, of which the one that is leaving
            counts by how much of it is still covered. `calendar`: the running day or month in `zone`. `now`: what is
            under way (concurrent_requests).
        unit: the word in the figure's name: second, minute, hour, day, month.
        seconds, slices: of sliding spans. zone: of calendar spans, an IANA name.
    """

    kind: Literal["sliding", "calendar", "now"]
    unit: str = ""
    seconds: float = 0.0
    slices: int = 1
    zone: str = "UTC"


class Bound(msgspec.Struct, frozen=True):
    """One figure of one limit as it applies to one call.

    Attributes:
        name: the figure's name, `tokens_per_minute`.
        maximum: in units of the dimension; of `cost`, nano-units of the price book's currency.
        scope: `(("tenant", "bank"), ("team", "bank/loans"))`: what has this counter to itself.
        key: the counter's name: limit, figure and scope. tag: the part of the scope that all its counters share
            (the tenant; empty for those of nobody in particular): counters with one tag live together in a cluster.
        queue_s: how long a call may be kept waiting (`queue`).
        raised_until: Unix seconds up to which `maximum` is a raised one; None: it is not.
    """

    limit_id: str
    name: str
    dimension: Dimension
    span: Span
    maximum: int
    scope: tuple[tuple[str, str], ...]
    key: str
    tag: str = ""
    on_exceeded: OnExceeded = "refuse"
    on_store_failure: OnStoreFailure = "local_share"
    on_unpriced: OnUnpriced = "charge_ceiling"
    queue_s: float = 0.0
    raised_until: float | None = None


class Need(msgspec.Struct, frozen=True):
    """What a call takes of each dimension: before it an estimate on the high side, after it the truth. `nano`: of
    money; None when nobody knows what it will cost."""

    input_tokens: int = 0
    output_tokens: int = 0
    nano: int | None = 0
    requests: int = 1

    def of(self, dimension: Dimension) -> int:
        """The amount in the dimension's unit; what is not known counts as nothing."""
        if dimension == "tokens":
            return self.input_tokens + self.output_tokens
        if dimension == "cost":
            return self.nano or 0
        return 1 if dimension == "concurrent_requests" else getattr(self, dimension)

    def amounts(self, under_way: int = 1) -> Amounts:
        """All of them, by `PLACES`. `under_way`: how many calls it stands for: none once it has ended."""
        into, out = self.input_tokens, self.output_tokens
        return self.requests, into, out, into + out, self.nano or 0, under_way


NOTHING = Need(nano=0, requests=0)


class Refusal(msgspec.Struct, frozen=True):
    """Which bound said no, and how full it is. `current` includes reservations. `retry_after_s`: when it would say yes
    if nothing else came; for concurrency, which nobody can foresee, one second. `store_away`: it said no because the
    store is away, and the limit says `refuse` then. `levels`: of all bounds where whoever counts knows them anyway."""

    bound: Bound
    current: int
    retry_after_s: float
    store_away: bool = False
    levels: "Sequence[Level]" = ()


class Level(msgspec.Struct, frozen=True):
    """How full a bound is after a call was counted. `reset_s`: when nothing would be counted any more (sliding), or
    until the period ends (calendar)."""

    bound: Bound
    used: int
    reset_s: float

    @property
    def remaining(self) -> int:
        return max(0, self.bound.maximum - self.used)


# Of a bound's dimension: its maximum, how much of that is left, and seconds until nothing is counted of it (`reset_s`).
Left = tuple[int, int, float]
# By a dimension's place (`PLACES`), the same of the bound that has least left; None: no bound counts that.
Least = Callable[[int], Left | None]


def tightest(levels: Sequence[Level]) -> Sequence[Left | None]:
    """By place, what is left of the bound that has least left."""
    found: list[Left | None] = [None] * len(PLACES)
    for level in levels:
        place, left = PLACES[level.bound.dimension], level.remaining
        other = found[place]
        if other is None or left < other[1]:  # of those that are exceeded the first is told
            found[place] = level.bound.maximum, left, level.reset_s
    return found


class Hold(Protocol):
    """A reservation. Settle it exactly once; a second time changes nothing. One that is never settled (its worker
    died) expires.

    Attributes:
        warned: bounds with `warn` that it goes over.
    """

    warned: Sequence[Bound]

    @property
    def levels(self) -> Sequence[Level]:
        """As they were after it was counted, in the order of the bounds. To be asked for at once: they need not be
        kept."""
        ...

    def least(self, place: int, /) -> Left | None:
        """Of a dimension, by its place, the one that has least left (`tightest`); to be asked for at once as well."""
        ...


class Counters(Protocol):
    """What the pipeline knows of whoever counts.

    Attributes:
        decide: the same as `reserve`, and at once; None where somebody else is to be asked.
    """

    @property
    def decide(self) -> "Callable[[Sequence[Bound], Need], Hold | Refusal] | None": ...

    async def reserve(self, bounds: Sequence[Bound], need: Need) -> Hold | Refusal:
        """Count a call and its estimate against all bounds, or against none."""
        ...

    def settle(self, hold: Hold, used: Need) -> None:
        """Replace the estimate by the truth and give the concurrency back. `used.requests` 0 gives the request back
        too (nothing was asked of anybody). Plain and quick: it is one of a call's endings."""
        ...

    async def levels(self, bounds: Sequence[Bound]) -> Sequence[Level]:
        """How full each bound is now, in their order; counts nothing."""
        ...
