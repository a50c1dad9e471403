"""How much of a route's traffic a new target has at a moment, and when it has had enough: decisions without a clock.

state        event                                               next         its part of the calls
waiting      `since` comes                                       stepping     none
stepping     a step is over (`step_s`)                           stepping     the step's
stepping     it does worse, over `min_calls` or more             rolled_back  the step's
stepping     the last step is over                               done         the step's
done         –                                                   –            the last step's
rolled_back  –                                                   –            none

A canary with another `since` or target is another canary: it begins anew. One that is done is not judged any more: then
it is a target like others, for `ejection` and fallbacks to look after.

Worse: more than `max_error_rate` of its calls failed, and more than twice the part of the others'; or its median time
to the first token is more than `max_latency_ratio` times theirs. Both sides are counted over the last `step_s`.
"""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Literal

import msgspec

from gateway.core.days import begins
from gateway.router.document import Canary
from gateway.stores.files import digest

State = Literal["waiting", "stepping", "done", "rolled_back"]
Variant = Literal["canary", "stable"]
AS_BAD = 2.0
# Two targets that both answer at once are as quick as each other.
LEAST_S = 0.001


class Rollout(msgspec.Struct, frozen=True):
    """A route's canary. `id`: of this very canary, a file's name; `from_s`: Unix seconds of its first step."""

    id: str
    route: str
    canary: Canary
    from_s: float


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What was seen of one attempt.

    Attributes:
        at: monotonic seconds. failed: None: it was not let finish, so that nobody knows.
        wait_s: time to the first token; None if there was none. at_least: it would have been longer.
    """

    at: float
    failed: bool | None = None
    wait_s: float | None = None
    at_least: bool = False


class Side(msgspec.Struct, frozen=True):
    """One side of the comparison. `timed`: how many of its calls `median_s` is of."""

    calls: int = 0
    failed: int = 0
    timed: int = 0
    median_s: float = 0.0

    @property
    def error_rate(self) -> float:
        return self.failed / self.calls if self.calls else 0.0


def rollout_of(route: str, canary: Canary) -> Rollout:
    """Raises:
    ValueError: its `since` is no moment.
    """
    words = (route, canary.target, canary.since)
    return Rollout(digest(*(word.encode() for word in words)), route, canary, begins(canary.since))


def state_at(rollout: Rollout, now: float, *, rolled_back: bool) -> State:
    """`now`: Unix seconds."""
    if rolled_back:
        return "rolled_back"
    if now < rollout.from_s:
        return "waiting"
    canary = rollout.canary
    return "stepping" if now < rollout.from_s + canary.step_s * len(canary.steps) else "done"


def share_at(rollout: Rollout, now: float, *, rolled_back: bool) -> float:
    """The canary's part of the calls, 0 to 1."""
    if rolled_back or now < rollout.from_s:
        return 0.0
    steps = rollout.canary.steps
    return steps[min(len(steps) - 1, int((now - rollout.from_s) / rollout.canary.step_s))]


def added_up(seen: Iterable[Seen], since: float) -> Side:
    """One side's figures since then. Of a call that nobody waited for any longer it is known only that it would have
    taken longer: it counts where that makes the side slower."""
    lately = [one for one in seen if one.at >= since]
    waits = [one.wait_s for one in lately if one.wait_s is not None and not one.at_least]
    middle = median(waits) if waits else 0.0
    waits += [one.wait_s for one in lately if one.at_least and one.wait_s is not None and one.wait_s > middle]
    known = [one.failed for one in lately if one.failed is not None]
    return Side(len(known), sum(known), len(waits), median(waits) if waits else 0.0)


def what_is_worse(canary: Canary, new: Side, old: Side) -> str:
    """Why the canary is to be rolled back; empty: it is not. `old`: of the route's other targets."""
    if new.calls >= canary.min_calls:
        rate = new.error_rate
        if rate > canary.max_error_rate and rate > AS_BAD * old.error_rate:
            theirs = f"{_percent(old.error_rate)} of the others' {old.calls}"
            return f"{_percent(rate)} of its {new.calls} calls failed, {theirs}"
    if min(new.timed, old.timed) >= canary.min_calls:
        ratio = new.median_s / max(old.median_s, LEAST_S)
        if ratio > canary.max_latency_ratio:
            return f"its first token takes {_ms(new.median_s)}, that of the others {_ms(old.median_s)} (medians)"
    return ""


def shown(rollout: Rollout, state: State, share: float, sides: Sequence[Side]) -> dict[str, object]:
    """As operators see it; `sides`: canary and others."""
    new, old = (
        {"calls": one.calls, "failed": one.failed, "first_token_ms": round(one.median_s * 1000)} for one in sides
    )
    canary = rollout.canary
    told = {"target": canary.target, "since": canary.since, "state": state, "share": share}
    return {"route": rollout.route, **told, "canary": new, "stable": old}


def _percent(rate: float) -> str:
    return f"{rate * 100:.3g} %"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.4g} ms"
