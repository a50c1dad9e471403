"""Trials graded by what their cases assert; and, where a case wants its answers compared, against each other."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from gateway.compare.cases import Case, grade, grade_together
from gateway.compare.grading import Grade, Outside, Sample
from gateway.compare.running.comparing import Contest
from gateway.compare.running.trials import Trial

Compared = tuple[list[tuple[Grade, ...]], list[Contest]]


class CaseGrader:
    """A `Grader`.

    Args:
        outside: whom grades may ask. judged_by: what else they depend on: who judges where a case names nobody.
        concurrency: how many trials are graded at once: a judge has limits of its own.
    """

    def __init__(self, cases: Mapping[str, Case], outside: Outside, judged_by: str = "", concurrency: int = 8) -> None:
        self._cases = cases
        self._outside = outside
        self._judged_by = judged_by
        self._turn = asyncio.Semaphore(concurrency)

    def digest(self, case: str) -> str:
        return f"{self._cases[case].digest}{self._judged_by}"

    async def grade(self, trial: Trial) -> tuple[Grade, ...]:
        assert trial.sample is not None, "an answer is graded"
        return await self.grade_sample(self._cases[trial.case], trial.sample)

    async def grade_sample(self, case: Case, sample: Sample) -> tuple[Grade, ...]:
        """Without the comparisons with other answers, of which there are none yet."""
        async with self._turn:
            return (await grade(case, sample, self._outside)).grades

    async def compare(self, case: str, trials: Sequence[Trial]) -> Compared:
        """The grades that answers to one case get from being compared, for each of `trials`; and who was preferred."""
        wanted = contests_of(self._cases[case])
        samples = [trial.sample for trial in trials if trial.sample is not None]
        async with self._turn:
            graded = await grade_together(wanted, samples, self._outside)
        found: list[Contest] = []
        if graded:
            pairs = [(one, other) for one in range(len(trials)) for other in range(one + 1, len(trials))]
            preferences = graded[0].preferences
            places = pairs * (len(preferences) // max(1, len(pairs)))
            found = [
                Contest(case, trials[one].repeat, trials[one].arm, trials[other].arm, preference)
                for (one, other), preference in zip(places, preferences, strict=True)
            ]
        return [each.grades for each in graded], found


def contests_of(case: Case) -> Case:
    """The case with those assertions alone that compare answers."""
    return msgspec.structs.replace(case, checks=tuple(check for check in case.checks if check.contest is not None))
