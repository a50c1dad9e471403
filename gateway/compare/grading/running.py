"""An answer held against a check."""

import asyncio
from collections.abc import Sequence

import msgspec

from gateway.compare.grading.checks import Asked, Check
from gateway.compare.grading.combining import combine
from gateway.compare.grading.grades import Grade, Ungradable, Unmet, Verdict
from gateway.compare.grading.paths import JsonPath
from gateway.compare.grading.sample import NotJson, Sample
from gateway.compare.grading.values import text_of

_DEEP = "it is nested too deeply to be looked at"


def look(check: Check, sample: Sample) -> Grade:
    """The grade of a check for which nobody needs to be asked (`check.at_once`). Never raises for what an answer is.

    Raises:
        TypeError: somebody must be asked.
    """
    if check.parts:
        return _of_set(check, [look(part, sample) for part in check.parts])
    if check.looks is None:
        raise TypeError(f"{check.kind} cannot be graded at once; use ask")
    try:
        seen = sample if check.path is None else narrowed(sample, check.path)
        return settled(check, check.looks(seen))
    except (Ungradable, Unmet, RecursionError) as problem:
        return unsettled(check, problem)


async def ask(check: Check, asked: Asked) -> Grade:
    """The grade of any check but those that compare answers with one another."""
    if check.parts:
        return _of_set(check, await asyncio.gather(*(ask(part, asked) for part in check.parts)))
    if check.asks is None:
        return look(check, asked.sample)
    try:
        if check.path is not None:
            asked = msgspec.structs.replace(asked, sample=narrowed(asked.sample, check.path))
        return settled(check, await check.asks(asked))
    except (Ungradable, Unmet, RecursionError) as problem:
        return unsettled(check, problem)


def narrowed(sample: Sample, path: JsonPath) -> Sample:
    """The answer as if it were only what the path selects: that text, or its JSON. What the upstream said of the
    whole answer, a refusal say, is said of no part of it.

    Raises:
        Unmet: it is not JSON, or there is nothing.
    """
    if isinstance(sample.json, NotJson):
        raise Unmet(f"the answer is not JSON ({sample.json.why}), so nothing is at {path.text}")
    found = path.find(sample.json)
    if not found:
        raise Unmet(f"the answer has nothing at {path.text}")
    text = text_of(found[0] if len(found) == 1 else found)
    return msgspec.structs.replace(sample, text=text, refusal=False, finish_reason="", tool_calls=())


def settled(check: Check, verdict: Verdict) -> Grade:
    """A verdict, with `not-` and weight."""
    met, score = verdict.passed, min(1.0, max(0.0, verdict.score))
    if check.negated:
        met = not met
        score = score if check.keeps_score else 1.0 - score
    return Grade(
        passed=met or check.weight == 0,
        met=met,
        score=score,
        reason=verdict.reason,
        kind=check.kind,
        metric=check.metric,
        weight=check.weight,
        cost_nano=verdict.cost_nano,
        measured=verdict.measured,
        by=verdict.by,
        # A figure without a name goes under the assertion's metric.
        named={name or check.metric: (value, 1.0) for name, value in verdict.named.items()} if verdict.named else {},
    )


def unsettled(check: Check, problem: Exception) -> Grade:
    error = str(problem) if isinstance(problem, Ungradable) else ""
    reason = str(problem) if isinstance(problem, Ungradable | Unmet) else _DEEP
    return Grade(
        passed=check.weight == 0 and not error,
        met=False,
        score=0.0,
        reason=reason,
        kind=check.kind,
        metric=check.metric,
        weight=check.weight,
        error=error,
        cost_nano=getattr(problem, "cost_nano", 0),
        by=check.by,
    )


def _of_set(check: Check, grades: Sequence[Grade]) -> Grade:
    outcome = combine(grades, check.threshold)
    return Grade(
        passed=outcome.passed or (check.weight == 0 and not outcome.error),
        met=outcome.passed,
        score=outcome.score,
        reason=outcome.reason,
        kind=check.kind,
        metric=check.metric,
        weight=check.weight,
        error=outcome.error,
        cost_nano=outcome.cost_nano,
        named=outcome.named,
        parts=tuple(grades),
    )
