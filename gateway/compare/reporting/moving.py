"""Which cases make the difference between an arm and the baseline."""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.compare.reporting.telling import Verdict
from gateway.compare.running.results import CaseShown, Graded, Results

Answers = Mapping[tuple[str, str], Sequence[Graded]]


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of cases, in the suite's order. `broken`: must never fail, and did. `lost`, `won`: the arm did worse, or
    better, than the baseline. `failing`: of an arm that has nothing to stand against, what fails besides."""

    broken: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    won: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()

    @property
    def changed(self) -> set[str]:
        return {*self.broken, *self.lost, *self.won}


def answers_of(results: Results) -> dict[tuple[str, str], list[Graded]]:
    """By case and arm, each repeat."""
    found: dict[tuple[str, str], list[Graded]] = {}
    for one in results.graded:
        found.setdefault((one.trial.case, one.trial.arm), []).append(one)
    return found


def moved(results: Results, verdict: Verdict) -> Moved:
    """What an arm's verdict is made of."""
    broken = next((one.broken for one in results.summaries if one.arm == verdict.arm), ())
    if verdict.difference is None:
        mine = [one for one in results.graded if one.trial.arm == verdict.arm and one.counted and not one.passed]
        rest = dict.fromkeys(one.trial.case for one in mine if one.trial.case not in broken)
        return Moved(broken=broken, failing=tuple(rest))
    lost = tuple(case for case in verdict.difference.worse if case not in broken)
    return Moved(broken=broken, lost=lost, won=verdict.difference.better)


def failed_cases(results: Results) -> set[str]:
    """Those that failed once or more, with any arm."""
    return {one.trial.case for one in results.graded if one.counted and not one.passed}


def why(answers: Answers, case: str, arm: str) -> str:
    """The reason that a case failed first; empty if it did not."""
    return next((one.reason for one in answers.get((case, arm), ()) if one.counted and not one.passed), "")


def place(results: Results, case: CaseShown) -> str:
    """Where a case stands: `suite.yaml:12`."""
    return f"{results.file}:{case.line}" if case.line else results.file
