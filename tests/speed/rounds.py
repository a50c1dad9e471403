"""Contestants take turns: A B C, A B C, …, under each load in each round, so that a drift of the machine hits all."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import median

import msgspec

from tests.speed.child import BenchError, Child
from tests.speed.contestants import Contestant, Ground
from tests.speed.cores import Placement
from tests.speed.driving import Instrument, Sample, measure
from tests.speed.figures import Figures, Memory, summarise
from tests.speed.gateway_contestant import Evidence
from tests.speed.http_reading import Malformed
from tests.speed.probing import FirstEvent, answers_with, gated_stream
from tests.speed.proc import process_tree, rss_mib
from tests.speed.scenarios import SCENARIOS

Say = Callable[[str], None]


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """How long a run takes: `seconds` for each load of each contestant in each round; `quiet_s` see Instrument."""

    rounds: int
    seconds: float
    quiet_s: float
    cold_starts: int
    gated_streams: int
    wrk: bool
    warm_up: bool


class Outcome(msgspec.Struct, frozen=True):
    """Figures by contestant; how many right answers the gateway gave, and what it has to show for them; and which
    rivals did not start, with the reason."""

    figures: dict[str, Figures]
    gateway_answers: int
    evidence: Evidence | None
    left_out: dict[str, str] = {}


class Field:
    """The contestants of one run, and what was found about them so far."""

    def __init__(self, ground: Ground, placement: Placement, effort: Effort, say: Say) -> None:
        self._ground = ground
        self._placement = placement
        self._effort = effort
        self._say = say
        self._by = Instrument(ground.mock_port, effort.seconds, effort.quiet_s, ground.folder if effort.wrk else None)
        self._samples: dict[tuple[str, str], list[Sample]] = defaultdict(list)
        self._left_out: dict[str, str] = {}
        self._streams: dict[str, list[FirstEvent]] = defaultdict(list)

    def _child(self, contestant: Contestant) -> Child:
        log = self._ground.folder / f"{contestant.name}.log"
        return Child(contestant.name, contestant.argv, self._placement.contestants, log)

    def _cold_starts(self, contestants: Sequence[Contestant]) -> dict[str, float]:
        """Median seconds from a process's start to its first 200 of an authenticated call."""
        took: dict[str, list[float]] = defaultdict(list)
        for _ in range(self._effort.cold_starts):
            for contestant in contestants:
                if not contestant.argv or contestant.name in self._left_out:
                    continue
                try:
                    with self._child(contestant) as child:
                        seconds = _wait_for_first_answer(child, contestant)
                except BenchError as error:
                    if not contestant.rival:
                        raise
                    what, *words = str(error).splitlines()
                    self._left_out[contestant.name] = " ".join([what, *words[-1:]])
                else:
                    took[contestant.name].append(seconds)
        return {name: median(values) for name, values in took.items()}

    async def run(self, contestants: Sequence[Contestant]) -> Outcome:
        """The whole run, in order: cold starts, idle memory, rounds, memory again, proof."""
        effort = self._effort
        self._say(f"{effort.cold_starts} cold starts of each")
        cold = self._cold_starts(contestants)
        contestants = [one for one in contestants if one.name not in self._left_out]
        with ExitStack() as stack:
            children = {one.name: stack.enter_context(self._child(one)) for one in contestants if one.argv}
            for contestant in contestants:
                if contestant.argv:
                    _wait_for_first_answer(children[contestant.name], contestant)
            await asyncio.sleep(0.5)
            idle = {name: memory_of(child.pid) for name, child in children.items()}
            if effort.warm_up:
                self._say("warm-up")
                await self._warm_up(contestants)
            for number in range(effort.rounds):
                self._say(f"round {number + 1} of {effort.rounds}")
                await self._round(contestants, {name: child.pid for name, child in children.items()})
            loaded = {name: memory_of(child.pid) for name, child in children.items()}
            evidence = await asyncio.to_thread(self._evidence, contestants)
        figures = [self._figures(one.name, cold, idle, loaded) for one in contestants]
        by_name = {found.name: found for found in figures}
        return Outcome(by_name, self._answers_of("gateway"), evidence, self._left_out)

    async def _warm_up(self, contestants: Sequence[Contestant]) -> None:
        """Everything once before it counts: caches fill, connections open, memory grows to what it will be."""
        for scenario in SCENARIOS:
            for contestant in contestants:
                await measure(contestant, None, scenario, self._by)

    async def _round(self, contestants: Sequence[Contestant], pids: dict[str, int]) -> None:
        for contestant in contestants:
            for _ in range(self._effort.gated_streams):
                await self._gated(contestant)
        for scenario in SCENARIOS:
            for contestant in contestants:
                sample = await measure(contestant, pids.get(contestant.name), scenario, self._by)
                self._samples[contestant.name, scenario.name].append(sample)

    async def _gated(self, contestant: Contestant) -> None:
        request, ending = contestant.request("gated"), contestant.dialect.ending
        try:
            found = await gated_stream(contestant.port, request, ending, self._ground.mock_port)
        except (OSError, Malformed) as error:
            if not contestant.rival:
                raise BenchError(f"{contestant.name} gave no whole stream: {error}") from None
        else:
            self._streams[contestant.name].append(found)

    def _answers_of(self, name: str) -> int:
        loads = sum(sample.answers for (who, _), found in self._samples.items() if who == name for sample in found)
        return loads + len(self._streams[name])

    def _evidence(self, contestants: Sequence[Contestant]) -> Evidence | None:
        for contestant in contestants:
            if contestant.gateway is not None:
                return contestant.gateway.evidence(self._answers_of(contestant.name))
        return None

    def _figures(
        self, name: str, cold: dict[str, float], idle: dict[str, Memory], loaded: dict[str, Memory]
    ) -> Figures:
        streams = self._streams[name]
        delays = [delay for stream in streams for delay in stream.delays_us]
        loads = {
            scenario.name: summarise(
                self._samples[name, scenario.name],
                self._samples["direct", scenario.name] if name != "direct" else None,
            )
            for scenario in SCENARIOS
        }
        return Figures(
            name=name,
            loads=loads,
            first_event_us=median(delays) if delays else 0.0,
            gated_streams=len(streams),
            held_back=sum(stream.held_back for stream in streams),
            cold_start_s=cold.get(name),
            idle=idle.get(name),
            loaded=loaded.get(name),
        )


def memory_of(pid: int) -> Memory:
    parent, *workers = process_tree(pid)
    return Memory(rss_mib(parent), tuple(rss_mib(worker) for worker in workers))


def _wait_for_first_answer(child: Child, contestant: Contestant) -> float:
    """Seconds from the process's start to a 200."""
    return child.wait_until(lambda: answers_with(contestant.port, contestant.request("plain")))
