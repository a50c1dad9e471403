"""How much may still leave: rates that the configuration sets, and limits that an upstream tells of.

Dimensions are counted side by side; an amount is a tuple in their order.
"""

from typing import Literal, NamedTuple

Dimension = Literal["requests", "tokens", "input_tokens", "output_tokens"]
DIMENSIONS: tuple[Dimension, ...] = ("requests", "tokens", "input_tokens", "output_tokens")
REQUESTS, TOKENS, INPUT, OUTPUT = range(4)
Amounts = tuple[float, float, float, float]
NOTHING: Amounts = (0.0, 0.0, 0.0, 0.0)

# However long an upstream says to wait: after this time one call goes and asks again.
MAX_HOLD_S = 60.0
# What was told so long ago counts for nothing.
FORGET_S = 300.0
# So long a limit that was found to be kept by the window is taken for one.
STRICT_S = 600.0
LOW = 0.1
DAY_S = 86_400.0
INFINITY = float("inf")


class Reading(NamedTuple):
    """What an answer says of one limit.

    Attributes:
        limit: None where only the rest is told. reset_s: until it is full again; None where that is not told.
        period_s: the time that `limit` is for.
    """

    dimension: int
    remaining: float
    limit: float | None = None
    reset_s: float | None = None
    period_s: float = 60.0


class Meter:
    """A configured rate. A second's worth may leave at once. A call larger than that leaves when it is full, and those
    after it wait until it is paid off."""

    __slots__ = ("_at", "capacity", "level", "rate")

    def __init__(self, per_minute: float) -> None:
        self.rate = per_minute / 60
        self.capacity = max(1.0, self.rate)
        self.level = self.capacity
        self._at: float | None = None

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until a call of this amount may leave; 0 for now."""
        if self._at is not None:
            self.level = min(self.capacity, self.level + (now - self._at) * self.rate)
        self._at = now
        # Of what has been refilled the last bit is lost to rounding: nobody shall wait for that.
        missing = min(amount, self.capacity) - self.level
        return missing / self.rate if missing > 1e-6 else 0.0

    def take(self, amount: float) -> None:
        self.level -= amount

    def correct(self, amount: float) -> None:
        """So much less was used than taken (or more, if negative)."""
        self.level = min(self.capacity, self.level + amount)

    def expected_s(self, amount: float) -> float:
        """Seconds until so much will have left."""
        return max(0.0, (amount - self.level) / self.rate)


class Told:
    """A limit that an upstream tells of, carried on between its answers. This process's part of it.

    Most upstreams fill up little by little, and their reset says when they are full: what is missing by the time until
    then is the rate. Others let nothing through until a window ends: of those that quotient is all sorts, and the
    slowest of late is taken; when the reset has come the limit is full in either case. One that refuses although it
    should have refilled is waited for until its reset (`strict`).

    Attributes:
        level: what is left, as far as is known; what has left since it was told is taken off. roomy: above this there
            is nothing to look at. low: below it calls are spread out.
        rate: refill per second. reset_at: when it is full again by the upstream's word; infinity without one.
        period_s: the time that the limit is named for.
    """

    __slots__ = (
        "_at", "_filling_s", "_found_at", "_gained", "_next_at", "_strict_until", "_taken_at", "_told",
        "dimension", "level", "limit", "low", "period_s", "rate", "read_at", "reset_at", "roomy",
    )  # fmt: skip

    def __init__(self, dimension: int, period_s: float) -> None:
        self.dimension = dimension
        self.period_s = self._filling_s = period_s
        self._found_at = -INFINITY
        self.limit = self.level = self.roomy = self.low = self.rate = self.read_at = 0.0
        self.reset_at = INFINITY
        self._at = self._next_at = self._strict_until = self._taken_at = self._told = self._gained = 0.0

    def read(self, told: Reading, unseen: float, now: float, part: float) -> None:
        """Args:
        unseen: what has left too late for the upstream to have counted it. part: of the limit is this process's.
        """
        limit = told.limit if told.limit is not None else max(self.limit / part, told.remaining)
        missing = limit - told.remaining
        self.reset_at = INFINITY
        if told.reset_s and missing > 0:
            self.reset_at = now + told.reset_s
            filling_s = limit * told.reset_s / missing
            if filling_s > self._filling_s or now - self._found_at > STRICT_S:
                self._filling_s, self._found_at = filling_s, now
        self.limit, self.rate = limit * part, limit * part / self._filling_s
        self.roomy, self.low = self.limit / 2, self.limit * LOW
        self.level = self._told = told.remaining * part - unseen
        self._gained = 0.0
        self.read_at = self._at = now

    def refused(self, now: float) -> None:
        """The upstream has refused what by this should have passed, and says that nothing is left."""
        self._strict_until = now + STRICT_S

    def is_stale(self, now: float) -> bool:
        return now - self.read_at > FORGET_S

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until a call of this amount may leave; 0 for now."""
        self._advance(now)
        need = self.need(amount)
        wait = max(0.0, self._next_at - now)
        if need - self.level > 1e-6:
            wait = max(wait, self._refilled_s(need, now))
        return min(wait, max(0.0, max(self.read_at, self._taken_at) + MAX_HOLD_S - now)) if wait else 0.0

    def need(self, amount: float) -> float:
        """What must be left for a call of this amount. Output is counted as it comes, not as it may come: there any
        rest will do."""
        return min(1.0 if self.dimension == OUTPUT else amount, self.limit)

    def slow_down(self, amount: float, now: float) -> None:
        """`amount` has left, and the rest is low: what comes after is spread over the time until more is there."""
        self._taken_at = now
        pace = self.rate
        if now < self._strict_until and now < self.reset_at < INFINITY:
            pace = max(self.level, 1.0) / (self.reset_at - now)
        self._next_at = now + min(MAX_HOLD_S, amount / pace * (1 - max(0.0, self.level) / self.low))

    def expected_s(self, amount: float, now: float) -> float:
        """Seconds until so much will have left."""
        self._advance(now)
        return max(0.0, amount - self.level) / self.rate if amount > self.limit else self._refilled_s(amount, now)

    def _refilled_s(self, need: float, now: float) -> float:
        until_reset_s = max(0.0, self.reset_at - now)
        if now < self._strict_until and until_reset_s < INFINITY:
            return until_reset_s
        return max(0.0, min((need - self.level) / self.rate, until_reset_s))

    def _advance(self, now: float) -> None:
        gain, self._at = (now - self._at) * self.rate, now
        if now >= self.reset_at:
            # Full by its word; but what has left since then is not in that.
            gain = self.limit - self._told - self._gained
            self.reset_at = INFINITY
        elif now < self._strict_until and self.reset_at < INFINITY:
            return
        gain = max(0.0, min(gain, self.limit - self.level))
        self.level += gain
        self._gained += gain
