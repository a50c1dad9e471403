"""Experiments simulated call by call through what `gateway compare live` and the automatic stop count with, looked at
after every `LOOK` calls: how often they claim what is not so, and how soon they find what is.

    python -m tests.compare.live_peeking [experiments]

prints the table of `gateway/compare/live/LIVE.md`.
"""

import random
import sys
from collections.abc import Callable, Iterator
from statistics import median

import msgspec

from gateway.compare.live.comparing import Comparison
from gateway.compare.live.measures import Measure, Values, measure_of
from gateway.compare.live.results import LiveDifference
from gateway.compare.live.units import Seen, Units
from gateway.compare.statistics.allocation import with_floor

LOOK = 25
SECOND = 1_000_000_000


class World(msgspec.Struct, frozen=True):
    """Attributes:
    share: of the candidate. fails, refuses: probabilities at the base; seconds: the median of its latency; spread: the
        deviation of its logarithm. worse_by: what the candidate fails more. slower: its latency, times the base's.
    drift: how much both fail more in the worse half of an hour. users: who stay with their arm, and are unlike each
        other; 0: each call is its own. steps: the share becomes ten times as large after half of the calls.
    """

    share: float = 0.5
    fails: float = 0.1
    refuses: float = 0.03
    seconds: float = 1.0
    spread: float = 0.8
    worse_by: float = 0.0
    slower: float = 1.0
    drift: float = 0.0
    users: int = 0
    steps: bool = False
    arms: int = 1


MEASURES: tuple[Measure, ...] = (
    measure_of("success", {}, 0.02, primary=True),
    measure_of("refusals", {}, 0.02, primary=False),
    measure_of("latency", {}, 0.2, primary=False),
    measure_of("cost", {}, 0.2, primary=False),
)


def calls(world: World, count: int, die: random.Random) -> Iterator[Seen]:
    """Of one experiment, in their order."""
    heavy = [die.random() for _ in range(world.users)]
    for number in range(count):
        share = min(1.0, world.share * (10 if world.steps and number > count / 2 else 1))
        unit = die.randrange(world.users) if world.users else None
        thrown = die.random() if unit is None else random.Random(f"{unit}").random()
        arm = "base" if thrown >= share else f"c{int(thrown / share * world.arms)}"
        times = None if unit is None else 4.0 if heavy[unit] < 0.25 else 0.0
        yield Seen(arm, unit, number * SECOND, call(world, arm, number, die, times))


def call(world: World, arm: str, number: int, die: random.Random, times: float | None = None) -> Values:
    """What a call is worth by `MEASURES`; `times`: how often this user's fail, as a multiple."""
    fails = world.fails + (world.drift if number // 200 % 2 else 0.0)
    fails = min(1.0, fails if times is None else times * fails)
    if arm == "c0":
        fails = min(1.0, fails + world.worse_by)
    failed = die.random() < fails
    slower = world.slower if arm == "c0" else 1.0
    took = slower * world.seconds * die.lognormvariate(0.0, world.spread)
    refused = float(die.random() < world.refuses)
    return (0.0, 0.0, None, None) if failed else (1.0, refused, took, 1e6 * die.lognormvariate(0.0, 0.5))


def claims(found: LiveDifference) -> list[str]:
    """What is claimed of an arm: guards that it breaks, and that it is better or worse."""
    words = [found.word] if found.word in ("better", "worse") else []
    return [*(f"guard {one.metric}" for one in found.broken), *words]


class Ended(msgspec.Struct, frozen=True):
    """`at`: after how many calls something was claimed; None: never. `claim`: a word, or `guard NAME`."""

    at: int | None
    claim: str = ""


def run(world: World, count: int, seed: int, stops: Callable[[str], bool] = lambda claim: True) -> Ended:
    """One experiment, looked at until something is claimed that stops it."""
    comparison = Comparison(MEASURES, "base", [f"c{at}" for at in range(world.arms)])
    units = Units(300 * SECOND)
    for number, seen in enumerate(calls(world, count, random.Random(seed)), 1):
        for one in units.add(seen):
            comparison.see(one.arm, one.values)
        if number % LOOK == 0:
            for found in comparison.differences():
                if (claim := next(filter(stops, claims(found)), None)) is not None:
                    return Ended(number, claim)
    return Ended(None)


def run_adaptive(
    world: World, count: int, seed: int, floor: float = 0.1, stops: Callable[[str], bool] = lambda claim: True
) -> Ended:
    """The same where every arm's share follows how likely it is the best, anew after every 200 calls."""
    die = random.Random(seed)
    names = ["base", *(f"c{at}" for at in range(world.arms))]
    comparison = Comparison(MEASURES, "base", names[1:], least_share=floor)
    shares = {name: 1.0 / len(names) for name in names}
    for number in range(1, count + 1):
        arm = die.choices(names, [shares[name] for name in names])[0]
        comparison.see_weighted(arm, call(world, arm, number, die), shares)
        if number % 200 == 0:
            best = comparison.best(names)
            shares = dict(zip(names, with_floor([best[name] for name in names], floor), strict=True))
        if number % LOOK == 0:
            for found in comparison.differences():
                if (claim := next(filter(stops, claims(found)), None)) is not None:
                    return Ended(number, claim)
    return Ended(None)


NULLS = {
    "half of the calls": World(),
    "a tenth of the calls": World(share=0.1),
    "busy hours in which more fails": World(share=0.3, drift=0.3),
    "a canary whose share grows tenfold": World(share=0.05, drift=0.3, steps=True),
    "users who stay, unlike each other": World(users=300),
    "three arms": World(share=0.75, arms=3),
    "hardly anything fails": World(fails=0.01),
    "latency with a long tail": World(spread=1.5),
}
WORSE = {
    "10 points more fail, half of the calls": World(worse_by=0.1),
    "10 points more fail, a tenth of the calls": World(worse_by=0.1, share=0.1),
    "5 points more fail, half of the calls": World(worse_by=0.05),
    "half as slow again, half of the calls": World(slower=1.5),
}
ADAPTIVE = {"shares that follow": World(), "and busy hours": World(drift=0.3), "and four arms": World(arms=3)}
CALLS = 2_000


def false_alarms(world: World, experiments: int, count: int = CALLS) -> int:
    return sum(run(world, count, seed).at is not None for seed in range(experiments))


def found_after(world: World, experiments: int, count: int = 6_000) -> list[int]:
    """Calls of both arms until the automatic stop, of those that it stopped."""
    ended = [run(world, count, seed, lambda claim: claim != "better").at for seed in range(experiments)]
    return sorted(at for at in ended if at is not None)


def adaptive_false_alarms(world: World, experiments: int, count: int = CALLS) -> int:
    return sum(run_adaptive(world, count, seed).at is not None for seed in range(experiments))


if __name__ == "__main__":
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    for name, world in NULLS.items():
        print(f"| {name} | {100 * false_alarms(world, many) / many:.1f} % |", flush=True)
    for name, world in ADAPTIVE.items():
        print(f"| {name} | {100 * adaptive_false_alarms(world, many) / many:.1f} % |", flush=True)
    for name, world in WORSE.items():
        found = found_after(world, many // 5)
        most = found[int(0.9 * (many // 5)) - 1] if len(found) >= 0.9 * (many // 5) else None
        print(f"| {name} | {100 * len(found) / (many // 5):.0f} % | {median(found)} | {most} |", flush=True)
