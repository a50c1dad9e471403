"""What a trial is worth: which of its grades count, and what they come to.

A model's opinion is advice until it is known what that opinion is worth (`standing.py`): a case that nothing else is
asserted of says nothing of an arm, rather than that it has passed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from gateway.compare.cases import Case
from gateway.compare.grading import Grade, combine
from gateway.compare.running.results import Graded
from gateway.compare.running.trials import Trial

NOTHING_COUNTS = "nothing is asserted of it that counts"


class Scoring(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    cases: by id. calibrated: judges whose grades count. exclude_errors: what nobody answered, or nobody could grade,
        is no failure, and no figure is made of it.
    """

    cases: Mapping[str, Case]
    calibrated: Collection[str] = ()
    exclude_errors: bool = False


def score(trials: Sequence[Trial], scoring: Scoring) -> tuple[Graded, ...]:
    """Each trial with what it is worth."""
    return tuple(_graded(trial, scoring) for trial in trials)


def _graded(trial: Trial, scoring: Scoring) -> Graded:
    if trial.failure is not None:
        said = f"{trial.failure.code}: {trial.failure.message}"
        return Graded(trial=trial, passed=False, score=0.0, reason=said, error=said, counted=not scoring.exclude_errors)
    counting = [grade for grade in trial.grades if _counts(grade, scoring.calibrated)]
    named = {name: value for name, (value, _) in combine(trial.grades).named.items()}
    advisory = tuple(
        grade.kind for grade in trial.grades if grade.weight and not grade.passed and grade not in counting
    )
    # Nothing is asserted, or what weighs something is advice: what is left would pass whatever was answered.
    if not any(grade.weight for grade in counting):
        return Graded(
            trial=trial,
            passed=False,
            score=0.0,
            reason=NOTHING_COUNTS,
            counted=False,
            named=named,
            advisory=advisory,
        )
    outcome = combine(counting, scoring.cases[trial.case].threshold)
    return Graded(
        trial=trial,
        passed=outcome.passed,
        score=outcome.score,
        reason=outcome.reason,
        error=outcome.error,
        counted=not (outcome.error and scoring.exclude_errors),
        named=named,
        advisory=advisory,
    )


def _counts(grade: Grade, calibrated: Collection[str]) -> bool:
    """A set counts if everything in it does."""
    return all(judge in calibrated for judge in judges_in(grade))


def judges_in(grade: Grade) -> Iterator[str]:
    """The judges whose opinion a grade is."""
    if grade.by is not None:
        yield grade.by.judge
    for part in grade.parts:
        yield from judges_in(part)


def flat(grades: Sequence[Grade]) -> Iterator[Grade]:
    """All grades, with those of sets, without the sets."""
    for grade in grades:
        if grade.parts:
            yield from flat(grade.parts)
        else:
            yield grade
