"""`label_model` and `score_model`: a model that grades, in the words of whoever wrote the criterion."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gateway.compare.grading.grades import JudgedBy, Verdict
from gateway.compare.grading.judging.asking import ask_strictly, one_of, only_keys, parameters, score_in, typed
from gateway.compare.grading.judging.judges import Judge, Outside
from gateway.compare.grading.openai.document import LabelModel, SamplingParams, ScoreModel
from gateway.compare.grading.openai.filling import Messages
from gateway.compare.grading.values import Wrong, clipped

MAX_REASON = 2_000
# (the templates' values, whom to ask) → the verdict; `measured` is the grader's own score.
Grading = Callable[[Mapping[str, Any], Outside], Awaitable[Verdict]]


def label_model(grader: LabelModel) -> Grading:
    """Raises:
    Wrong: labels that are none, or a passing one that is none of them.
    """
    if not grader.labels or len(set(grader.labels)) != len(grader.labels):
        raise Wrong(("labels",), "labels are a list of different texts")
    for index, label in enumerate(grader.passing_labels):
        if label not in grader.labels:
            raise Wrong(("passing_labels", index), f"`{label}` is none of the labels")
    labels = ", ".join(f'"{label}"' for label in grader.labels)
    form = f'Answer with one JSON object and nothing else: {{"reason": "why", "label": one of {labels}}}'
    schema = _schema({"label": {"type": "string", "enum": list(grader.labels)}})

    def check(value: Mapping[str, Any]) -> None:
        only_keys(value, "reason", "label")
        typed(value, "reason", str, "a text")
        one_of(value, "label", grader.labels)

    def verdict(value: Mapping[str, Any]) -> tuple[bool, float, str]:
        passed = value["label"] in grader.passing_labels
        return passed, float(passed), f"{value['label']}: {value['reason']}"

    return _grading(grader, Messages(grader.input), form, schema, {}, check, verdict)


def score_model(grader: ScoreModel) -> Grading:
    """Passes from `pass_threshold`, or from the middle of the range if there is none.

    Raises:
        Wrong: a range that is none.
    """
    least, most = grader.range or (0.0, 1.0)
    if not least < most:
        raise Wrong(("range",), "a range is two numbers, the lesser one first")
    threshold = (least + most) / 2 if grader.pass_threshold is None else grader.pass_threshold
    if not least <= threshold <= most:
        raise Wrong(("pass_threshold",), f"is not within the range, {least:g} to {most:g}")
    form = (
        'Answer with one JSON object and nothing else: {"reason": "why", '
        f'"score": a number from {least:g} to {most:g}}}'
    )
    schema = _schema({"score": {"type": "number", "minimum": least, "maximum": most}})

    def check(value: Mapping[str, Any]) -> None:
        only_keys(value, "reason", "score")
        typed(value, "reason", str, "a text")
        score_in(value, "score", least, most)

    def verdict(value: Mapping[str, Any]) -> tuple[bool, float, str]:
        score = float(value["score"])
        return score >= threshold, score, f"{score:g}: {value['reason']}"

    return _grading(grader, Messages(grader.input), form, schema, _params(grader.sampling_params), check, verdict)


def _grading(
    grader: LabelModel | ScoreModel,
    messages: Messages,
    form: str,
    schema: Mapping[str, Any],
    params: Mapping[str, Any],
    check: Callable[[Mapping[str, Any]], None],
    verdict: Callable[[Mapping[str, Any]], tuple[bool, float, str]],
) -> Grading:
    judge = Judge(name=grader.name, model=grader.model, params=params)
    digest = hashlib.sha256(messages.digested + b"\x00" + form.encode()).hexdigest()

    async def grade(values: Mapping[str, Any], outside: Outside) -> Verdict:
        sent = messages.filled(values, form)
        said = await ask_strictly(outside, judge.model, sent, parameters(judge, schema), check)
        passed, score, reason = verdict(said.value)
        by = JudgedBy(judge.name, judge.model, f"sha256:{digest}", said.answered)
        return Verdict(passed, score, clipped(reason, MAX_REASON), measured=score, cost_nano=said.cost_nano, by=by)

    return grade


def _params(params: SamplingParams | None) -> dict[str, Any]:
    if params is None:
        return {}
    found = {
        "seed": params.seed,
        "reasoning_effort": params.reasoning_effort,
        "max_tokens": params.max_completions_tokens,
    }
    return {key: value for key, value in found.items() if value is not None}


def _schema(properties: Mapping[str, Any]) -> dict[str, Any]:
    whole = {"reason": {"type": "string"}, **properties}
    return {"type": "object", "properties": whole, "required": list(whole), "additionalProperties": False}
