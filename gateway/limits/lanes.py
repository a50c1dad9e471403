"""The bounds on a call with the counters of this process that count them."""

from collections.abc import Sequence
from math import ceil

import msgspec

from gateway.limits.bounds import PLACES, Amounts, Bound, Level, Refusal
from gateway.limits.windows import Counted


class Counter:
    """The state of one bound. `born`, `touched`: by the counters' time."""

    __slots__ = ("born", "counted", "touched")

    def __init__(self, counted: Counted, now: float) -> None:
        self.counted = counted
        self.born = self.touched = now


# A bound, its maximum, what its counter has counted, and which of a need's amounts that counts.
Lane = tuple[Bound, int, Counted, int]


class Lanes:
    """Those of `bounds`, in their order, with their `counters`. `by_place`: the same, by which of a need's amounts they
    count, as far as every call looks at them. `ends`: before that none of them needs to `roll`. `touched`: the last
    time that a call was counted here; its counters hear of it when these are forgotten."""

    __slots__ = ("all", "bounds", "by_place", "counters", "ends", "touched")

    def __init__(self, bounds: Sequence[Bound], counters: Sequence[Counter], now: float) -> None:
        self.bounds = bounds
        self.counters = counters
        self.all: Sequence[Lane] = [
            (bound, bound.maximum, counter.counted, PLACES[bound.dimension])
            for bound, counter in zip(bounds, counters, strict=True)
        ]
        by_place: dict[int, list[tuple[int, Counted]]] = {}
        for _, most, here, of in self.all:
            by_place.setdefault(of, []).append((most, here))
        self.by_place = list(by_place.items())
        self.ends = min((here.ends for _, _, here, _ in self.all), default=float("inf"))
        self.touched = now


def weightier(one: Refusal | None, other: Refusal) -> Refusal:
    """Of two refusals the one to tell: of a limit that refuses before one that only keeps waiting, then the one that
    holds longest. Who is told of the other would come back too early."""
    if one is None:
        return other
    return max(one, other, key=lambda refusal: (refusal.bound.on_exceeded != "queue", refusal.retry_after_s))


def exceeded_by(lanes: Lanes, amounts: Amounts, now: float) -> Refusal | Sequence[Bound]:
    """What is to be told of a call that was counted and for which there is no room: the refusal, and then it counts
    nowhere any more; or, where those limits only warn, which they are."""
    for _, _, here, of in lanes.all:
        here.whole -= amounts[of]
    warned: list[Bound] = []
    refused: Refusal | None = None
    for bound, most, here, of in lanes.all:
        amount, used = amounts[of], ceil(here.used(now))
        if not amount or used + amount <= most:
            continue
        if bound.on_exceeded == "warn":
            warned.append(bound)
        else:
            refused = weightier(refused, Refusal(bound, used, here.wait_s(now, amount, most)))
    if refused is not None:
        return msgspec.structs.replace(refused, levels=levels_of(lanes.all, now))
    for _, _, here, of in lanes.all:
        here.whole += amounts[of]
    return warned


def levels_of(lanes: Sequence[Lane], now: float) -> Sequence[Level]:
    """As they are."""
    return [Level(bound, ceil(here.used(now)), here.reset_s(now)) for bound, _, here, _ in lanes]
