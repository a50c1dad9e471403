"""A case's result out of its assertions', as promptfoo combines them
(https://www.promptfoo.dev/docs/configuration/expected-outputs/#weighted-assertions):

* the score is the mean of the scores, weighted; without assertions it is 1, and where all weigh nothing it is 0;
* a case passes if every assertion does; with a `threshold` of its own, if its score reaches it, whoever failed;
* an assertion of weight 0 is shown and counts for nothing; an assert-set counts as one assertion;
* scores under one `metric` are their weighted mean; where all of them weigh nothing, their plain one.

In one thing it is stricter: what could not be graded has no score, so a case with such an assertion has an error, and
passes under no threshold. promptfoo counts it as 0, and a threshold of 0 makes it a pass.
"""

from collections.abc import Sequence

import msgspec

from gateway.compare.grading.grades import Grade


class Outcome(msgspec.Struct, frozen=True, kw_only=True, rename={"passed": "pass"}):
    """A result of several grades. `named`: metric → (score, weight). `cost_nano`: what grading cost."""

    passed: bool
    score: float
    reason: str
    error: str = ""
    named: dict[str, tuple[float, float]] = {}
    cost_nano: int = 0


def combine(grades: Sequence[Grade], threshold: float | None = None) -> Outcome:
    """All of them as one."""
    if not grades:
        return Outcome(passed=True, score=1.0, reason="nothing is asserted")
    counted = [grade for grade in grades if grade.weight > 0]
    weight = sum(grade.weight for grade in counted)
    score = sum(grade.score * grade.weight for grade in counted) / weight if weight else 0.0
    errors = [grade for grade in counted if grade.error]
    failed = [grade for grade in counted if not grade.passed]
    if errors:
        passed, reason = False, f"{errors[0].kind}: {errors[0].error}"
    elif threshold is not None:
        passed = score >= threshold
        reason = f"the score {score:.2f} is {'at least' if passed else 'below'} {threshold:g}"
    else:
        passed = not failed
        reason = _told(failed, len(counted))
    return Outcome(
        passed=passed,
        score=score,
        reason=reason,
        error=errors[0].error if errors else "",
        named=_named(grades),
        cost_nano=sum(grade.cost_nano for grade in grades),
    )


def _told(failed: Sequence[Grade], of: int) -> str:
    if not failed:
        return "all assertions passed"
    first = f"{failed[0].kind}: {failed[0].reason}"
    return first if of == 1 else f"{len(failed)} of {of} assertions failed; {first}"


def _named(grades: Sequence[Grade]) -> dict[str, tuple[float, float]]:
    sums: dict[str, list[tuple[float, float]]] = {}
    for grade in grades:
        if grade.metric and grade.metric not in grade.named and not grade.error:
            sums.setdefault(grade.metric, []).append((grade.score, grade.weight))
        for name, (score, weight) in grade.named.items():
            sums.setdefault(name, []).append((score, weight * grade.weight))
    return {name: _mean(found) for name, found in sums.items()}


def _mean(found: list[tuple[float, float]]) -> tuple[float, float]:
    total = sum(weight for _, weight in found)
    if not total:
        return sum(score for score, _ in found) / len(found), 0.0
    return sum(score * weight for score, weight in found) / total, total
