"""Results as logs of Inspect (https://inspect.aisi.org.uk/eval-logs.html, version 2): one for each arm, for `inspect
view` and for whatever reads such logs."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from gateway.compare.grading import Grade, Sample
from gateway.compare.reporting.moving import place
from gateway.compare.running.results import CaseShown, Graded, Results, Summary
from gateway.compare.statistics.interval import Interval
from gateway.core.money import NANO
from gateway.core.usage import Usage

VERSION = 2
_SCORER = "gateway"
_OURS = ("pass", "score")
T = TypeVar("T")
_ROLES = ("system", "user", "assistant")
_REASONS = {
    **dict.fromkeys(("stop", "end_turn", "stop_sequence", "STOP"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "MAX_TOKENS"), "max_tokens"),
    **dict.fromkeys(("tool_calls", "tool_use"), "tool_calls"),
    **dict.fromkeys(("content_filter", "refusal", "SAFETY"), "content_filter"),
}


def inspect_logs(runs: Sequence[Results]) -> dict[str, dict[str, Any]]:
    """Logs by the names of their files, as Inspect wants them: the time, the task, the model and an id."""
    found: dict[str, dict[str, Any]] = {}
    for results in runs:
        began = datetime.fromtimestamp(results.began, UTC)
        for number, summary in enumerate(results.summaries):
            parts = (f"{began:%Y-%m-%dT%H-%M-%S+00-00}", _word(results.suite), _word(summary.arm), _id(results, number))
            found[f"{'_'.join(parts)}.json"] = _log(results, summary, number)
    return found


def _log(results: Results, summary: Summary, number: int) -> dict[str, Any]:
    cases = {case.id: case for case in results.cases}
    graded = [one for one in results.graded if one.trial.arm == summary.arm]
    arm = results.arms[number]
    model = arm.model or arm.name
    return {
        "version": VERSION,
        "status": "cancelled" if results.stopped else "success",
        "eval": {
            "eval_id": _id(results, number),
            "run_id": results.id,
            "created": _time(results.began),
            "task": results.suite,
            "task_id": _id(results, number),
            "task_version": 0,
            "task_file": results.file,
            "task_display_name": f"{results.suite}, {arm.name}",
            "task_args": {"arm": arm.name, **({"prompt": f"{arm.prompt}@{arm.version}"} if arm.prompt else {})},
            "dataset": {
                "name": results.suite,
                "location": results.file,
                "samples": len(results.cases),
                "sample_ids": [case.id for case in results.cases],
                "shuffled": False,
            },
            "model": model,
            "model_base_url": results.gateway or None,
            "model_args": dict(arm.parameters),
            "config": {"epochs": results.repeats},
            "metadata": {"arm": arm.name, "suite_digest": results.digest, "notes": list(results.notes)},
        },
        "plan": {"name": "plan", "steps": [], "config": {}},
        "results": {
            "total_samples": len(results.cases) * results.repeats,
            "completed_samples": len(graded),
            "scores": list(_scores(summary)),
        },
        "stats": {
            "started_at": _time(results.began),
            "completed_at": _time(results.ended),
            "model_usage": {model: _usage([one.trial.sample for one in graded])},
        },
        "samples": [_sample(one, cases[one.trial.case], results) for one in graded],
    }


def _scores(summary: Summary) -> Iterator[dict[str, Any]]:
    known = {"pass": summary.pass_rate, "score": summary.score, **_apart(summary.named)}
    for name, found in known.items():
        if found is not None:
            yield {"name": name, "scorer": _SCORER, "scored_samples": found.n, "params": {}, "metrics": _metrics(found)}


def _apart(named: Mapping[str, T]) -> dict[str, T]:
    """Metrics under names that are not those of what every log has."""
    return {f"metric {name}" if name in _OURS else name: value for name, value in named.items()}


def _metrics(found: Interval) -> dict[str, Any]:
    """Over cases, repeats of a case being one value."""
    values = {"mean": found.estimate, "ci_low": found.low, "ci_high": found.high, "stderr": found.standard_error}
    params = {"level": found.level, "method": found.method}
    return {
        name: {"name": name, "value": value, "params": params if name.startswith("ci") else {}}
        for name, value in values.items()
        if value is not None
    }


def _sample(one: Graded, case: CaseShown, results: Results) -> dict[str, Any]:
    trial = one.trial
    asked = [_message(message) for message in case.messages]
    error = one.error or (trial.failure.message if trial.failure is not None else "")
    return {
        "id": case.id,
        "epoch": trial.repeat + 1,
        "input": asked or json.dumps(case.vars, default=str, ensure_ascii=False),
        "target": "",
        "messages": [*asked, *([_answer(trial.sample)] if trial.sample is not None else [])],
        "output": _output(trial.sample, trial.target),
        "model_usage": {} if trial.sample is None else {trial.sample.model or trial.target: _usage([trial.sample])},
        "scores": _sample_scores(one) if one.counted else {},
        "metadata": {
            "description": case.description,
            "place": place(results, case),
            "tags": list(case.tags),
            "vars": msgspec.to_builtins(case.vars, enc_hook=str),
            "never_break": case.never_break,
            "call": trial.call,
            "target": trial.target,
            "origin": trial.origin,
        },
        "started_at": _time(trial.at) if trial.at else None,
        "total_time": None if trial.sample is None else trial.sample.latency_s,
        "uuid": f"{results.id}-{trial.arm}-{trial.case}-{trial.repeat}",
        **({"error": {"message": error, "traceback": "", "traceback_ansi": ""}} if error else {}),
    }


def _sample_scores(one: Graded) -> dict[str, Any]:
    answer = one.trial.sample.text if one.trial.sample is not None else None
    listed = [_told(grade) for grade in one.trial.grades]
    passed = {"value": "C" if one.passed else "I", "answer": answer, "explanation": one.reason}
    return {
        "pass": {**passed, "metadata": {"assertions": listed}},
        "score": {"value": one.score},
        **{name: {"value": value} for name, value in _apart(one.named).items()},
    }


def _told(grade: Grade) -> dict[str, Any]:
    told = {"type": grade.kind, "pass": grade.met, "score": grade.score, "reason": grade.error or grade.reason}
    told |= {"weight": grade.weight, "metric": grade.metric}
    return told | ({"parts": [_told(part) for part in grade.parts]} if grade.parts else {})


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    """Of what Inspect has no words for, as text."""
    role, content = message.get("role"), message.get("content")
    text = content if isinstance(content, str) else json.dumps(content, default=str, ensure_ascii=False)
    return {"role": role if role in _ROLES else "user", "content": text, "source": "input"}


def _answer(sample: Sample) -> dict[str, Any]:
    calls = [_call(call.id or f"call-{at}", call.name, call.arguments) for at, call in enumerate(sample.tool_calls)]
    return {
        "role": "assistant",
        "content": sample.text,
        "source": "generate",
        **({"tool_calls": calls} if calls else {}),
    }


def _call(id_: str, name: str, arguments: str) -> dict[str, Any]:
    try:
        return {"id": id_, "function": name, "arguments": msgspec.json.decode(arguments, type=dict[str, Any])}
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        return {"id": id_, "function": name, "arguments": {}, "parse_error": f"{error}: {arguments}"}


def _output(sample: Sample | None, target: str) -> dict[str, Any]:
    if sample is None:
        return {"model": target, "choices": []}
    return {
        "model": sample.model or target,
        "choices": [{"message": _answer(sample), "stop_reason": _REASONS.get(sample.finish_reason, "unknown")}],
        "completion": sample.text,
        "usage": _usage([sample]),
        "time": sample.latency_s,
    }


def _usage(samples: Sequence[Sample | None]) -> dict[str, Any]:
    known = [sample for sample in samples if sample is not None]
    usages = [sample.usage or Usage() for sample in known]
    costs = [sample.cost_nano for sample in known if sample.cost_nano is not None]
    given, made = sum(one.total_input for one in usages), sum(one.total_output for one in usages)
    # The price book's currency; Inspect has one field for it, and no name of a currency.
    cost = {"total_cost": sum(costs) / NANO} if costs else {}
    return {"input_tokens": given, "output_tokens": made, "total_tokens": given + made, **cost}


def _id(results: Results, number: int) -> str:
    return f"{re.sub('[^A-Za-z0-9]', '', results.id)}{number:02d}"


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:60] or "unnamed"


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S+00:00}"
