"""A tuning from end to end: the start is asked, other versions are searched for, and the best of them stands against
the start on cases that the search has never seen."""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from gateway.compare.cases import Case, Suite
from gateway.compare.running.finding import Aims, Found, results_of
from gateway.compare.running.purse import Purse
from gateway.compare.running.results import Results
from gateway.compare.running.scoring import Scoring
from gateway.compare.running.standing import standings
from gateway.compare.running.suites import Means, take_up
from gateway.compare.tuning import bootstrapping, reflective
from gateway.compare.tuning.evaluating import Asking, Ended, Evaluator, Unasked
from gateway.compare.tuning.parts import FEW_HELD, Parts
from gateway.compare.tuning.reflecting import Reflector, Refusal
from gateway.compare.tuning.trying import Tried, Tries
from gateway.compare.tuning.workshop import Candidate, Workshop

Method = Literal["reflect", "few-shot", "both"]
INTERRUPTED = "interrupted"
NOTHING_LEFT = "the ceiling leaves nothing for a search: what asking the held-out cases again costs is put aside"


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done.

    Attributes:
        id: of the run. rounds: proposals asked for, and sets of examples tried, at most. most_examples: in one set.
        reflect_model: who proposes. ceiling_nano: the most that all of it may cost, with earlier parts.
        aims: of the comparison at the end. asking: how cases are asked.
    """

    id: str
    suite: Suite
    parts: Parts
    method: Method
    rounds: int
    most_examples: int
    seed: int
    reflect_model: str
    ceiling_nano: int | None
    aims: Aims
    asking: Asking


class Tuned(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        tried: all candidates that were asked the cases that score, the start first. refusals: proposals that were none.
        best: what was better than the start by the cases that score; None: nothing was.
        scored, held: the start and the best on those cases; None: there is nothing to compare, or it was not asked.
        ended: why the search ended; stopped: why all of it did, before its end.
        spent_nano: with all earlier parts. calls, reflections: questions to candidates, and to the model that proposes.
    """

    tried: tuple[Tried, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    best: Candidate | None = None
    scored: Results | None = None
    held: Results | None = None
    ended: str = ""
    stopped: str = ""
    spent_nano: int = 0
    calls: int = 0
    reflections: int = 0

    @property
    def proven(self) -> bool:
        """The held-out cases call it better, and nothing that the suite wants kept is broken."""
        if self.held is None or self.held.stopped or not self.held.judgements:
            return False
        judgement = self.held.judgements[0]
        return judgement.word == "better" and judgement.gate == "passed"


class Tuner:
    """`await Tuner(…).run()`.

    Args:
        told: hears each candidate that was tried, and whether it is the best so far.
    """

    def __init__(
        self,
        workshop: Workshop,
        tuning: Tuning,
        means: Means,
        told: Callable[[Tried, bool], None] = lambda _, __: None,
    ) -> None:
        self._workshop, self._tuning, self._means = workshop, tuning, means
        parts, suite = tuning.parts, tuning.suite
        cases = [*parts.shown, *parts.scored, *parts.held]
        judges = standings(list(suite.judges.values()), (), tuning.aims.declared, ())
        scoring = Scoring(
            cases={case.id: case for case in cases},
            calibrated={one.judge for one in judges if one.calibrated},
            exclude_errors=tuning.aims.exclude_errors,
        )
        purse = Purse(tuning.ceiling_nano)
        if means.journal is not None:
            take_up(means.journal, purse)
        self._evaluator = Evaluator(means, cases, scoring, tuning.asking, purse)
        self._tries = Tries(self._evaluator, parts.scored, told)
        self._reflector = Reflector(workshop, self._evaluator, tuning.reflect_model)
        self._interrupted = False

    def interrupt(self) -> None:
        """End the search with the best so far; that is still asked the held-out cases."""
        self._interrupted = True
        self._evaluator.purse.close()

    async def run(self) -> Tuned:
        """Raises:
        Unasked: the model that proposes does not answer. ValueError: a case cannot be asked of the prompt.
        MissingExtra: gepa is not installed.
        """
        start = self._workshop.start
        try:
            held = await self._evaluator.ask(start, self._tuning.parts.held, search=False)
            costs = [trial.sample.cost_nano or 0 for trial in held if trial.sample is not None]
            self._put_aside(max(costs, default=0) * len(held))
            await self._tries.score(start)
            ended = await self._search()
        except Ended as error:
            ended = str(error)
        ended = INTERRUPTED if self._interrupted else ended
        if not self._tries.found:
            return self._tuned(ended=ended, stopped=ended)
        best = self._tries.best.candidate
        if best is start:
            return self._tuned(ended=ended)
        return await self._judged(best, ended)

    def _put_aside(self, nano: int) -> None:
        """What the end will cost is not the search's to spend."""
        ceiling = self._tuning.ceiling_nano
        if ceiling is None:
            return
        left = ceiling - nano
        self._evaluator.purse = self._evaluator.purse.under(max(left, 0))
        if left <= self._evaluator.spent:
            raise Ended(NOTHING_LEFT)

    async def _search(self) -> str:
        """Why it ended."""
        tuning, ended = self._tuning, ""
        if tuning.method != "few-shot":
            ended = await self._reflective()
        if tuning.method != "reflect" and not self._interrupted:
            drawing = bootstrapping.Drawing(sets=tuning.rounds, most=tuning.most_examples, seed=tuning.seed)
            ended = await bootstrapping.search(self._workshop, self._tries, tuning.parts.shown, drawing)
        return ended

    async def _reflective(self) -> str:
        tuning = self._tuning
        try:
            return await reflective.search(
                self._workshop, self._tries, self._reflector, tuning.parts, tuning.rounds, tuning.seed
            )
        except Unasked as error:
            if not self._reflector.proposals:
                raise
            return f"the model that proposes answers no more ({error})"  # what it has proposed is none the worse

    async def _judged(self, best: Candidate, ended: str) -> Tuned:
        """The best against the start, on the held-out cases."""
        self._interrupted = False
        self._evaluator.purse = self._evaluator.purse.under(self._tuning.ceiling_nano)
        stopped = ""
        try:
            await self._evaluator.ask(best, self._tuning.parts.held, search=False)
        except Ended as error:
            stopped = INTERRUPTED if self._interrupted else str(error)
        scored = self._compared(best, self._tuning.parts.scored, "")
        held = self._compared(best, self._tuning.parts.held, stopped)
        return self._tuned(best=best, scored=scored, held=held, ended=ended, stopped=stopped)

    def _compared(self, best: Candidate, cases: Sequence[Case], stopped: str) -> Results:
        start = self._workshop.start
        trials = [trial for one in (start, best) for trial in self._evaluator.answered(one, cases)]
        found = Found(
            id=self._tuning.id,
            began=self._means.clock.now() if self._means.journal is None else self._means.journal.head.began,
            ended=self._means.clock.now(),
            suite=self._tuning.suite,
            cases=cases,
            arms=(start.arm, best.arm),
            trials=trials,
            stopped=stopped,
            missing=2 * sum(case.repeat for case in cases) - len(trials),
            spent_nano=self._evaluator.spent,
        )
        aims = msgspec.structs.replace(self._tuning.aims, gates=True, base=start.arm.name)
        return results_of(found, aims)

    def _tuned(self, **found: object) -> Tuned:
        tuned = Tuned(
            tried=tuple(self._tries.found),
            refusals=tuple(self._reflector.refusals),
            spent_nano=self._evaluator.spent,
            calls=self._evaluator.calls,
            reflections=self._evaluator.reflections,
        )
        return msgspec.structs.replace(tuned, **found)


def warnings_of(parts: Parts, metric: str) -> list[str]:
    """What to keep in mind before anything is asked."""
    held = len(parts.held)
    if held >= FEW_HELD:
        return []
    what = "share of cases that pass" if metric == "pass" else "mean score"
    return [
        f"only {held} cases are held out: a difference in the {what} has to be large to be told from chance; with "
        f"{FEW_HELD} or more smaller ones can be"
    ]
