"""Quality, cost and latency of several arms at once: which are worth having.

An arm is dominated if another is as good on every axis and better on one (Pareto). Figures are estimates; so what is
*dominated*, beyond doubt, is told apart from what only looks so:

    dominated           another is, for sure, not worse by the margin or more on any axis, and better on one
    perhaps_dominated   another's estimates are as good or better on every axis, and that is all one knows
    efficient           neither
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from gateway.compare.statistics.errors import BadArgument
from gateway.compare.statistics.interval import Interval

Place = Literal["efficient", "perhaps_dominated", "dominated"]
Axis = Literal["quality", "cost", "latency"]
# Paired differences in quality, candidate minus baseline, by the names of both.
Differences = Mapping[tuple[str, str], Interval]


class Arm(msgspec.Struct, frozen=True):
    """`quality`: the more the better; `cost`, `latency`: the less. Each axis in one unit for all arms. An axis that an
    arm does not have is not compared."""

    name: str
    quality: Interval
    cost: Interval
    latency: Interval | None = None


class Margins(msgspec.Struct, frozen=True):
    """The least differences that matter, in the units of the axes."""

    quality: float = 0.0
    cost: float = 0.0
    latency: float = 0.0


class Standing(msgspec.Struct, frozen=True):
    """`by`: the arms that dominate it, or perhaps do; `better_on`: the axes on which the first of them is surely so."""

    arm: str
    place: Place
    by: tuple[str, ...] = ()
    better_on: tuple[Axis, ...] = ()


def frontier(
    arms: Sequence[Arm], margins: Margins | None = None, differences: Differences | None = None
) -> tuple[Standing, ...]:
    """Where each arm stands, in the order given.

    Args:
        differences: of quality, paired, for as many pairs as there are: they are narrower than what the arms' own
            intervals imply, which is taken for the others.
    """
    names = [arm.name for arm in arms]
    if len(set(names)) < len(names):
        raise BadArgument("arms", "must have names of their own")
    margins, differences = margins or Margins(), differences or {}
    standings: list[Standing] = []
    for arm in arms:
        others = {other.name: _advantages(other, arm, differences) for other in arms if other is not arm}
        surely = [name for name, axes in others.items() if _surely(axes, margins)]
        perhaps = [name for name, axes in others.items() if _perhaps(axes)]
        if surely:
            standings.append(Standing(arm.name, "dominated", tuple(surely), _better(others[surely[0]])))
        elif perhaps:
            standings.append(Standing(arm.name, "perhaps_dominated", tuple(perhaps), _better(others[perhaps[0]])))
        else:
            standings.append(Standing(arm.name, "efficient"))
    return tuple(standings)


def cheapest_not_worse(
    arms: Sequence[Arm], baseline: str, margin: float, differences: Differences | None = None
) -> Arm:
    """The cheapest arm whose quality is surely not worse than the baseline's by the margin or more; the baseline itself
    if there is none cheaper."""
    own = next((arm for arm in arms if arm.name == baseline), None)
    if own is None:
        raise BadArgument("baseline", f"there is no arm {baseline!r}: there are {', '.join(arm.name for arm in arms)}")
    fit = [arm for arm in arms if arm is own or _quality(arm, own, differences or {}).low > -margin]
    return min(fit, key=lambda arm: (arm.cost.estimate, arm is not own))


def independent_difference(one: Interval, other: Interval) -> Interval:
    """One minus the other, of figures from different cases, with the limits that their own imply (Newcombe 1998,
    method 10; Zou & Donner 2008)."""
    if one.level != other.level:
        raise BadArgument("other", f"must have the same level: {one.level:g} and {other.level:g}")
    apart = one.estimate - other.estimate
    low = apart - math.hypot(one.estimate - one.low, other.high - other.estimate)
    high = apart + math.hypot(one.high - one.estimate, other.estimate - other.low)
    return Interval(apart, low, high, one.level, "mover", min(one.n, other.n))


def _advantages(one: Arm, other: Arm, differences: Differences) -> dict[Axis, Interval]:
    """On each axis, how much better the one is than the other."""
    axes: dict[Axis, Interval] = {"quality": _quality(one, other, differences)}
    axes["cost"] = independent_difference(other.cost, one.cost)
    if one.latency is not None and other.latency is not None:
        axes["latency"] = independent_difference(other.latency, one.latency)
    return axes


def _quality(one: Arm, other: Arm, differences: Differences) -> Interval:
    found = differences.get((one.name, other.name))
    if found is not None:
        return found
    turned = differences.get((other.name, one.name))
    if turned is not None:
        return msgspec.structs.replace(turned, estimate=-turned.estimate, low=-turned.high, high=-turned.low)
    return independent_difference(one.quality, other.quality)


def _surely(axes: Mapping[Axis, Interval], margins: Margins) -> bool:
    as_good = all(_not_worse(found, getattr(margins, axis)) for axis, found in axes.items())
    return as_good and any(found.low > 0.0 for found in axes.values())


def _not_worse(found: Interval, margin: float) -> bool:
    # A figure known exactly, a price from a list, may be the same.
    return found.low > -margin or found.low == found.high == 0.0


def _better(axes: Mapping[Axis, Interval]) -> tuple[Axis, ...]:
    return tuple(axis for axis, found in axes.items() if found.low > 0.0)


def _perhaps(axes: Mapping[Axis, Interval]) -> bool:
    return all(found.estimate >= 0.0 for found in axes.values()) and any(
        found.estimate > 0.0 for found in axes.values()
    )
