"""How arms were chosen, and which calls can be compared by that: those whose arm was chosen by chance.

A call counts for the arm that the die chose, also if another target answered in the end (intention to treat): that is
what the arm would have done to its callers. `success` asks for more: that its own arm answered.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from gateway.compare.live.measures import Measure, Values
from gateway.ledger.live.reading import LiveCall, Mirrored

Kind = Literal["experiment", "canary", "weighted", "chosen", "prompt"]
Unit = Literal["call", "user", "key"]
CANARY, STABLE = "canary", "stable"
REFUSED = frozenset({"content_filter", "refusal", "safety", "SAFETY", "PROHIBITED_CONTENT", "guardrail_intervened"})
SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS
# Around the moment at which shares change, workers may not all have heard: those calls are in no difference.
BEFORE_NS, AFTER_NS = SECOND_NS, 2 * SECOND_NS


class Shares(msgspec.Struct, frozen=True):
    """What each arm's share was from a moment on (Unix nanoseconds)."""

    from_ns: int
    shares: Mapping[str, float]


class Moving(msgspec.Struct, frozen=True):
    """Shares that follow how calls go. `periods`: oldest first; `least`: of any arm."""

    periods: tuple[Shares, ...]
    least: float

    def at(self, at_ns: int) -> Mapping[str, float] | None:
        """What they were for a call that began then; None: they were changing, or nobody wrote them down yet."""
        last = bisect_right(self.periods, at_ns + BEFORE_NS, key=lambda one: one.from_ns) - 1
        if last < 0 or at_ns < self.periods[last].from_ns + AFTER_NS:
            return None
        return self.periods[last].shares


class Design(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    kind: `experiment`: records hold what the die chose; `canary`: which side a call was on; `weighted`: its first
        attempt tells; `prompt`: its version; `chosen`: by something else than a die.
    base: the arm that others are held against. arms: all that are compared, the base too.
    judged: whether differences may be judged. unit: whom an arm is chosen for. window_ns: see `units.py`.
    canary: of a canary its target. moving: None: shares do not follow how calls go.
    """

    kind: Kind
    base: str
    arms: tuple[str, ...]
    judged: bool = True
    unit: Unit = "call"
    window_ns: int = HOUR_NS
    canary: str = ""
    moving: Moving | None = None
    notes: tuple[str, ...] = ()

    @property
    def candidates(self) -> tuple[str, ...]:
        return tuple(one for one in self.arms if one != self.base)

    def arm_of(self, call: LiveCall) -> str:
        """The arm; empty: none that is compared, or nobody knows."""
        arm = arm_told(self.kind, call.variant, call.prompt_id, call.first_target)
        return arm if arm in self.arms else ""

    def unit_of(self, call: LiveCall) -> int | str | None:
        """Whom the die was thrown for; None: for this call alone."""
        if self.unit == "key":
            return f"key {call.key_id}"
        if self.unit == "user":
            if call.person:
                return call.person
            # As prompts do it: whoever is not named is what his run is.
            return call.run_id or None if self.kind == "prompt" else None
        return None

    def answered_itself(self, call: LiveCall, arm: str) -> bool:
        """Whether the arm's own target answered. One that was asked beside it, to be quicker, is its own affair."""
        if self.kind == "prompt" or call.served_role == "hedge":
            return True
        if self.kind == "canary":
            return not self.canary or (call.target == self.canary) is (arm == CANARY)
        return call.target == arm


def arm_told(kind: Kind, variant: str, prompt_id: str, first_target: str) -> str:
    """What a record's columns say of the arm."""
    if kind == "prompt":
        return prompt_id.rpartition("@")[2]
    if kind in ("experiment", "canary"):
        return variant
    return first_target


class Went(msgspec.Struct, frozen=True, gc=False):
    """How a call went, whatever it was. `cost_nano`: None without a known price. `own`: its arm answered it itself."""

    outcome: str
    finish_reason: str
    stream: int
    ttfb_us: int | None
    duration_us: int
    cost_nano: int | None
    own: bool = True


def went(call: LiveCall, *, own: bool) -> Went:
    cost = call.cost_nano if call.pricing == "priced" else None
    return Went(call.outcome, call.finish_reason, call.stream, call.ttfb_us, call.duration_us, cost, own)


def mirror_went(pair: Mirrored) -> tuple[Went, Went]:
    """The mirror's call, and the caller's own."""
    mirror_cost = pair.cost_nano if pair.pricing == "priced" else None
    own_cost = pair.own_cost_nano if pair.own_pricing == "priced" else None
    return (
        Went(pair.outcome, pair.finish_reason, pair.stream, pair.ttfb_us, pair.duration_us, mirror_cost),
        Went(pair.own_outcome, pair.own_finish_reason, pair.stream, pair.own_ttfb_us, pair.own_duration_us, own_cost),
    )


def values_of(call: Went, measures: Sequence[Measure]) -> Values:
    """What the call is worth; nothing by what people say of it."""
    return tuple(_value(call, one.field) for one in measures)


def rated_values(score: float, measures: Sequence[Measure], at: int) -> Values:
    """What was said of it, by the measure at that place."""
    low, high = measures[at].bounds
    return tuple(min(high, max(low, score)) if place == at else None for place in range(len(measures)))


def _value(call: Went, field: str) -> float | None:
    completed = call.outcome == "completed"
    if field in ("success", "error"):
        if call.outcome == "cancelled":
            return None
        return float((completed and call.own) is (field == "success"))
    if not completed:
        return None
    if field == "refusal":
        return float(call.finish_reason in REFUSED)
    if field == "latency":
        return call.duration_us / 1e6
    if field == "ttft":
        return None if call.ttfb_us is None or not call.stream else call.ttfb_us / 1e6
    return float(call.cost_nano) if field == "cost" and call.cost_nano is not None else None
