"""A route's experiment: the die that gives each call one of its targets, and says which on the record.

What it chose stands on the record as `variant`, `provider/model`, also if another target answers in the end because
that one is busy, broken or fails. A call that policy or a condition keeps from one of the arms is none of the
experiment's, and its record has no variant.

An arm that was stopped gets no calls any more, not as a last resort either, unless no other can be used. One that only
lost against an arm that was promoted stays the last resort.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec

from gateway.core.days import begins
from gateway.core.model import Permit
from gateway.stores.files import digest

Allowed = Annotated[float, msgspec.Meta(ge=0, lt=10)]
Rate = Annotated[float, msgspec.Meta(ge=0, lt=1)]


class ExperimentGuards(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What must not get worse, and by how much more it may: shares of calls for `error_rate` and `refusals`; of the
    others a part of what the base takes, 0.2 a fifth. Left out: it is not looked at."""

    error_rate: Rate | None = None
    refusals: Rate | None = None
    latency: Allowed | None = None
    ttft: Allowed | None = None
    cost: Allowed | None = None

    @property
    def named(self) -> tuple[tuple[str, float], ...]:
        given = msgspec.structs.asdict(self)
        return tuple((name, allowed) for name, allowed in given.items() if allowed is not None)


class ExperimentStop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    on_worse: `stop`: an arm that is surely worse, or breaks a guard, gets no more calls; `tell`: that is only told.
    on_better: `promote`: an arm that is surely better gets all calls; `hold`: the split stays as it is.
    """

    on_worse: Literal["stop", "tell"] = "stop"
    on_better: Literal["hold", "promote"] = "hold"


class Experiment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The targets of a weighted route held against each other while it runs. Another `since` is another experiment: it
    begins anew, with every arm.

    Attributes:
        since: the moment from which calls are counted.
        base: the target that the others are held against; left out: the heaviest, or the first of those.
        metric: `success`, `latency`, `ttft`, `cost`, `thumbs`, or a metric of feedback. margin: how much worse is no
            worse, in its unit; of times and costs as a part of the base's.
        alpha: the probability of any false claim, however often one looks.
        least: differences (two calls of either arm, or more) before anything is claimed of an arm.
        look_s: how often it is looked at. settle_s: calls that began later than so long ago are left for the next look.
    """

    since: str
    base: str = ""
    metric: str = "success"
    margin: Annotated[float, msgspec.Meta(ge=0)] | None = None
    guards: ExperimentGuards = ExperimentGuards(error_rate=0.02)
    alpha: Annotated[float, msgspec.Meta(gt=0, le=0.5)] = 0.05
    least: Annotated[int, msgspec.Meta(ge=2, le=1_000_000)] = 25
    stop: ExperimentStop = ExperimentStop()
    look_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 60.0
    settle_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 60.0


class Running(msgspec.Struct, frozen=True):
    """A route's experiment, checked. `id`: of this very one. `arms`: its targets and their weights. `ids`: what each
    arm is called in the folder of what was stopped. `from_s`: Unix seconds."""

    id: str
    route: str
    experiment: Experiment
    base: str
    arms: Mapping[str, float]
    ids: Mapping[str, str]
    from_s: float


class Drawn(tuple[Permit, ...]):
    """A plan whose first choice a die made among all arms. `arm`: what it chose."""

    arm: str = ""


def running_of(route: str, experiment: Experiment, base: str, arms: Mapping[str, float]) -> Running:
    """Raises:
    ValueError: its `since` is no moment.
    """
    words = [route.encode(), b"experiment", experiment.since.encode()]
    ids = {place: digest(*words, place.encode()) for place in arms}
    return Running(digest(*words), route, experiment, base, arms, ids, begins(experiment.since))


def shares_of(running: Running, over: Mapping[str, object], now: float) -> dict[str, float]:
    """Each arm's part of the calls now, 0 to 1. `over`: ids of what was stopped."""
    weights = {place: 0.0 if running.ids[place] in over else weight for place, weight in running.arms.items()}
    total = sum(weights.values())
    if now < running.from_s or not total:
        total = sum(running.arms.values())
        return {place: weight / total for place, weight in running.arms.items()}
    return {place: weight / total for place, weight in weights.items()}


def drawn(shares: Mapping[str, float], thrown: float) -> str:
    """The arm that a number from 0 to below 1 stands for."""
    open_to_all = [(place, share) for place, share in shares.items() if share > 0]
    for place, share in open_to_all:
        thrown -= share
        if thrown < 0:
            return place
    return open_to_all[-1][0]


def planned(first: str, ordered: Sequence[Permit], *, usable: bool) -> Drawn:
    """The plan of a call that the die gave to this arm: it is first, or, while it is not to be used, last."""
    own = [one for one in ordered if one.model.place == first]
    others = [one for one in ordered if one.model.place != first]
    plan = Drawn((*own, *others) if usable else (*others, *own))
    plan.arm = first
    return plan
