"""A candidate, asked cases: each question once in the whole tuning, written down, and out of one purse.

It is done by the runner that runs suites, a batch at a time; so answers are kept, the busy are waited for, and a tuning
that was killed finds in its journal what it had been told.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.compare.cases import Case
from gateway.compare.grading import Grade, Sample
from gateway.compare.running.arms import request_for
from gateway.compare.running.asking import Question, digest_of
from gateway.compare.running.grader import CaseGrader
from gateway.compare.running.journal import Key
from gateway.compare.running.purse import Purse
from gateway.compare.running.rendering import rendered
from gateway.compare.running.results import Graded
from gateway.compare.running.runner import Bounds, Progress, Runner
from gateway.compare.running.scoring import Scoring, score
from gateway.compare.running.suites import Means
from gateway.compare.running.trials import Arm, Trial
from gateway.compare.running.values import MEASURES, by_case
from gateway.compare.tuning.workshop import Candidate

REFLECTION = "reflection"
CALLS = "number of calls"


class Ended(Exception):
    """Nothing more is asked. Says why, in the words of `Results.stopped`."""


class Unasked(Exception):
    """The reflection model did not answer. Says why."""


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """What holds of every question. `metric`: what candidates are compared by, `pass` or `score`. `most_calls`: answers
    that a search may ask for; `judged_by`, `streamed`: as in a plan."""

    metric: str = "pass"
    bounds: Bounds = Bounds()
    judged_by: str = ""
    streamed: bool = False
    most_calls: int | None = None


class Evaluator:
    """Attributes:
    purse: whoever stops the tuning closes it. calls: questions asked of candidates so far; reflections: of the model
        that proposes. spent: nano-units.
    """

    def __init__(self, means: Means, cases: Sequence[Case], scoring: Scoring, asking: Asking, purse: Purse) -> None:
        self._means, self._scoring, self._asking = means, scoring, asking
        self.purse = purse
        self._cases = {case.id: case for case in cases}
        self._grader = CaseGrader(self._cases, means.outside, asking.judged_by, asking.bounds.concurrency)
        self._known: dict[Key, Trial] = {}
        self._asked_so: dict[str, int] = {}
        self._dearest = 0
        limit = asking.bounds.time_limit_s
        self._until = None if limit is None else means.clock.monotonic() + limit
        self.calls = self.reflections = 0

    @property
    def spent(self) -> int:
        return self.purse.spent

    async def ask(self, candidate: Candidate, cases: Sequence[Case], *, search: bool = True) -> list[Trial]:
        """Its answers to the cases, graded, with all repeats, in order.

        Raises:
            Ended: not all of it may be asked; what was asked is kept for the next time. ValueError: a case cannot be
            asked of it.
        """
        arm = candidate.arm
        wanted = [(arm.name, case.id, repeat) for case in cases for repeat in range(case.repeat)]
        missing = [key for key in wanted if key not in self._known]
        most = self._asking.most_calls
        if search and most is not None and self.calls + len(missing) > most:
            raise Ended(CALLS)
        if missing:
            requests = {case.id: request_for(arm, case, _render(candidate)) for case in cases}
            self.purse.expect(arm.name, self._dearest)
            await self._run([self._question(arm, key, requests[key[1]]) for key in missing], self._grader)
            self.calls += len(missing)
        return [self._known[key] for key in wanted]

    async def graded(self, candidate: Candidate, cases: Sequence[Case], *, search: bool = True) -> tuple[Graded, ...]:
        """As `ask`, with what each answer is worth."""
        return score(await self.ask(candidate, cases, search=search), self._scoring)

    def values(self, candidate: Candidate, graded: Sequence[Graded]) -> dict[str, float]:
        """By case, what candidates are compared by: the mean of its repeats."""
        return by_case(graded, candidate.arm.name, MEASURES[self._asking.metric])

    def answered(self, candidate: Candidate, cases: Sequence[Case]) -> list[Trial]:
        """What is there of its answers to the cases."""
        keys = [(candidate.arm.name, case.id, repeat) for case in cases for repeat in range(case.repeat)]
        return [self._known[key] for key in keys if key in self._known]

    async def reflect(self, model: str, messages: Sequence[Mapping[str, str]]) -> Sample:
        """What the model that proposes says. The same again is another question: it may say something else.

        Raises:
            Ended: there is no money for it. Unasked: nobody answered.
        """
        request = {"model": model, "messages": list(messages)}
        arm = Arm(name=REFLECTION, kind="model", model=model)
        digest = digest_of(arm, request, streamed=self._asking.streamed)
        case = hashlib.sha256(digest.encode()).hexdigest()[:24]
        repeat = self._asked_so.get(case, 0)
        self._asked_so[case] = repeat + 1
        key = (REFLECTION, case, repeat)
        await self._run([self._question(arm, key, request)], _Ungraded())
        self.reflections += 1
        trial = self._known[key]
        if trial.sample is None:
            failure = trial.failure
            raise Unasked("no answer came" if failure is None else f"{failure.code}: {failure.message}")
        return trial.sample

    def _question(self, arm: Arm, key: Key, request: Mapping[str, Any]) -> Question:
        digest = digest_of(arm, request, streamed=self._asking.streamed)
        said = hashlib.sha256("\0".join((*key[:2], str(key[2]), digest)).encode()).hexdigest()
        return Question(
            id=f"tune-{said[:24]}",
            arm=arm,
            case=key[1],
            repeat=key[2],
            request=request,
            digest=digest,
            fresh=key[2] > 0,
        )

    async def _run(self, questions: Sequence[Question], grader: "CaseGrader | _Ungraded") -> None:
        runner = Runner(
            self._means.ask,
            grader,
            self.purse,
            self._means.clock,
            bounds=self._bounds(),
            journal=self._means.journal,
            kept=self._means.kept,
            patience=self._means.patience,
            sleep=self._means.sleep,
            told=self._told,
        )
        ran = await runner.run(questions)
        for trial in ran.trials:
            self._known[trial.arm, trial.case, trial.repeat] = trial
            if trial.arm != REFLECTION and trial.sample is not None:
                self._dearest = max(self._dearest, trial.sample.cost_nano or 0)
        if ran.stopped:
            raise Ended(ran.stopped)

    def _bounds(self) -> Bounds:
        """With what is left of the time."""
        bounds = self._asking.bounds
        if self._until is None:
            return bounds
        left = self._until - self._means.clock.monotonic()
        return msgspec.structs.replace(bounds, time_limit_s=max(0.0, left))

    def _told(self, progress: Progress) -> None:
        known = len(self._known) + progress.done
        self._means.told(Progress(known, known, progress.failures, progress.kept, progress.spent_nano))


def _render(candidate: Candidate):
    def render(arm: Arm, case: Case) -> Mapping[str, Any]:
        own = {**arm.parameters, **({"model": arm.model} if arm.model else {})}
        return rendered(candidate.prompt, arm.prompt, case, own)

    return render


class _Ungraded:
    """A `Grader` of what is no answer to a case."""

    def digest(self, case: str) -> str:  # noqa: ARG002
        return "-"

    async def grade(self, trial: Trial) -> tuple[Grade, ...]:  # noqa: ARG002
        return ()
