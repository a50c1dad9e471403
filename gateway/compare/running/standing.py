"""What a judge's opinion is worth: how far it agrees with people, by labels in the suite or as measured before.

A labelled case brings an answer with it (`providerOutput`) and what a person says of that (`human`). Nobody is asked
for an answer to it: the judges are held against the person.
"""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.compare.cases import Case, Suite
from gateway.compare.grading import Grade, Judge
from gateway.compare.running.results import JudgeStanding
from gateway.compare.running.scoring import flat
from gateway.compare.statistics.agreement import cohen_kappa
from gateway.compare.statistics.errors import NotEstimable
from gateway.core import days

LEAST_KAPPA, LEAST_LABELS = 0.6, 20


class Declared(msgspec.Struct, frozen=True):
    """What was measured before: `kappa` over so many `labels`; `why_not`: why it counts no longer."""

    kappa: float
    labels: int
    why_not: str = ""


def declared_in(suite: Suite, now: float) -> dict[str, Declared]:
    """What a suite says of its judges. `now`: Unix seconds."""
    return {
        name: Declared(
            one.kappa,
            one.labels,
            f"and has run out on {one.until}" if one.until is not None and days.begins(one.until) <= now else "",
        )
        for name, one in suite.calibrated.items()
    }


class Labelled(msgspec.Struct, frozen=True):
    """A case with a person's opinion, and the grades that its answer was given."""

    case: Case
    grades: tuple[Grade, ...]


def standings(
    judges: Sequence[Judge],
    labelled: Sequence[Labelled],
    declared: Mapping[str, Declared],
    given: Sequence[Grade],
) -> tuple[JudgeStanding, ...]:
    """Each judge. `given`: all grades of the run, labelled cases' included, for what they cost."""
    return tuple(_standing(judge, labelled, declared.get(judge.name), given) for judge in judges)


def _standing(
    judge: Judge, labelled: Sequence[Labelled], declared: Declared | None, given: Sequence[Grade]
) -> JudgeStanding:
    said: list[bool] = []
    people: list[bool] = []
    for one in labelled:
        mine = [grade for grade in flat(one.grades) if grade.by is not None and grade.by.judge == judge.name]
        if mine and one.case.human is not None and not any(grade.error for grade in mine):
            said.append(all(grade.met for grade in mine))
            people.append(passed_by(one.case.human))
    kappa = _kappa(said, people)
    calibrated, why = _worth(kappa, people, declared)
    by_it = [grade for grade in flat(given) if grade.by is not None and grade.by.judge == judge.name]
    return JudgeStanding(
        judge=judge.name,
        model=judge.model,
        kappa=kappa,
        labels=len(people),
        calibrated=calibrated,
        why=why,
        cost_nano=sum(grade.cost_nano for grade in by_it),
        asked=len(by_it),
    )


def passed_by(human: str | float) -> bool:
    """Whether a person calls an answer good; of a score, the upper half is."""
    return human == "pass" if isinstance(human, str) else human >= 0.5


def _kappa(said: Sequence[bool], people: Sequence[bool]) -> float | None:
    try:
        return cohen_kappa(said, people).kappa.estimate
    except NotEstimable:
        return None


def _worth(kappa: float | None, people: Sequence[bool], declared: Declared | None) -> tuple[bool, str]:
    labels = len(people)
    if kappa is not None and labels >= LEAST_LABELS:
        agrees = f"it agrees with people by kappa {kappa:.2f} over {labels} labels in this suite"
        if kappa >= LEAST_KAPPA:
            return True, agrees
        return False, f"{agrees}; {LEAST_KAPPA:g} is the least for its grades to count"
    if declared is not None:
        told = f"kappa {declared.kappa:.2f} over {declared.labels} labels is declared for it"
        if declared.why_not:
            return False, f"{told}, {declared.why_not}"
        if declared.kappa >= LEAST_KAPPA and declared.labels >= LEAST_LABELS:
            return True, told
        return False, f"{told}; {LEAST_KAPPA:g} over {LEAST_LABELS} is the least for its grades to count"
    if not labels:
        return False, "it was never held against people; label answers in the suite (`human` and `providerOutput`)"
    if kappa is None and labels >= LEAST_LABELS:
        return False, f"all {labels} labels, or all its grades, are the same, so agreement cannot be told from chance"
    return False, f"{labels} labels are too few to tell what it is worth; {LEAST_LABELS} are the least"
