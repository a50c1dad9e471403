"""An experiment as a route or a prompt declares it: what is compared, what must not get worse, what happens then."""

from typing import Annotated, Literal

import msgspec

# Below the folder of a run: what the parent made of experiments at its last look, for workers to show.
LOOKED = "experiments.json"

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


class Adaptive(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Arms get calls by how likely each is the best (Thompson), from the weights on.

    Attributes:
        floor: the least part of the calls that an arm gets. update_s: how often parts are changed.
    """

    floor: Annotated[float, msgspec.Meta(ge=0.02, le=0.5)] = 0.1
    update_s: Annotated[float, msgspec.Meta(ge=0.2, le=604_800)] = 300.0


class Experiment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The targets of a weighted route, or the versions that a label of a prompt stands on, held against each other
    while they serve. Of a route another `since` is another experiment: it begins anew, with every arm.

    Attributes:
        since: the moment from which calls are counted; of a label not before its last move.
        base: the target or the version that others are held against; left out: the heaviest, or the first of those.
        metric: `success`, `latency`, `ttft`, `cost`, `thumbs`, or a metric of feedback. margin: how much worse is no
            worse, in its unit; of times and costs as a part of the base's.
        alpha: the probability of any false claim, however often one looks.
        least: differences (two calls of either arm, or more) before anything is claimed of an arm.
        adaptive: of routes; left out: weights stay as they are.
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
    adaptive: Adaptive | None = None
    look_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 60.0
    settle_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 60.0
