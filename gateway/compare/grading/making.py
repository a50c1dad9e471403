"""Assertions understood, or refused with the place of what is wrong: nothing waits for an answer to be found out."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import msgspec

from gateway.compare.grading import figures, likeness, refusals, structured, texts, toolcalls
from gateway.compare.grading.assertion import Assertion
from gateway.compare.grading.checks import Asking, Check, Contest, Look, Wanted
from gateway.compare.grading.jsonpathing import json_path, path_of
from gateway.compare.grading.judging import rubrics
from gateway.compare.grading.judging.judges import Judge
from gateway.compare.grading.judging.prompts import PROMPTS
from gateway.compare.grading.names import NOT, SET, TOGETHER, plain_name
from gateway.compare.grading.numbers import numeric
from gateway.compare.grading.paths import JsonPath
from gateway.compare.grading.python.asserting import python
from gateway.compare.grading.templates import render
from gateway.compare.grading.values import Wrong, one_text, placed
from gateway.stores.wording import nearest

Made = TypeVar("Made")
Value = Literal["needed", "may", "none"]


class Kind(NamedTuple, Generic[Made]):
    """How a type is understood, and which keys mean something to it. `text`: it looks at the answer's text, so that a
    `transform` of it makes sense. `figure`: without a threshold it notes what it measured under its metric."""

    make: Callable[[Wanted], Made]
    value: Value = "needed"
    threshold: bool = False
    config: bool = False
    text: bool = True
    figure: bool = False


LOOKS: Mapping[str, Kind[Look]] = {
    "equals": Kind(texts.equals),
    "contains": Kind(texts.contains),
    "icontains": Kind(texts.icontains),
    "contains-any": Kind(texts.contains_any),
    "contains-all": Kind(texts.contains_all),
    "icontains-any": Kind(texts.icontains_any),
    "icontains-all": Kind(texts.icontains_all),
    "starts-with": Kind(texts.starts_with),
    "regex": Kind(texts.regex),
    "word-count": Kind(texts.word_count),
    "is-json": Kind(structured.is_json, value="may"),
    "contains-json": Kind(structured.contains_json, value="may"),
    "is-xml": Kind(structured.is_xml, value="may"),
    "is-html": Kind(structured.is_html, value="none"),
    "json-path": Kind(json_path),
    "numeric": Kind(numeric),
    "is-refusal": Kind(refusals.is_refusal, value="none"),
    "tool-call": Kind(toolcalls.tool_call, text=False),
    "tool-call-f1": Kind(toolcalls.tool_call_f1, threshold=True, text=False),
    "is-valid-openai-tools-call": Kind(toolcalls.is_valid_openai_tools_call, value="may", text=False),
    "finish-reason": Kind(figures.finish_reason, text=False),
    "latency": Kind(figures.latency, value="may", threshold=True, text=False, figure=True),
    "cost": Kind(figures.cost, value="may", threshold=True, text=False, figure=True),
    "tokens": Kind(figures.tokens, value="may", threshold=True, text=False, figure=True),
    "rouge-n": Kind(likeness.rouge_n, threshold=True, config=True),
    "bleu": Kind(likeness.bleu_score, threshold=True),
    "gleu": Kind(likeness.gleu_score, threshold=True),
    "meteor": Kind(likeness.meteor_score, threshold=True),
    "levenshtein": Kind(likeness.levenshtein_distance, threshold=True),
    "fuzzy_match": Kind(likeness.fuzzy_match, threshold=True),
}
ASKS: Mapping[str, Kind[Asking]] = {
    "similar": Kind(likeness.similar, threshold=True),
    "llm-rubric": Kind(rubrics.llm_rubric, threshold=True),
    "g-eval": Kind(rubrics.g_eval, threshold=True),
    "factuality": Kind(rubrics.factuality, threshold=True, config=True),
    "model-graded-closedqa": Kind(rubrics.closed_qa),
    "python": Kind(python, threshold=True, config=True),
}
NOBODY: Mapping[str, Any] = {}
# Whose value is what an answer may be.
_NAMES_IT = frozenset({"equals", "contains", "icontains", "starts-with"})


class Making(msgspec.Struct, frozen=True, kw_only=True):
    """What assertions may refer to.

    Attributes:
        vars: for `{{name}}`. judges, rubrics: by name.
        judge: who judges where nobody is named, and there is not one judge alone among those declared.
        python: code may be run. read: the text of a file that `file://` names; it raises Wrong.
    """

    vars: Mapping[str, Any] = NOBODY
    judges: Mapping[str, Judge] = NOBODY
    rubrics: Mapping[str, str] = NOBODY
    judge: Judge | None = None
    python: bool = False
    read: Callable[[str], str] | None = None


def make(assertion: Assertion, making: Making) -> Check:
    """The check that an assertion means.

    Raises:
        Wrong: it makes no sense; with the place in it.
    """
    if assertion.type == SET:
        return _set(assertion, making)
    if assertion.asserts:
        raise Wrong(("assert",), f"only an {SET} has assertions of its own")
    name, negated = plain_name(assertion.type)
    kind = LOOKS.get(name) or ASKS.get(name)
    if name != TOGETHER and kind is None:
        raise Wrong(("type",), f"`{name}` has no meaning here")  # the words and the tables differ: a test forbids it
    value = _value(assertion, name, making)
    judge = judge_for(assertion, name, making)
    shared: dict[str, Any] = {
        "kind": NOT + name if negated else name,
        "negated": negated,
        "weight": assertion.weight,
        "metric": _metric(assertion, making),
        "keeps_score": name == "python",
    }
    if kind is None:
        _contest_keys(assertion)
        assert judge is not None
        return Check(**shared, contest=Contest(criteria=one_text(value), judge=judge))
    _check_keys(assertion, name, negated, kind)
    if name == "python" and not making.python:
        raise Wrong(("type",), "python runs on the command line, where it is allowed, and not on a server")
    wanted = Wanted(
        name=name,
        value=value,
        threshold=assertion.threshold,
        config=render(assertion.config, making.vars, ("config",)),
        judge=judge,
        read=making.read,
    )
    path = _path(assertion, name, kind)
    if name in LOOKS:
        expected = value if name in _NAMES_IT and not negated and path is None and isinstance(value, str) else ""
        return Check(**shared, looks=LOOKS[name].make(wanted), path=path, expected=expected)
    by = rubrics.question_for(wanted).by if name in PROMPTS else None
    return Check(**shared, asks=ASKS[name].make(wanted), path=path, by=by)


def _set(assertion: Assertion, making: Making) -> Check:
    if not assertion.asserts:
        raise Wrong(("assert",), f"an {SET} without assertions asserts nothing")
    for key in ("value", "transform", "judge", "rubric", "config"):
        if getattr(assertion, key) not in (msgspec.UNSET, "", {}):
            raise Wrong((key,), f"`{key}` means nothing to an {SET}; give it to its members")
    parts: list[Check] = []
    for index, one in enumerate(assertion.asserts):
        place = ("assert", index)
        if one.type in (SET, TOGETHER):
            raise Wrong((*place, "type"), f"an {SET} has no `{one.type}` in it")
        parts.append(placed(place, lambda one=one: make(one, making)))
    return Check(
        kind=SET,
        weight=assertion.weight,
        metric=_metric(assertion, making),
        parts=tuple(parts),
        threshold=_share_or_none(assertion.threshold),
    )


def _share_or_none(threshold: float | None) -> float | None:
    if threshold is not None and not 0 <= threshold <= 1:
        raise Wrong(("threshold",), f"a score is between 0 and 1, so {threshold:g} is no threshold for one")
    return threshold


def _value(assertion: Assertion, name: str, making: Making) -> Any:
    """What is expected, with the case's variables in it; python is no template."""
    if assertion.rubric:
        if name not in PROMPTS:
            raise Wrong(("rubric",), "`rubric` is for those that ask a judge")
        if assertion.value is not msgspec.UNSET:
            raise Wrong(("rubric",), "either a `value` or a `rubric`")
        if assertion.rubric not in making.rubrics:
            known = nearest(assertion.rubric, sorted(making.rubrics))
            raise Wrong(("rubric",), f"the rubric `{assertion.rubric}` is not declared under `rubrics`{known}")
        return render(making.rubrics[assertion.rubric], making.vars, ("rubric",))
    if assertion.value is msgspec.UNSET or name == "python":
        return assertion.value
    return render(assertion.value, making.vars, ("value",))


