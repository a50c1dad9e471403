"""What cases are known by: results of two runs compare where the digests are the same."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from gateway.compare.cases.document import CaseDocument
from gateway.compare.grading.assertion import Assertion
from gateway.compare.grading.making import Making, judge_for
from gateway.compare.grading.names import plain_name
from gateway.stores.jsonvalues import canonical


def digest_of(value: Any) -> str:
    """`sha256:…` of the value's canonical JSON: keys in order, no blanks, `1.0` as `1`."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def together(digests: Iterable[str]) -> str:
    return digest_of(list(digests))


def case_digest(case: CaseDocument, making: Making, *, severity: str, source: str, code: Sequence[str]) -> str:
    """Of all that its results depend on: what it asks, what it expects, who judges by which words, what code runs."""
    return digest_of(
        {
            "vars": case.vars,
            "messages": case.messages,
            "output": None if case.provider_output is msgspec.UNSET else case.provider_output,
            "assert": [_assertion(one, making) for one in case.asserts],
            "threshold": case.threshold,
            "repeat": case.repeat or 1,
            "severity": severity,
            "source": source,
            "code": list(code),
        }
    )


def _assertion(one: Assertion, making: Making) -> dict[str, Any]:
    judge = judge_for(one, plain_name(one.type)[0], making)
    return {
        "type": one.type,
        "value": None if one.value is msgspec.UNSET else one.value,
        "threshold": one.threshold,
        "weight": one.weight,
        "metric": one.metric,
        "transform": one.transform,
        "rubric": making.rubrics.get(one.rubric),
        "config": one.config,
        "judge": None if judge is None else [judge.model, judge.prompt, dict(judge.params)],
        "assert": [_assertion(part, making) for part in one.asserts],
    }
