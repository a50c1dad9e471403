"""What has been tried, and which of it is best: by the cases that score, and by nothing else."""

from collections.abc import Callable, Sequence
from math import fsum

import msgspec

from gateway.compare.cases import Case
from gateway.compare.running.results import Graded
from gateway.compare.tuning.evaluating import Evaluator
from gateway.compare.tuning.workshop import Candidate

_PERFECT = 1.0 - 1e-9
NOTHING_COUNTS = (
    "nothing that counts is asserted of the cases: assert something that no judge is needed for, or say what the judge "
    "is worth (`calibrated`)"
)


class Tried(msgspec.Struct, frozen=True, eq=False):
    """A candidate that was asked all cases that score. `value`: the mean over these cases."""

    candidate: Candidate
    value: float


class Tries:
    """Attributes:
    found: all that were tried on all cases that score, in order; the start comes first.
    """

    def __init__(
        self, evaluator: Evaluator, scored: Sequence[Case], told: Callable[[Tried, bool], None] = lambda _, __: None
    ) -> None:
        """`told`: hears of each that was tried, and whether it is the best so far."""
        self._evaluator, self._scored, self._told = evaluator, tuple(scored), told
        self._needed = frozenset(case.id for case in scored)
        self._seen: set[str] = set()
        self.found: list[Tried] = []

    @property
    def best(self) -> Tried:
        """The first of those with the highest mean: what is no better takes nobody's place."""
        return max(self.found, key=lambda one: one.value)

    @property
    def perfect(self) -> bool:
        return bool(self.found) and self.best.value >= _PERFECT

    async def evaluate(
        self, candidate: Candidate, cases: Sequence[Case]
    ) -> tuple[tuple[Graded, ...], dict[str, float]]:
        """Its answers to the cases, and what each case is worth.

        Raises:
            Ended: as `Evaluator.ask`. ValueError: nothing that counts was said of the cases that score.
        """
        graded = await self._evaluator.graded(candidate, cases)
        values = self._evaluator.values(candidate, graded)
        if self._needed <= {case.id for case in cases} and candidate.digest not in self._seen:
            self._seen.add(candidate.digest)
            counted = [values[case.id] for case in self._scored if case.id in values]
            if not counted:
                raise ValueError(NOTHING_COUNTS)
            tried = Tried(candidate, fsum(counted) / len(counted))
            before = self.best.value if self.found else -1.0
            self.found.append(tried)
            self._told(tried, tried.value > before)
        return graded, values

    async def score(self, candidate: Candidate) -> Tried:
        """The candidate on all cases that score."""
        await self.evaluate(candidate, self._scored)
        return next(one for one in self.found if one.candidate.digest == candidate.digest)
