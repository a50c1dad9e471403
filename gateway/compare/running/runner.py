"""Carrying a run out: who is asked when, what is written down, and when it stops."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from gateway.compare.grading import Grade
from gateway.compare.running.asking import Ask, Heard, Question
from gateway.compare.running.journal import Answered, Asking, Done, GradesGiven, Journal
from gateway.compare.running.keeping import KeptAnswers
from gateway.compare.running.patience import Patience, Waited, patiently
from gateway.compare.running.purse import Purse
from gateway.compare.running.trials import Trial, cost_of
from gateway.core.clock import Clock

CEILING, TIME, UNPRICED = "cost ceiling", "time limit", "no price"
# Refusals that every further question would meet, too: the key, the model or the prompt is not what it should be.
_HOPELESS = frozenset({401, 403, 404})
ENOUGH = 3


class Grader(Protocol):
    """What an answer is worth."""

    def digest(self, case: str) -> str:
        """Of the assertions of a case; changes when they do."""
        ...

    async def grade(self, trial: Trial) -> tuple[Grade, ...]:
        """One for each assertion, in their order. Raises nothing but a cancel."""
        ...


class Progress(msgspec.Struct, frozen=True):
    """How far a run is. `failures`: questions that nobody answered. `spent_nano`: with what judges cost."""

    done: int
    total: int
    failures: int
    kept: int
    spent_nano: int


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """`concurrency`: questions under way at once. `time_limit_s`: after which none is begun; those under way end."""

    concurrency: int = 8
    time_limit_s: float | None = None


class Ran(msgspec.Struct, frozen=True):
    """`trials`: in the order of the questions. `stopped`, `missing`, `spent_nano`: as in `Results`."""

    trials: tuple[Trial, ...]
    stopped: str
    missing: int
    spent_nano: int


class Runner:
    """One run; `await Runner(…).run(questions)`.

    Args:
        ask: raises nothing but a cancel. kept: None: nothing is kept, and nothing kept is used.
        told: hears of every trial that is done. unpriced: whether some judge's answer has had no price.
    """

    def __init__(
        self,
        ask: Ask,
        grader: Grader,
        purse: Purse,
        clock: Clock,
        *,
        bounds: Bounds = Bounds(),  # noqa: B008  frozen
        journal: Journal | None = None,
        kept: KeptAnswers | None = None,
        patience: Patience = Patience(),  # noqa: B008  frozen
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        told: Callable[[Progress], None] = lambda _: None,
        unpriced: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ask = ask
        self._grader = grader
        self._purse = purse
        self._clock = clock
        self._bounds = bounds
        self._journal = journal
        self._kept = kept
        self._patience = patience
        self._sleep = sleep
        self._told = told
        self._unpriced = unpriced
        self._stopped = ""
        self._trials: dict[int, Trial] = {}
        self._failures = self._from_kept = 0
        self._firsts: dict[str, asyncio.Event] = {}
        # By arm, how many of its first questions met the same refusal; None: one did not.
        self._refused: dict[str, int | None] = {}

    async def run(self, questions: Sequence[Question]) -> Ran:
        """Ask them all, or as many as may be asked."""
        self._total = len(questions)
        limit = self._bounds.time_limit_s
        self._until = None if limit is None else self._clock.monotonic() + limit
        waiting = iter(list(enumerate(self._with_what_is_done(questions))))
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._bounds.concurrency, max(1, len(questions)))):
                group.create_task(self._work(waiting))
        trials = tuple(self._trials[index] for index in sorted(self._trials))
        return Ran(trials, self._stopped, len(questions) - len(trials), self._purse.spent)

    def _with_what_is_done(self, questions: Sequence[Question]) -> Iterator[tuple[Question, Done | None]]:
        """Each with what an earlier part of the run has of it."""
        if self._journal is None:
            yield from ((question, None) for question in questions)
            return
        for question in questions:
            found = self._journal.done.get((question.arm.name, question.case, question.repeat))
            fits = found is not None and found.question == question.digest and not _mended(found.trial)
            yield question, found if fits else None

    async def _work(self, waiting: Iterator[tuple[int, tuple[Question, Done | None]]]) -> None:
        for index, (question, done) in waiting:
            first = await self._in_turn(question.arm.name) if done is None else None
            try:
                await self._one(index, question, done)
            finally:
                if first is not None:
                    first.set()

    async def _in_turn(self, arm: str) -> asyncio.Event | None:
        """Of each arm the first question is asked, and says who serves. The others wait for that: while nobody knows
        which kept answers count, they would be asked too. To the first, what they wait for; to the others None."""
        if self._kept is None or not self._kept.any:
            return None
        known = self._firsts.get(arm)
        if known is None:
            self._firsts[arm] = first = asyncio.Event()
            return first
        await known.wait()
        return None

    async def _one(self, index: int, question: Question, done: Done | None) -> None:
        if not self._stopped and self._until is not None and self._clock.monotonic() >= self._until:
            self._stop(TIME)
        self._look_for_prices(self._unpriced())
        checks = self._grader.digest(question.case)
        if done is not None and done.checks == checks:
            self._finish(index, done.trial)
        elif not self._stopped:
            trial = await self._trial(question, None if done is None else done.trial, checks)
            if trial is not None:
                self._finish(index, trial)

    def _stop(self, why: str) -> None:
        """Nothing more is begun; the first reason counts."""
        self._stopped = self._stopped or why
        self._purse.close()

    def _look_for_prices(self, missing: bool) -> None:
        """Stop if a price is missing that a ceiling would have to know."""
        if missing and self._purse.ceiling is not None:
            self._stop(UNPRICED)

    def _look(self, trial: Trial) -> None:
        """Stop if nothing that an arm is asked will ever be answered."""
        arm, failure = trial.arm, trial.failure
        count = self._refused.get(arm, 0)
        if failure is None or failure.status not in _HOPELESS or count is None:
            self._refused[arm] = None
            return
        self._refused[arm] = count + 1
        if count + 1 == ENOUGH:
            self._stop(f"{arm} is refused: {failure.message or failure.code}")

    def _finish(self, index: int, trial: Trial) -> None:
        self._trials[index] = trial
        self._look(trial)
        self._failures += trial.failure is not None
        self._from_kept += trial.origin != "asked"
        self._told(Progress(len(self._trials), self._total, self._failures, self._from_kept, self._purse.spent))

    async def _trial(self, question: Question, trial: Trial | None, checks: str) -> Trial | None:
        """One question, asked and graded; None: there is no money for it. `trial`: if only grades are missing."""
        kept = self._kept.get(question) if trial is None and self._kept is not None else None
        who = question.arm.name if trial is None and kept is None else f"grades of {question.arm.name}"
        reservation = await self._purse.wait_for(who)
        if reservation is None:
            self._stop(CEILING)
            return None
        cost: int | None = 0
        teaches = trial is not None
        try:
            if trial is None:
                trial = await self._answer(question, kept, reservation.nano)
                cost = cost_of(trial)
                # What the gateway's cache gave for nothing says nothing of what the next answer costs.
                teaches = trial.sample is not None and trial.origin != "gateway"
            if trial.sample is not None:
                grades = await self._grader.grade(trial)
                trial = msgspec.structs.replace(trial, grades=grades)
                cost = None if cost is None else cost + sum(grade.cost_nano for grade in grades)
            self._write(GradesGiven((trial.arm, trial.case, trial.repeat), checks, trial.grades))
            return trial
        finally:
            self._look_for_prices(cost is None or self._unpriced())
            self._purse.settle(reservation, cost, teaches=teaches)

    async def _answer(self, question: Question, kept: Heard | None, nano: int) -> Trial:
        asked_at = self._clock.now()
        waited = Waited(kept, 0, 0.0) if kept is not None else None
        if waited is None:
            self._write(Asking((question.arm.name, question.case, question.repeat), question.digest, nano))
            waited = await patiently(self._ask, question, self._patience, self._sleep)
        heard, failure = waited.heard, waited.heard.failure
        if failure is not None:
            # A stream that broke off, an answer that came too late: somebody pays for it, and nobody says how much.
            cost = (nano or None) if heard.cost_nano is None else heard.cost_nano
            failure = msgspec.structs.replace(failure, cost_nano=cost)
        trial = Trial(
            arm=question.arm.name,
            case=question.case,
            repeat=question.repeat,
            sample=heard.sample,
            failure=failure,
            at=asked_at,
            call=heard.call,
            target=heard.target,
            prompt=heard.prompt,
            origin="kept" if kept is not None else "gateway" if heard.kept else "asked",
            retries=waited.retries,
            waited_s=waited.waited_s,
        )
        self._write(Answered(question.digest, trial))
        if self._kept is not None and kept is None and not heard.kept:
            self._kept.put(question, heard)
        return trial

    def _write(self, line: Asking | Answered | GradesGiven) -> None:
        if self._journal is not None:
            self._journal.write(line)


def _mended(trial: Trial) -> bool:
    """Whether it met a refusal that somebody will have mended before a run is gone on with."""
    return trial.failure is not None and trial.failure.status in (0, *_HOPELESS)
