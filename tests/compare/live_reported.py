"""What live traffic of known quality says, counted call by call by what `gateway compare live` counts with, for reports."""

import random
from collections.abc import Mapping, Sequence

import msgspec

from gateway.compare.live.comparing import LEAST, Comparison
from gateway.compare.live.designs import Went, values_of
from gateway.compare.live.measures import Measure, measure_of
from gateway.compare.live.results import Live
from gateway.compare.live.tallying import Tally

GUARDS = ("error_rate", "latency", "cost")
SINCE = 1_793_500_000.0
NOTES = ("callers whom policy lets use only some of the targets count as others do",)


class Arm(msgspec.Struct, frozen=True):
    """Probabilities that a call fails, and that a person likes an answer; `slower`: times the usual latency."""

    fails: float = 0.05
    likes: float = 0.8
    slower: float = 1.0


def measures_of(metric: str = "success", guards: Sequence[str] = GUARDS) -> tuple[Measure, ...]:
    primary = measure_of(metric, {}, None, primary=True)
    return (primary, *(measure_of(one, {}, None, primary=False) for one in guards if one != metric))


def live_of(
    arms: Mapping[str, Arm], count: int, measures: Sequence[Measure], *, judged: bool = True, seed: int = 1
) -> Live:
    """The first arm is the base."""
    die = random.Random(seed)
    names = list(arms)
    comparison = Comparison(measures, names[0], names[1:], judged=judged)
    tallies = {name: Tally() for name in names}
    for _ in range(count):
        name = die.choice(names)
        arm = arms[name]
        took = int(9e5 * arm.slower * die.lognormvariate(0.0, 0.4))
        failed = die.random() < arm.fails
        call = Went(
            outcome="failed" if failed else "completed", finish_reason="stop", stream=1, ttfb_us=took // 4,
            duration_us=took, cost_nano=None if failed else int(2e6 * die.lognormvariate(0.0, 0.3)),
        )  # fmt: skip
        tallies[name].add(call)
        if not failed:
            tallies[name].used(410, 95)
            tallies[name].say(float(die.random() < arm.likes))
        comparison.see(name, values_of(call, measures))
    return Live(
        route="fast", prompt="", metric=measures[0].name, unit="call", since=SINCE, until=SINCE + 259_200, level=0.95,
        least=LEAST, arms=tuple(one.arm(name, comparison.mean_of(name)) for name, one in tallies.items()),
        differences=comparison.differences(), uncounted={"answered from the cache": 12}, notes=NOTES, currency="EUR",
    )  # fmt: skip


def stopped(found: Live, name: str, why: str) -> Live:
    """The same where an experiment has taken that arm out."""
    left = len(found.arms) - 1
    arms = tuple(
        msgspec.structs.replace(one, stopped=why, share=0.0)
        if one.arm == name
        else msgspec.structs.replace(one, share=1.0 / left)
        for one in found.arms
    )
    return msgspec.structs.replace(found, arms=arms, best={one.arm: float(one.arm != name) / left for one in arms})


FOUR = {
    "openai/gpt-4o-mini": Arm(),
    "groq/llama-3.3-70b-versatile": Arm(fails=0.3, slower=1.5),
    "mistral/small": Arm(fails=0.05),
    "anthropic/claude-haiku": Arm(fails=0.0),
}
