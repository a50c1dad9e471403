"""Which cases a page shows, of more than a browser opens with ease: those that decide first."""

from collections.abc import Collection, Iterator

import msgspec

from gateway.compare.grading import Sample
from gateway.compare.reporting.moving import Moved, failed_cases
from gateway.compare.running.results import CaseShown, Results

# A page with so many cases, and so much of what was answered, opens in a second or two.
MAX_CASES = 400
MAX_CHARACTERS = 4_000_000
MAX_TEXT = 6_000
# Of one case: variables, messages that stand in it, and calls in one answer.
MAX_VARIABLES, MAX_MESSAGES, MAX_CALLS = 40, 40, 10


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """`cases`: in the suite's order. `left_out`: how many are not among them, `of_changed` and `of_failed` of those."""

    cases: tuple[CaseShown, ...]
    changed: frozenset[str]
    failed: frozenset[str]
    left_out: int
    of_changed: int
    of_failed: int


def chosen(results: Results, moves: Collection[Moved], most: int = MAX_CASES, room: int = MAX_CHARACTERS) -> Chosen:
    """Cases that broke come first, then those that changed, that failed, and the rest as the suite has them.

    Args:
        room: how many letters of questions and answers there is room for.
    """
    broken = {case for one in moves for case in one.broken}
    changed = {case for one in moves for case in one.changed}
    failed = failed_cases(results)
    sizes = _sizes(results)
    kept: set[str] = set()
    for case in _in_turn(results, broken, changed, failed):
        room -= sizes.get(case, 0)
        if len(kept) == most or room < 0:
            break
        kept.add(case)
    return Chosen(
        cases=tuple(case for case in results.cases if case.id in kept),
        changed=frozenset(changed),
        failed=frozenset(failed),
        left_out=len(results.cases) - len(kept),
        of_changed=len(changed - kept),
        of_failed=len(failed - kept),
    )


def _in_turn(results: Results, *ranks: Collection[str]) -> Iterator[str]:
    given: set[str] = set()
    for rank in (*ranks, {case.id for case in results.cases}):
        for case in results.cases:
            if case.id in rank and case.id not in given:
                given.add(case.id)
                yield case.id


def _sizes(results: Results) -> dict[str, int]:
    """About how many letters a case takes, with what stands around them."""
    sizes = {case.id: 600 + len(case.description) + _asked(case) for case in results.cases}
    for one in results.graded:
        sample = one.trial.sample
        reasons = sum(_length(grade.reason) + 80 for grade in one.trial.grades)
        sizes[one.trial.case] += 400 + reasons + (_answered(sample) if sample is not None else 0)
    return sizes


def _asked(case: CaseShown) -> int:
    values = [*list(case.vars.values())[:MAX_VARIABLES], *case.messages[:MAX_MESSAGES]]
    return sum(100 + _length(value) for value in values)


def _answered(sample: Sample) -> int:
    calls = sum(_length(call.arguments) for call in sample.tool_calls[:MAX_CALLS])
    return _length(sample.text) + calls


def _length(value: object) -> int:
    return min(MAX_TEXT, len(value if isinstance(value, str) else str(value)))
