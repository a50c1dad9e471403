"""Logs for other viewers. `inspect_evallog.json` is the part of Inspect's own schema that these logs use, made from the
package, which is too heavy to install for a test; promptfoo's form is that which `promptfoo import` was seen to take."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from gateway.compare.grading import Sample
from gateway.compare.grading.sample import ToolCall
from gateway.compare.reporting.inspect_logs import inspect_logs
from gateway.compare.reporting.promptfoo_output import promptfoo_output
from gateway.compare.running.results import Results
from tests.compare.reported import results_of

SCHEMA = json.loads((Path(__file__).parent / "inspect_evallog.json").read_text())


@pytest.fixture(scope="module")
def found() -> Results:
    return results_of(30, {"old": 0.6, "vendor/new v2@3": 0.9}, repeats=2, never_break=(3,), judge=True)


def changed(found: Results, sample: Sample) -> Results:
    """The same, each answer being this one."""
    graded = tuple(
        msgspec.structs.replace(one, trial=msgspec.structs.replace(one.trial, sample=sample)) for one in found.graded
    )
    return msgspec.structs.replace(found, graded=graded)


def checked(logs: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    read = [json.loads(json.dumps(log)) for log in logs.values()]
    for log in read:
        jsonschema.validate(log, SCHEMA)
    return read


def test_a_log_for_each_arm_is_as_inspect_reads_it(found: Results) -> None:
    logs = inspect_logs([found])
    began = next(iter(logs)).split("_")[0]
    assert [name.split("_")[1:] for name in logs] == [
        ["suite", "old", "run00.json"],
        ["suite", "vendor-new-v2-3", "run01.json"],
    ]
    assert began.endswith("+00-00")
    for log, summary in zip(checked(logs), found.summaries, strict=True):
        assert (log["version"], log["status"]) == (2, "success")
        assert len(log["samples"]) == 60
        assert {one["epoch"] for one in log["samples"]} == {1, 2}
        passed = sum(one["scores"]["pass"]["value"] == "C" for one in log["samples"])
        assert passed == summary.passed
        assert summary.pass_rate is not None
        scores = {one["name"]: one["metrics"] for one in log["results"]["scores"]}
        assert scores["pass"]["mean"]["value"] == summary.pass_rate.estimate
        assert scores["pass"]["ci_low"]["value"] < scores["pass"]["mean"]["value"] < scores["pass"]["ci_high"]["value"]
        assert scores.keys() == {"pass", "score", "routing"}
        assert sum("error" in one for one in log["samples"]) == summary.errors > 0
        (usage,) = log["stats"]["model_usage"].values()
        assert usage["total_cost"] == pytest.approx(summary.cost_nano / 1e9)
        assert (
            sum(use["input_tokens"] for one in log["samples"] for use in one["model_usage"].values())
            == usage["input_tokens"]
        )


def test_a_run_that_was_stopped_and_prompts_are_told_as_such(found: Results) -> None:
    arms = tuple(msgspec.structs.replace(arm, prompt="support/triage", version=3) for arm in found.arms)
    stopped = msgspec.structs.replace(found, stopped="cost ceiling", arms=arms)
    (log, _) = checked(inspect_logs([stopped]))
    assert log["status"] == "cancelled"
    assert log["eval"]["task_args"]["prompt"] == "support/triage@3"


@pytest.mark.parametrize("arguments", ['{"a": 1}', "[1]", "{oops", "\ud800"])
def test_tools_that_are_called(found: Results, arguments: str) -> None:
    sample = Sample(tool_calls=(ToolCall("find", arguments),), finish_reason="tool_calls")
    logs = checked(inspect_logs([changed(found, sample)]))
    answer = logs[0]["samples"][0]["output"]["choices"][0]
    assert answer["stop_reason"] == "tool_calls"
    (call,) = answer["message"]["tool_calls"]
    assert call["arguments"] == ({"a": 1} if arguments == '{"a": 1}' else {})
    assert ("parse_error" in call) == (arguments != '{"a": 1}')
    output = json.loads(json.dumps(promptfoo_output([changed(found, sample)])))
    assert output["results"]["results"][0]["response"]["output"] == [{"name": "find", "arguments": arguments}]


def test_messages_that_inspect_has_no_words_for_are_text(found: Results) -> None:
    messages = ({"role": "tool", "content": [{"type": "text", "text": "x"}]}, {"role": "user", "content": None})
    cases = tuple(msgspec.structs.replace(case, messages=messages, vars={"x": {1, 2}}) for case in found.cases)
    (log, _) = checked(inspect_logs([msgspec.structs.replace(found, cases=cases)]))
    assert log["samples"][0]["input"][0] == {
        "role": "user",
        "content": '[{"type": "text", "text": "x"}]',
        "source": "input",
    }


def test_names_of_files_are_names_of_files_and_no_two_are_alike(found: Results) -> None:
    arms = tuple(msgspec.structs.replace(arm, name="../../" + "é" * 200) for arm in found.arms)
    summaries = tuple(msgspec.structs.replace(one, arm="../../\x00:" + "é" * 200) for one in found.summaries)
    logs = inspect_logs([msgspec.structs.replace(found, arms=arms, summaries=summaries, suite="a/b_c", id="0199-7a")])
    assert len(logs) == 2
    assert all(name.split("_")[1:3] == ["a-b-c", "unnamed"] and "/" not in name and len(name) < 200 for name in logs)


def test_promptfoo_has_a_column_for_each_arm_and_a_row_for_each_case_and_repeat(found: Results) -> None:
    output = json.loads(json.dumps(promptfoo_output([found])))
    results = output["results"]
    assert results["version"] == 3
    assert [one["label"] for one in results["prompts"]] == ["old", "vendor/new v2@3"]
    assert len(results["results"]) == 30 * 2 * 2
    assert {(one["promptIdx"], one["testIdx"]) for one in results["results"]} == {
        (at, test) for at in (0, 1) for test in range(60)
    }
    for column, summary in enumerate(found.summaries):
        rows = [one for one in results["results"] if one["promptIdx"] == column]
        metrics = results["prompts"][column]["metrics"]
        assert sum(one["success"] for one in rows) == metrics["testPassCount"] == summary.passed
        assert metrics["testErrorCount"] == summary.errors == sum(one["failureReason"] == 2 for one in rows)
        assert metrics["testPassCount"] + metrics["testFailCount"] + metrics["testErrorCount"] == 60
        assert metrics["cost"] == pytest.approx(summary.cost_nano / 1e9)
    stats = results["stats"]
    assert stats["successes"] + stats["failures"] + stats["errors"] == 120
    row = next(one for one in results["results"] if not one["success"] and one["failureReason"] != 2)
    assert row["gradingResult"]["reason"] == row["error"]
    assert {one["assertion"]["type"] for one in row["gradingResult"]["componentResults"]} >= {"is-json", "icontains"}


def test_several_runs_are_one_eval(found: Results) -> None:
    other = msgspec.structs.replace(found, id="other", suite="another")
    results = promptfoo_output([found, other])["results"]
    assert len(results["prompts"]) == 4
    assert {one["promptIdx"] for one in results["results"]} == {0, 1, 2, 3}
    assert len({one["id"] for one in results["results"]}) == 240
    assert max(one["testIdx"] for one in results["results"]) == 119
    assert len(inspect_logs([found, other])) == 4


def test_a_metric_called_pass_takes_no_verdicts_place(found: Results) -> None:
    graded = tuple(msgspec.structs.replace(one, named={"pass": 0.25, "score": 0.5}) for one in found.graded)
    summaries = tuple(msgspec.structs.replace(one, named={"pass": one.named["routing"]}) for one in found.summaries)
    log, *_ = checked(inspect_logs([msgspec.structs.replace(found, graded=graded, summaries=summaries)]))
    assert {one["scores"]["pass"]["value"] for one in log["samples"]} == {"C", "I"}
    assert log["samples"][0]["scores"]["metric pass"] == {"value": 0.25}
    scores = {one["name"]: one["metrics"]["mean"]["value"] for one in log["results"]["scores"]}
    assert found.summaries[0].pass_rate is not None
    assert scores["pass"] == found.summaries[0].pass_rate.estimate
    assert "metric pass" in scores
