"""A grader of OpenAI's, read, and what it says of an answer."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, cast

import msgspec

from gateway.compare.grading.distance import fuzzy_ratio
from gateway.compare.grading.grades import Grade, Ungradable, Unmet, Verdict
from gateway.compare.grading.judging.judges import Outside
from gateway.compare.grading.likeness import Likest, likest
from gateway.compare.grading.openai.document import (
    AnyGrader,
    LabelModel,
    Multi,
    Python,
    ScoreModel,
    StringCheck,
    TextSimilarity,
)
from gateway.compare.grading.openai.filling import Fillable, values_of
from gateway.compare.grading.openai.formula import Formula
from gateway.compare.grading.openai.models import Grading, label_model, score_model
from gateway.compare.grading.overlap import bleu, gleu, meteor, rouge_f1, rouge_l
from gateway.compare.grading.sample import Sample
from gateway.compare.grading.values import Wrong, placed, shown
from gateway.stores.wording import reworded

# OpenAI says no threshold for `multi`, and needs none: it takes its score for a reward.
MULTI_THRESHOLD = 0.5
_PYTHON = (
    "python graders run code of whoever sends them, which no server should; say it with string_check, text_similarity "
    "or score_model, or run a `python` assertion on the command line"
)
Compare = Callable[[str, str], float]
_METRICS: Mapping[str, Compare] = {
    "fuzzy_match": fuzzy_ratio,
    "bleu": lambda text, reference: bleu(text, [reference]),
    "gleu": gleu,
    "meteor": meteor,
    "rouge_l": rouge_l,
    **{f"rouge_{order}": rouge_f1(order) for order in range(1, 6)},
}
_OPERATIONS: Mapping[str, tuple[Callable[[str, str], bool], str]] = {
    "eq": (lambda text, reference: text == reference, "is"),
    "ne": (lambda text, reference: text != reference, "is other than"),
    "like": (lambda text, reference: reference in text, "contains"),
    "ilike": (lambda text, reference: reference.lower() in text.lower(), "contains"),
}
_STEP = re.compile(r"\[(\d+)\]|\.([^.\[]+)")


class Grader(NamedTuple):
    """A grader that has been understood. `least`, `most`: of its own scores; a grade's `score` is between 0 and 1, and
    its `measured` the grader's own."""

    name: str
    type: str
    grading: Grading
    least: float = 0.0
    most: float = 1.0

    async def grade(self, item: Mapping[str, Any], sample: Sample, outside: Outside | None = None) -> Grade:
        """What it says of the answer to the item. Never raises for what they are."""
        error, verdict = "", Verdict(False, self.least, "")
        spent = 0
        try:
            verdict = await self.grading(values_of(item, sample), outside or Outside())
        except Unmet as problem:
            verdict = Verdict(False, self.least, str(problem))
        except Ungradable as problem:
            error, spent = str(problem), problem.cost_nano
        except RecursionError:
            verdict = Verdict(False, self.least, "the answer is nested too deeply to be looked at")
        share = (verdict.score - self.least) / (self.most - self.least)
        return Grade(
            passed=verdict.passed,
            met=verdict.passed,
            score=0.0 if error else min(1.0, max(0.0, share)),
            reason=error or verdict.reason,
            kind=self.type,
            metric=self.name,
            error=error,
            cost_nano=spent + verdict.cost_nano,
            measured=None if error else verdict.score,
            by=verdict.by,
        )


def read_grader(value: Any) -> Grader:
    """The grader that a request's `testing_criteria` or `grader` has.

    Args:
        value: decoded JSON.

    Raises:
        Wrong: it is none, or one that is not run here; `path` says which part of it.
    """
    plain = _with_named_graders(value)
    try:
        msgspec.json.encode(plain)
        document = msgspec.convert(plain, AnyGrader)
    except (
        UnicodeEncodeError,
        OverflowError,
        RecursionError,
    ) as error:  # half a character, a number of hundreds of digits
        raise Wrong((), f"cannot be read: {error}") from None
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        path = [int(index) if index else key for index, key in _STEP.findall(place.rstrip("`"))]
        raise Wrong(path, reworded(reason, AnyGrader)) from None
    return _made(document)


