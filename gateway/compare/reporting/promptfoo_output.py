"""Results as promptfoo writes its own (`promptfoo eval --output`, version 3), for `promptfoo import` and `promptfoo
view`: a column for each arm, a row for each case and repeat."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.compare.grading import Grade, Sample
from gateway.compare.reporting.moving import place
from gateway.compare.running.results import CaseShown, Graded, Results, Summary
from gateway.compare.running.scoring import flat
from gateway.compare.running.trials import Arm
from gateway.core.money import NANO
from gateway.core.usage import Usage

VERSION = 3
# Why a row has failed: not at all, an assertion, something else.
_NONE, _ASSERT, _ERROR = 0, 1, 2


def promptfoo_output(runs: Sequence[Results]) -> dict[str, Any]:
    """All runs as one eval. Money is in the price book's currency, which promptfoo calls dollars."""
    prompts: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    tests = 0
    for results in runs:
        asked = {key: tests + at for at, key in enumerate(_asked(results))}
        columns = {arm.name: len(prompts) + at for at, arm in enumerate(results.arms)}
        arms, cases = {arm.name: arm for arm in results.arms}, {case.id: case for case in results.cases}
        for one in results.graded:
            key, case = (one.trial.case, one.trial.repeat), cases[one.trial.case]
            rows.append(_row(one, case, arms[one.trial.arm], results, columns[one.trial.arm], asked[key]))
        prompts += [_column(arm, one, results) for arm, one in zip(results.arms, results.summaries, strict=True)]
        tests += len(asked)
    began = _time(min((one.began for one in runs), default=0.0))
    samples = [one.trial.sample for results in runs for one in results.graded]
    return {
        "evalId": f"eval-gateway-{'-'.join(one.id for one in runs)}",
        "results": {
            "version": VERSION,
            "timestamp": began,
            "prompts": prompts,
            "results": rows,
            "stats": {
                "successes": sum(row["success"] for row in rows),
                "failures": sum(row["failureReason"] == _ASSERT for row in rows),
                "errors": sum(row["failureReason"] == _ERROR for row in rows),
                "tokenUsage": _tokens(samples),
            },
        },
        "config": {"description": ", ".join(one.suite for one in runs), "tags": {}},
        "shareableUrl": None,
        "metadata": {"exportedAt": began, "evaluationCreatedAt": began},
    }


def _asked(results: Results) -> Sequence[tuple[str, int]]:
    return [(case.id, repeat) for case in results.cases for repeat in range(results.repeats)]


def _row(one: Graded, case: CaseShown, arm: Arm, results: Results, column: int, test: int) -> dict[str, Any]:
    trial, sample = one.trial, one.trial.sample
    values = msgspec.to_builtins(case.vars, enc_hook=str)
    reason = _NONE if one.passed else _ERROR if one.error else _ASSERT
    return {
        "id": f"{results.id}-{column}-{test}",
        "promptIdx": column,
        "testIdx": test,
        "testCase": {
            "description": case.description or case.id,
            "vars": values,
            "assert": [_assertion(grade) for grade in trial.grades],
            "metadata": {"case": case.id, "place": place(results, case), "tags": list(case.tags)},
        },
        "promptId": _prompt_id(results, arm),
        "provider": {"id": arm.model or arm.name, "label": arm.name},
        "prompt": {"raw": _raw(case, arm), "label": arm.name},
        "vars": values,
        "response": _response(sample),
        "error": (one.error or one.reason) if not one.passed else None,
        "failureReason": reason,
        "success": one.passed,
        "score": one.score,
        "latencyMs": _milliseconds(sample),
        "gradingResult": {
            "pass": one.passed,
            "score": one.score,
            "reason": one.reason,
            "namedScores": dict(one.named),
            "componentResults": [_component(grade) for grade in flat(trial.grades)],
        },
        "namedScores": dict(one.named),
        "cost": _cost([sample]),
        "tokenUsage": _tokens([sample]),
        "metadata": {"call": trial.call, "target": trial.target, "origin": trial.origin, "repeat": trial.repeat},
    }


def _column(arm: Arm, summary: Summary, results: Results) -> dict[str, Any]:
    mine = [one for one in results.graded if one.trial.arm == arm.name]
    grades = [grade for one in mine for grade in flat(one.trial.grades)]
    samples = [one.trial.sample for one in mine]
    return {
        "id": _prompt_id(results, arm),
        "raw": f"{arm.prompt}@{arm.version}" if arm.prompt else results.suite,
        "label": arm.name,
        "provider": arm.model or arm.name,
        "metrics": {
            "score": sum(one.score for one in mine),
            "testPassCount": summary.passed,
            "testFailCount": sum(not one.passed and not one.error for one in mine),
            "testErrorCount": sum(bool(one.error) and not one.passed for one in mine),
            "assertPassCount": sum(grade.met for grade in grades),
            "assertFailCount": sum(not grade.met for grade in grades),
            "totalLatencyMs": sum(map(_milliseconds, samples)),
            "tokenUsage": _tokens(samples),
            "namedScores": {name: sum(one.named.get(name, 0.0) for one in mine) for name in summary.named},
            "namedScoresCount": {name: sum(name in one.named for one in mine) for name in summary.named},
            "cost": _cost(samples),
        },
    }


def _raw(case: CaseShown, arm: Arm) -> str:
    """What was asked; of a prompt, its name: the gateway put its text together."""
    if case.messages:
        return json.dumps(case.messages, indent=2, default=str, ensure_ascii=False)
    return f"{arm.prompt}@{arm.version}" if arm.prompt else ""


def _prompt_id(results: Results, arm: Arm) -> str:
    return f"{results.id}-{arm.name}"


def _response(sample: Sample | None) -> dict[str, Any]:
    if sample is None:
        return {"output": ""}
    calls = [{"name": call.name, "arguments": call.arguments} for call in sample.tool_calls]
    return {
        "output": sample.text if sample.text or not calls else calls,
        "tokenUsage": _tokens([sample]),
        "cost": _cost([sample]),
        "finishReason": sample.finish_reason,
        "isRefusal": sample.refusal,
    }


def _component(grade: Grade) -> Mapping[str, Any]:
    reason = grade.error or grade.reason
    return {"pass": grade.met, "score": grade.score, "reason": reason, "assertion": _assertion(grade)}


def _assertion(grade: Grade) -> dict[str, Any]:
    kind = grade.kind if not grade.parts else "assert-set"
    said = {"type": kind, "weight": grade.weight, **({"metric": grade.metric} if grade.metric else {})}
    return said | ({"assert": [_assertion(part) for part in grade.parts]} if grade.parts else {})


def _tokens(samples: Sequence[Sample | None]) -> dict[str, int]:
    known = [sample for sample in samples if sample is not None]
    usages = [sample.usage or Usage() for sample in known]
    given, made = sum(one.total_input for one in usages), sum(one.total_output for one in usages)
    return {"total": given + made, "prompt": given, "completion": made, "cached": 0, "numRequests": len(known)}


def _cost(samples: Sequence[Sample | None]) -> float:
    return sum(sample.cost_nano or 0 for sample in samples if sample is not None) / NANO


def _milliseconds(sample: Sample | None) -> int:
    return 0 if sample is None or sample.latency_s is None else round(sample.latency_s * 1000)


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.000Z}"
