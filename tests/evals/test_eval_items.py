"""Rows, answered and graded."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from gateway.core.faults import NotAllowed, Unauthenticated
from gateway.evals.calls import WITHHELD, NoLongerAdmitted
from gateway.evals.criteria import read_criteria
from gateway.evals.items import Done, Rows, given_sample
from gateway.evals.jsonl import DataRow
from gateway.evals.sources import read_source
from gateway.pipeline.own_calls import Answered
from tests.evals.eval_doubles import Pipeline, record, refused, said

EQ = {
    "type": "string_check",
    "name": "eq",
    "operation": "eq",
    "input": "{{sample.output_text}}",
    "reference": "{{item.a}}",
}
ITEM_ONLY = {**EQ, "input": "{{item.q}}"}
SCORE = {
    "type": "score_model", "name": "score", "model": "judge", "range": [0, 10], "pass_threshold": 7,
    "input": [{"role": "user", "content": "{{sample.output_text}}"}],
}  # fmt: skip
ROW = DataRow({"q": "x", "a": "x"})
MESSAGES = {"type": "template", "template": [{"role": "user", "content": "{{item.q}}"}]}
SOURCE = {"type": "file_content", "content": [{"item": {}}]}


@pytest.fixture(scope="module")
def grading() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def done(
    grading: ThreadPoolExecutor, pipeline: Pipeline, *criteria: Any, row: DataRow = ROW, **source: Any
) -> Done:
    sent = {"type": "completions", "model": "m", "source": SOURCE, "input_messages": MESSAGES, **source}
    if source.get("type") == "jsonl":
        sent = {"type": "jsonl", "source": SOURCE}
    rows = Rows(read_source(sent), read_criteria(list(criteria), embeds=False), pipeline.calls(), grading)
    found = await rows.do(3, row)
    assert found.fields["status"] == found.status
    assert found.fields["datasource_item_id"] == 3
    msgspec.json.encode(found.fields)
    return found


async def test_a_row_passes_if_it_passes_every_criterion(grading: ThreadPoolExecutor) -> None:
    one = await done(grading, Pipeline(said("x")), EQ, {**EQ, "name": "ne", "operation": "ne"})
    assert (one.status, one.passed) == ("fail", (True, False))
    both = await done(grading, Pipeline(said("x")), EQ, ITEM_ONLY)
    assert (both.status, both.passed) == ("pass", (True, True))


async def test_a_row_without_an_answer_is_an_error_with_its_reason(grading: ThreadPoolExecutor) -> None:
    found = await done(grading, Pipeline(refused(NotAllowed("not you", code="model_not_allowed"))), EQ)
    assert (found.status, found.passed, found.fields["results"]) == ("error", (None,), [])
    assert found.fields["sample"]["error"] == {"code": "model_not_allowed", "message": "not you"}
    assert found.fields["sample"]["input"] == [{"role": "user", "content": "x"}]


async def test_a_grade_that_nobody_can_give_is_an_error_and_no_failure(grading: ThreadPoolExecutor) -> None:
    def by(body: Any) -> Any:
        return said("x") if body["model"] == "m" else refused(NotAllowed("no judge for you"))

    found = await done(grading, Pipeline(by=by), EQ, SCORE)
    assert (found.status, found.passed) == ("error", (True, None))
    assert "no judge for you" in found.fields["results"][1]["sample"]["error"]


async def test_a_judges_score_is_told_as_it_gave_it(grading: ThreadPoolExecutor) -> None:
    def by(body: Any) -> Any:
        return said("x") if body["model"] == "m" else said('{"reason": "fine", "score": 8}')

    found = await done(grading, Pipeline(by=by), SCORE)
    (result,) = found.fields["results"]
    assert (result["score"], result["passed"], result["type"]) == (8, True, "score-model-grader")
    assert result["sample"] == {"reason": "8: fine", "model": "m-1"}


@pytest.mark.parametrize("secretive", ["m", "judge"])
async def test_of_what_may_not_be_kept_only_grades_are(grading: ThreadPoolExecutor, secretive: str) -> None:
    def by(body: Any) -> Any:
        text = "nightjar" if body["model"] == "m" else '{"reason": "nightjar", "score": 8}'
        return said(text, keep=body["model"] != secretive)

    found = await done(grading, Pipeline(by=by), SCORE, row=DataRow({"q": "nightjar", "a": ""}))
    assert found.status == "pass"
    kept = {name: value for name, value in found.fields.items() if name != "datasource_item"}
    assert b"nightjar" not in msgspec.json.encode(kept)


@pytest.mark.parametrize("secretive", ["m", "judge"])
async def test_nor_is_what_a_refusal_of_it_quotes(grading: ThreadPoolExecutor, secretive: str) -> None:
    quoting = b'{"error": {"message": "I will not say nightjar", "code": "bad"}}'

    def by(body: Any) -> Any:
        if body["model"] != secretive:
            return said("x")
        return Answered(400, b"", record(), refusal=quoting, keep_content=False)

    asked = {"type": "template", "template": [{"role": "user", "content": "nightjar" if secretive == "m" else "x"}]}
    found = await done(grading, Pipeline(by=by), SCORE, input_messages=asked)
    assert found.status == "error"
    assert b"nightjar" not in msgspec.json.encode(found.fields)
    assert WITHHELD in msgspec.json.encode(found.fields).decode()


@pytest.mark.parametrize("refuses", ["m", "judge"])
async def test_a_key_that_is_gone_ends_it_whoever_is_asked(grading: ThreadPoolExecutor, refuses: str) -> None:
    def by(body: Any) -> Any:
        return refused(Unauthenticated("gone")) if body["model"] == refuses else said("x")

    with pytest.raises(NoLongerAdmitted):
        await done(grading, Pipeline(by=by), SCORE)


async def test_rows_bring_answers_or_need_none(grading: ThreadPoolExecutor) -> None:
    pipeline = Pipeline(said("never"))
    given = await done(grading, pipeline, EQ, row=DataRow({"a": "x"}, {"output_text": "x"}), type="jsonl")
    assert (given.status, given.fields["sample"]["output"]) == ("pass", [{"role": "assistant", "content": "x"}])
    without = await done(grading, pipeline, ITEM_ONLY, type="jsonl")
    assert (without.status, without.fields["sample"]["output"]) == ("pass", [])
    assert pipeline.asked == []


async def test_values_that_are_put_in_again_and_again_fill_no_memory(grading: ThreadPoolExecutor) -> None:
    row, many = DataRow({"q": "x" * 2_000_000, "a": ""}), "{{item.q}}" * 100
    asked = {"type": "template", "template": [{"role": "user", "content": many}]}
    pipeline = Pipeline(said("x"))
    found = await done(grading, pipeline, EQ, row=row, input_messages=asked)
    assert (found.status, found.fields["sample"]["error"]["code"], pipeline.asked) == ("error", "template_error", [])
    graded = await done(grading, pipeline, {**EQ, "input": many}, row=row)
    assert (graded.status, graded.fields["results"]) == ("error", [])


@pytest.mark.parametrize(
    ("said_by_row", "text", "tools"),
    [
        ({"output_text": "x"}, "x", []),
        ({"output_json": {"a": 1}}, '{"a":1}', []),
        ({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}, "x", []),
        ({"output_text": "x", "output_tools": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]}, "x", ["f"]),
        ({"choices": [{"message": {"content": None, "tool_calls": [{"function": {"name": "g", "arguments": {"a": 1}}}]}}]}, "", ["g"]),
        ({}, "", []),
        ({"choices": "odd", "output_tools": "odd", "output_text": 5}, "", []),
        ({"choices": [5]}, "", []),
        ({"output_tools": [5, {"function": 5}]}, "", ["", ""]),
    ],
)  # fmt: skip
def test_answers_that_rows_bring_are_read_however_they_are_said(said_by_row: Any, text: str, tools: list[str]) -> None:
    sample = given_sample(said_by_row)
    assert (sample.text, [one.name for one in sample.tool_calls]) == (text, tools)
