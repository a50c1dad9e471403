"""Answers to cases, graded."""

import asyncio
from collections.abc import Awaitable, Sequence

import msgspec

from gateway.compare.cases.document import Human
from gateway.compare.cases.suite import Case
from gateway.compare.grading.checks import Asked, Check
from gateway.compare.grading.combining import combine
from gateway.compare.grading.grades import Grade, Ungradable
from gateway.compare.grading.judging.contests import Contested, Preference, best_of
from gateway.compare.grading.judging.judges import Outside
from gateway.compare.grading.running import ask, look, settled, unsettled
from gateway.compare.grading.sample import Sample
from gateway.compare.grading.values import text_of


class CaseGrade(msgspec.Struct, frozen=True, kw_only=True, rename={"passed": "pass"}):
    """A case's result.

    Attributes:
        score: 0 to 1. error: why it could not be graded; it is neither a pass nor a failure then.
        named: metric → (score, weight). human: what a human said of the same answer.
        cost_nano: what grading cost; the answer's own cost is not in it.
        preferences: of select-best: who was preferred, for each pair of answers, the same for all of them.
    """

    case: str
    passed: bool
    score: float
    reason: str
    error: str = ""
    severity: str = ""
    source: str = ""
    human: Human | None = None
    grades: tuple[Grade, ...] = ()
    named: dict[str, tuple[float, float]] = {}
    cost_nano: int = 0
    preferences: tuple[Preference, ...] = ()


def grade_at_once(case: Case, sample: Sample) -> CaseGrade:
    """The result of a case for which nobody needs to be asked (`case.at_once`).

    Raises:
        TypeError: somebody must be asked.
    """
    return _result(case, [look(check, sample) for check in case.checks])


async def grade(case: Case, sample: Sample, outside: Outside | None = None, *, question: str = "") -> CaseGrade:
    """The result of one answer. Comparisons with other answers (select-best) are left out, as there are none.

    Args:
        question: what was asked, as judges and python are shown it; the case's messages or variables if not given.
    """
    checks = [check for check in case.checks if check.contest is None]
    return _result(case, await asyncio.gather(*_asking(case, checks, sample, outside or Outside(), question)))


async def grade_together(
    case: Case, samples: Sequence[Sample], outside: Outside | None = None, *, question: str = ""
) -> list[CaseGrade]:
    """The results of several answers to one case, compared with one another where the case wants it."""
    by = outside or Outside()
    asked = question or question_of(case)
    alone = [await grade(case, sample, by, question=asked) for sample in samples]
    contests = [check for check in case.checks if check.contest is not None]
    if not contests or not samples:
        return alone
    more: list[list[Grade]] = [[] for _ in samples]
    preferences: list[Preference] = []
    for check in contests:
        assert check.contest is not None
        found, preferred = await best_of(check.contest, samples, by, question=asked)
        preferences += preferred
        for grades, one in zip(more, found, strict=True):
            grades.append(_contested(check, one))
    return [
        msgspec.structs.replace(_result(case, [*first.grades, *grades]), preferences=tuple(preferences))
        for first, grades in zip(alone, more, strict=True)
    ]


def question_of(case: Case) -> str:
    """What the case asks, for judges to read."""
    if case.messages:
        return "\n\n".join(f"{one.get('role', '')}: {text_of(one.get('content', ''))}" for one in case.messages)
    return text_of(dict(case.vars)) if case.vars else ""


def _asking(
    case: Case, checks: Sequence[Check], sample: Sample, outside: Outside, question: str
) -> list[Awaitable[Grade]]:
    asked = Asked(
        sample=sample,
        outside=outside,
        question=question or question_of(case),
        context={
            "vars": case.vars,
            "test": {"description": case.description, "vars": case.vars, "metadata": case.metadata},
        },
    )
    return [ask(check, asked) for check in checks]


def _contested(check: Check, one: Contested) -> Grade:
    if one.verdict is None:
        return msgspec.structs.replace(unsettled(check, Ungradable(one.error, one.cost_nano)), by=one.by)
    return settled(check, one.verdict)


def _result(case: Case, grades: Sequence[Grade]) -> CaseGrade:
    outcome = combine(grades, case.threshold)
    return CaseGrade(
        case=case.id,
        passed=outcome.passed,
        score=outcome.score,
        reason=outcome.reason,
        error=outcome.error,
        severity=case.severity,
        source=case.source,
        human=case.human,
        grades=tuple(grades),
        named=outcome.named,
        cost_nano=outcome.cost_nano,
    )
