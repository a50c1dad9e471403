"""Grading besides that of single answers: answers to the same case held against one another, and labelled answers."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence

import msgspec

from gateway.compare.cases import Case
from gateway.compare.grading import Grade
from gateway.compare.running.comparing import Contest
from gateway.compare.running.grader import CaseGrader, contests_of
from gateway.compare.running.journal import Compared, GradesGiven, Journal
from gateway.compare.running.purse import Purse, Reservation
from gateway.compare.running.standing import Labelled
from gateway.compare.running.trials import Trial

_WHO_COMPARES, _WHO_LABELS = "comparisons", "labelled answers"


class Held(msgspec.Struct, frozen=True):
    """`trials`: with the grades of comparisons behind their own."""

    trials: tuple[Trial, ...]
    contests: tuple[Contest, ...]


class Besides:
    """What grading there is besides that of single answers, as far as the money goes.

    Args:
        arms: their names, in the run's order. unpriced: as in `Runner`.

    Attributes:
        short: something was left ungraded, because no money was left for it, or the run was stopped.
    """

    def __init__(
        self,
        cases: Mapping[str, Case],
        arms: Sequence[str],
        grader: CaseGrader,
        purse: Purse,
        journal: Journal | None,
        unpriced: Callable[[], bool] = lambda: False,
    ) -> None:
        self._unpriced = unpriced
        self._cases = cases
        self._arms = {name: place for place, name in enumerate(arms)}
        self._grader = grader
        self._purse = purse
        self._journal = journal
        self.short = False

    async def label(self, cases: Sequence[Case]) -> tuple[Labelled, ...]:
        """Grade answers that people have an opinion of."""
        found = await asyncio.gather(*(self._label(case) for case in cases))
        return tuple(one for one in found if one is not None)

    async def hold(self, trials: Sequence[Trial]) -> Held:
        """Hold the answers to the same case against one another, where the case wants it."""
        blocks = self._blocks(trials)
        held = await asyncio.gather(*(self._hold(block) for block in blocks))
        more: dict[tuple[str, str, int], tuple[Grade, ...]] = {}
        contests: list[Contest] = []
        for block, one in zip(blocks, held, strict=True):
            if one is not None:
                contests += one.contests
                for trial, grades in zip(block, one.grades, strict=True):
                    more[trial.arm, trial.case, trial.repeat] = grades
        whole = tuple(_with(trial, more.get((trial.arm, trial.case, trial.repeat), ())) for trial in trials)
        return Held(whole, tuple(contests))

    def _blocks(self, trials: Sequence[Trial]) -> list[list[Trial]]:
        """Answers to the same case and repeat, of two arms or more, where the case compares them."""
        found: dict[tuple[str, int], list[Trial]] = {}
        for trial in trials:
            if trial.sample is not None and contests_of(self._cases[trial.case]).checks:
                found.setdefault((trial.case, trial.repeat), []).append(trial)
        blocks = [sorted(block, key=lambda trial: self._arms[trial.arm]) for block in found.values()]
        return [block for block in blocks if len(block) > 1]

    async def _hold(self, block: Sequence[Trial]) -> Compared | None:
        case, repeat = block[0].case, block[0].repeat
        by = _digest(self._grader.digest(case), block)
        if self._journal is not None and (done := self._journal.compared.get((case, repeat))) and done.by == by:
            return done
        reservation = await self._purse.wait_for(_WHO_COMPARES)
        if reservation is None:
            self.short = True
            return None
        grades, contests = await self._grader.compare(case, block)
        cost = sum(grade.cost_nano for each in grades for grade in each)
        self._settle(reservation, cost)
        line = Compared(case, repeat, by, tuple(grades), tuple(contests))
        if self._journal is not None:
            self._journal.write(line)
        return line

    async def _label(self, case: Case) -> Labelled | None:
        checks = self._grader.digest(case.id)
        if self._journal is not None and (done := self._journal.labelled.get(case.id)) and done.checks == checks:
            return Labelled(case, done.grades)
        if case.output is None:
            return None
        reservation = await self._purse.wait_for(_WHO_LABELS)
        if reservation is None:
            self.short = True
            return None
        grades = await self._grader.grade_sample(case, case.output)
        self._settle(reservation, sum(grade.cost_nano for grade in grades))
        if self._journal is not None:
            self._journal.write(GradesGiven(("", case.id, 0), checks, grades))
        return Labelled(case, grades)

    def _settle(self, reservation: Reservation, cost: int) -> None:
        if self._purse.ceiling is not None and self._unpriced():
            self.short = True
            self._purse.close()
        self._purse.settle(reservation, cost)


def _digest(checks: str, block: Sequence[Trial]) -> str:
    """Of the answers and of what they are compared by."""
    said = [checks, *(f"{trial.arm}\0{trial.sample.text if trial.sample else ''}" for trial in block)]
    return hashlib.sha256("\0\0".join(said).encode("utf-8", "surrogatepass")).hexdigest()


def _with(trial: Trial, grades: tuple[Grade, ...]) -> Trial:
    return msgspec.structs.replace(trial, grades=(*trial.grades, *grades)) if grades else trial