def judge_for(assertion: Assertion, name: str, making: Making) -> Judge | None:
    """Who judges; None where nobody does.

    Raises:
        Wrong: nobody is declared who could, or another one is meant.
    """
    if name not in PROMPTS:
        if assertion.judge:
            raise Wrong(("judge",), f"`{assertion.type}` asks no judge")
        return None
    if not assertion.judge:
        only = next(iter(making.judges.values())) if len(making.judges) == 1 else None
        found = only or making.judge
        if found is None:
            known = f"; name one of {', '.join(sorted(making.judges))}" if making.judges else ""
            raise Wrong(("judge",), f"who judges? Declare judges, each with a model, under `judges`{known}")
        return found
    if assertion.judge not in making.judges:
        known = nearest(assertion.judge, sorted(making.judges))
        raise Wrong(("judge",), f"the judge `{assertion.judge}` is not declared under `judges`{known}")
    return making.judges[assertion.judge]


def _metric(assertion: Assertion, making: Making) -> str:
    return str(render(assertion.metric, making.vars, ("metric",)))


def _check_keys(assertion: Assertion, name: str, negated: bool, kind: Kind[Any]) -> None:
    """Keys that mean nothing to a type are slips of the pen."""
    given = assertion.value is not msgspec.UNSET or bool(assertion.rubric)
    if given and kind.value == "none":
        raise Wrong(("value",), f"`{name}` takes no value")
    if not given and kind.value == "needed":
        raise Wrong((), f"`{assertion.type}` needs a `value`")
    if assertion.threshold is not None and not kind.threshold:
        raise Wrong(("threshold",), f"`{name}` holds or does not; it takes no threshold")
    if assertion.config and not kind.config:
        raise Wrong(("config",), f"`{name}` takes no config")
    if kind.figure and assertion.threshold is None:
        if negated:
            raise Wrong((), f"`{assertion.type}` needs a `threshold`")
        if not assertion.metric or assertion.weight:
            raise Wrong(
                (), f"`{name}` needs a `threshold`; to note the figure only, give it a `metric` and `weight: 0`"
            )


def _contest_keys(assertion: Assertion) -> None:
    if assertion.value is msgspec.UNSET and not assertion.rubric:
        raise Wrong((), f"`{assertion.type}` needs a `value`: by what the better answer is told")
    for key in ("threshold", "transform", "config"):
        if getattr(assertion, key) not in (None, "", {}):
            raise Wrong((key,), f"`{assertion.type}` takes no {key}")


def _path(assertion: Assertion, name: str, kind: Kind[Any]) -> JsonPath | None:
    if not assertion.transform:
        return None
    if not kind.text:
        raise Wrong(("transform",), f"`{name}` does not look at the answer's text, so there is nothing to transform")
    return path_of(assertion.transform, ("transform",))