def _with_named_graders(value: Any) -> Any:
    """OpenAI's reference has the graders of a `multi` by name, in a list, or one alone; here they are by name."""
    if not isinstance(value, dict):
        return value
    found = cast(dict[str, Any], value)
    graders: Any = found.get("graders")
    if isinstance(graders, dict) and isinstance(cast(dict[str, Any], graders).get("type"), str):
        graders = [cast(object, graders)]
    if not isinstance(graders, list):
        return found
    named: dict[str, Any] = {}
    for index, one in enumerate(cast(list[Any], graders)):
        name = cast(dict[str, Any], one).get("name") if isinstance(one, dict) else None
        if not isinstance(name, str) or name in named:
            raise Wrong(("graders", index), "expected a grader with a `name` of its own")
        named[name] = one
    return {**found, "graders": named}


def _made(document: AnyGrader) -> Grader:
    if isinstance(document, StringCheck):
        return Grader(document.name, "string_check", _string_check(document))
    if isinstance(document, TextSimilarity):
        return Grader(document.name, "text_similarity", _text_similarity(document))
    if isinstance(document, LabelModel):
        return Grader(document.name, "label_model", label_model(document))
    if isinstance(document, ScoreModel):
        least, most = document.range or (0.0, 1.0)
        return Grader(document.name, "score_model", score_model(document), least, most)
    if isinstance(document, Python):
        raise Wrong(("type",), _PYTHON)
    return Grader(document.name, "multi", _multi(document))


def _string_check(grader: StringCheck) -> Grading:
    text, reference = Fillable(grader.input, ("input",)), Fillable(grader.reference, ("reference",))
    holds, told = _OPERATIONS[grader.operation]

    async def grade(values: Mapping[str, Any], outside: Outside) -> Verdict:  # noqa: ARG001
        one, other = text.text(values), reference.text(values)
        met = holds(one, other)
        reason = f"{shown(one)} {told} {shown(other)}" + ("" if met else ": no")
        return Verdict(met, float(met), reason)

    return grade


def _text_similarity(grader: TextSimilarity) -> Grading:
    text, reference = Fillable(grader.input, ("input",)), Fillable(grader.reference, ("reference",))
    threshold = 0.5 if grader.pass_threshold is None else grader.pass_threshold
    if not 0 <= threshold <= 1:
        raise Wrong(("pass_threshold",), "a similarity is between 0 and 1")
    name = grader.evaluation_metric

    async def grade(values: Mapping[str, Any], outside: Outside) -> Verdict:
        one, other = text.text(values), reference.text(values)
        found = await _similarity(name, one, other, outside)
        score, told = found.cosine, f"{name} {found.cosine:.4f}, asked for {threshold:g}"
        return Verdict(score >= threshold, score, told, measured=score, cost_nano=found.cost_nano)

    return grade


async def _similarity(name: str, text: str, reference: str, outside: Outside) -> Likest:
    if name != "cosine":
        return Likest(_METRICS[name](text, reference))
    # An empty text has no vector.
    return await likest(outside, text, [reference]) if text.strip() and reference.strip() else Likest(0.0)


def _multi(grader: Multi) -> Grading:
    if not grader.graders:
        raise Wrong(("graders",), "an empty `graders`: there is nothing to calculate with")
    members = {name: placed(("graders", name), lambda one=one: _made(one)) for name, one in grader.graders.items()}
    try:
        formula = Formula(grader.calculate_output, list(members))
    except ValueError as error:
        raise Wrong(("calculate_output",), str(error)) from None
    threshold = MULTI_THRESHOLD if grader.pass_threshold is None else grader.pass_threshold

    async def grade(values: Mapping[str, Any], outside: Outside) -> Verdict:
        found = await asyncio.gather(*(_scored(one, values, outside) for one in members.values()))
        spent = sum(one.cost_nano for one in found)
        for name, one in zip(members, found, strict=True):
            if isinstance(one, Ungradable):
                raise Ungradable(f"{name}: {one}", spent)
        scores = {name: one.score for name, one in zip(members, found, strict=True) if isinstance(one, Verdict)}
        try:
            value = formula.value(scores)
        except Ungradable as error:
            raise Ungradable(str(error), spent) from None
        told = ", ".join(f"{name} {score:g}" for name, score in scores.items())
        return Verdict(value >= threshold, value, f"{value:g}, of {told}", measured=value, cost_nano=spent)

    return grade


def _scored(one: Grader, values: Mapping[str, Any], outside: Outside) -> Awaitable[Verdict | Ungradable]:
    """The member's own score; what the answer has not got, scores least."""

    async def score() -> Verdict | Ungradable:
        try:
            return await one.grading(values, outside)
        except Unmet as problem:
            return Verdict(False, one.least, str(problem))
        except Ungradable as problem:
            return problem

    return score()
