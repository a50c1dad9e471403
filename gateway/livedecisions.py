"""What follows from a comparison of live traffic: which arms get no more calls. Pure."""

from collections.abc import Collection

import msgspec

from gateway.compare.live.results import Live, LiveDifference
from gateway.compare.live.saying import guard_said
from gateway.core.experiment import ExperimentStop
from gateway.livetraffic import Question

KIND = "experiment.arm_stopped"


class Decision(msgspec.Struct, frozen=True):
    """An arm that is to get no more calls. `why`: `worse`, `guard`, or `lost` against one that was promoted."""

    arm: str
    why: str
    reason: str


def decisions(found: Live, stop: ExperimentStop, question: Question, live_arms: Collection[str]) -> list[Decision]:
    """What follows from a comparison; nothing of arms that get no calls any more."""
    made: list[Decision] = []
    live = [one for one in found.differences if one.other in live_arms]
    if stop.on_worse == "stop":
        made = [decision for one in live if (decision := _harm(one, question)) is not None]
    harmed = {one.arm for one in made}
    better = [one for one in live if one.word == "better" and not one.broken]
    if stop.on_better == "promote" and better and question.base in live_arms:
        best = max(better, key=_gain)
        others = [one for one in live_arms if one != best.other and one not in harmed]
        made += [Decision(one, "lost", best.said) for one in others]
    return made


def _gain(one: LiveDifference) -> float:
    assert one.interval is not None, "it is better"
    return abs(one.interval.estimate)


def _harm(one: LiveDifference, question: Question) -> Decision | None:
    by_name = {measure.name: measure for measure in question.measures}
    for guard in one.broken:
        return Decision(one.other, "guard", guard_said(guard, by_name[guard.metric]))
    return Decision(one.other, "worse", one.said) if one.word == "worse" else None
