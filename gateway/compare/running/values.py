"""One value per case: what arms are compared by. Repeats of a case are one case, asked several times."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from math import fsum

from gateway.compare.running.results import CaseShown, Graded

PASS, SCORE = "pass", "score"
Of = Callable[[Graded], float]
MEASURES: Mapping[str, Of] = {PASS: lambda one: float(one.passed), SCORE: lambda one: one.score}


def by_case(graded: Sequence[Graded], arm: str, of: Of) -> dict[str, float]:
    """The mean over the counted repeats, by case, in the order of `graded`."""
    found: dict[str, list[float]] = {}
    for one in graded:
        if one.trial.arm == arm and one.counted:
            found.setdefault(one.trial.case, []).append(of(one))
    return {case: fsum(values) / len(values) for case, values in found.items()}


def clusters_of(cases: Sequence[str], shown: Mapping[str, CaseShown]) -> list[Hashable] | None:
    """The group that each case belongs to, one without a source being a group of its own; None: all are."""
    groups: list[Hashable] = [("source", shown[case].source) if shown[case].source else case for case in cases]
    return None if len(set(groups)) == len(groups) else groups
