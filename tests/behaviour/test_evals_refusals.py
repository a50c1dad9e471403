"""What evals do not take, each with a status, a code, and the place of what is wrong."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio

from tests.behaviour.evals_desk import CUSTOM, MATCH, Desk, completions, content, evals_desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

PYTHON = {"type": "python", "name": "p", "source": "def grade(sample, item): return 1"}
LIKE = {
    "type": "text_similarity", "name": "l", "input": "x", "reference": "y", "evaluation_metric": "bleu", "pass_threshold": 0.5
}  # fmt: skip
JUDGE = {
    "type": "label_model", "name": "j", "model": "judge", "input": [{"role": "user", "content": "x"}],
    "labels": ["a"], "passing_labels": ["a"],
}  # fmt: skip
MULTI = {"type": "multi", "name": "m", "graders": {"a": MATCH}, "calculate_output": "a"}
IMAGE = [{"role": "user", "content": {"type": "input_image", "image_url": "https://example.com/a.png"}}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    bounds = {"max_rows": 5, "max_request_bytes": 20_000}
    async with evals_desk(tmp_path_factory.mktemp("evals"), evals=bounds) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def web(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {desk.gateway.key}"}
    async with httpx.AsyncClient(base_url=desk.gateway.base_url, headers=headers, timeout=20) as client:
        yield client


def error_of(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    assert error["message"]
    return answer.status_code, error["code"], error["param"]


def an_eval(**changes: Any) -> dict[str, Any]:
    return {"data_source_config": CUSTOM, "testing_criteria": [MATCH], **changes}


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ([], "invalid_request", None),
        ({}, "invalid_request", "data_source_config"),
        (an_eval(nmae="x"), "invalid_request", "nmae"),
        (an_eval(name="x" * 257), "invalid_request", "name"),
        (an_eval(name=5), "invalid_request", "name"),
        (an_eval(metadata={str(one): "" for one in range(17)}), "invalid_request", "metadata"),
        (an_eval(metadata={"k" * 65: "v"}), "invalid_request", "metadata"),
        (an_eval(metadata={"k": "v" * 513}), "invalid_request", "metadata.k"),
        (an_eval(metadata={"k": 5}), "invalid_request", "metadata"),
        (an_eval(data_source_config={"type": "logs", "metadata": {"a": "b"}}), "data_source_not_supported", "data_source_config.type"),
        (an_eval(data_source_config={"type": "stored_completions"}), "data_source_not_supported", "data_source_config.type"),
        (an_eval(data_source_config={"type": "costum"}), "invalid_request", "data_source_config.type"),
        (an_eval(data_source_config="custom"), "invalid_request", "data_source_config.type"),
        (an_eval(data_source_config={"type": "custom"}), "invalid_request", "data_source_config.item_schema"),
        (an_eval(data_source_config={"type": "custom", "item_schema": {"type": "objekt"}}), "invalid_request", "data_source_config.item_schema"),
        (an_eval(data_source_config={"type": "custom", "item_schema": {"$ref": "https://example.com/x.json"}}), "invalid_request", "data_source_config.item_schema"),
        (an_eval(testing_criteria=[]), "invalid_request", "testing_criteria"),
        (an_eval(testing_criteria={"type": "string_check"}), "invalid_request", "testing_criteria"),
        (an_eval(testing_criteria=[MATCH] * 51), "invalid_request", "testing_criteria"),
        (an_eval(testing_criteria=["x"]), "invalid_request", "testing_criteria[0]"),
        (an_eval(testing_criteria=[MATCH, {"type": "strng_check"}]), "invalid_request", "testing_criteria[1].type"),
        (an_eval(testing_criteria=[PYTHON]), "grader_not_supported", "testing_criteria[0].type"),
        (an_eval(testing_criteria=[MULTI]), "grader_not_supported", "testing_criteria[0].type"),
        (an_eval(testing_criteria=[{**MATCH, "operation": "equals"}]), "invalid_request", "testing_criteria[0].operation"),
        (an_eval(testing_criteria=[{**MATCH, "input": "{{smaple.output_text}}"}]), "invalid_request", "testing_criteria[0].input"),
        (an_eval(testing_criteria=[{**MATCH, "input": "{{item.x | upper}}"}]), "invalid_request", "testing_criteria[0].input"),
        (an_eval(testing_criteria=[{**MATCH, "input": "{% raw %}" * 1_000}]), "invalid_request", "testing_criteria[0]"),
        (an_eval(testing_criteria=[{**LIKE, "evaluation_metric": "cosine"}]), "grader_not_supported", "testing_criteria[0].evaluation_metric"),
        (an_eval(testing_criteria=[{**LIKE, "pass_threshold": None}]), "invalid_request", "testing_criteria[0].pass_threshold"),
        (an_eval(testing_criteria=[{**LIKE, "pass_threshold": 5}]), "invalid_request", "testing_criteria[0].pass_threshold"),
        (an_eval(testing_criteria=[{**JUDGE, "passing_labels": ["b"]}]), "invalid_request", "testing_criteria[0].passing_labels[0]"),
        (an_eval(testing_criteria=[{**JUDGE, "input": IMAGE}]), "invalid_request", "testing_criteria[0].input[0].content"),
    ],
)  # fmt: skip
async def test_evals_that_are_none_are_told_by_place(
    web: httpx.AsyncClient, body: Any, code: str, param: str | None
) -> None:
    assert error_of(await web.post("/evals", json=body)) == (400, code, param)


def a_run(**changes: Any) -> dict[str, Any]:
    return {"data_source": completions(("x", "y")) | changes}


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "invalid_request", "data_source"),
        ({"data_source": 5}, "invalid_request", "data_source.type"),
        (a_run(type="completion"), "invalid_request", "data_source.type"),
        (a_run(odd=1), "invalid_request", "data_source.odd"),
        (a_run(model=None), "invalid_request", "data_source.model"),
        (a_run(input_messages=None), "invalid_request", "data_source.input_messages"),
        (a_run(type="jsonl"), "invalid_request", "data_source.model"),
        (a_run(source={"type": "stored_completions"}), "data_source_not_supported", "data_source.source.type"),
        (a_run(type="responses", source={"type": "responses"}), "data_source_not_supported", "data_source.source.type"),
        (a_run(source={"type": "url"}), "invalid_request", "data_source.source.type"),
        (a_run(source={"type": "file_id"}), "invalid_request", "data_source.source.id"),
        (a_run(source={"type": "file_content", "content": []}), "invalid_request", "data_source.source.content"),
        (a_run(source={"type": "file_content", "content": [{"itm": {}}]}), "invalid_request", "data_source.source.content[0].itm"),
        (a_run(source={"type": "file_content", "content": [{"item": []}]}), "invalid_request", "data_source.source.content[0].item"),
        (a_run(source={"type": "file_content", "content": [{"item": {"q": "x"}}, {"item": {"q": 5}}]}), "invalid_item", "data_source.source.content"),
        (a_run(source=content(*[("x", "y")] * 6)), "invalid_request", "data_source.source.content"),
        (a_run(input_messages={"type": "template", "template": []}), "invalid_request", "data_source.input_messages.template"),
        (a_run(input_messages={"type": "templte"}), "invalid_request", "data_source.input_messages"),
        (a_run(input_messages={"type": "template", "template": [{"role": "robot", "content": ""}]}), "invalid_request", "data_source.input_messages.template[0].role"),
        (a_run(input_messages={"type": "template", "template": [{"role": "user"}]}), "invalid_request", "data_source.input_messages.template[0].content"),
        (a_run(input_messages={"type": "template", "template": [{"role": "user", "content": "{{sample.x}}"}]}), "invalid_request", "data_source.input_messages.template[0].content"),
        (a_run(input_messages={"type": "template", "template": [{"role": "user", "content": {"type": "video"}}]}), "invalid_request", "data_source.input_messages.template[0].content"),
        (a_run(input_messages={"type": "template", "template": [{"role": "user", "content": "{% raw %}" * 1_000}]}), "invalid_request", "data_source.input_messages.template[0].content"),
        (a_run(input_messages={"type": "item_reference", "item_reference": "data.x"}), "invalid_request", "data_source.input_messages.item_reference"),
        (a_run(sampling_params={"temprature": 1}), "invalid_request", "data_source.sampling_params.temprature"),
        (a_run(sampling_params={"temperature": "hot"}), "invalid_request", "data_source.sampling_params.temperature"),
        (a_run(sampling_params={"text": {}}), "invalid_request", "data_source.sampling_params.text"),
        ({"data_source": {"type": "jsonl", "source": content(("x", "y"))}}, "sample_missing", "data_source.source.content"),
    ],
)  # fmt: skip
async def test_runs_that_are_none_are_told_by_place(
    desk: Desk, web: httpx.AsyncClient, body: Any, code: str, param: str
) -> None:
    made = await desk.eval()
    assert error_of(await web.post(f"/evals/{made.id}/runs", json=body)) == (400, code, param)
    assert [one async for one in desk.client.evals.runs.list(made.id)] == []
    assert not desk.upstream.requests


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"), ({"limit": "101"}, "limit"), ({"limit": "x"}, "limit"),
        ({"limit": "000000005000000"}, "limit"), ({"limit": "1" + "0" * 30}, "limit"), ({"order": "up"}, "order"),
        ({"order_by": "name"}, "order_by"), ({"after": "eval_none"}, "after"),
    ],
)  # fmt: skip
async def test_lists_are_asked_for_properly(web: httpx.AsyncClient, query: dict[str, str], param: str) -> None:
    assert error_of(await web.get("/evals", params=query)) == (400, "invalid_request", param)


async def test_bodies_that_cannot_be_read_are_refused(web: httpx.AsyncClient) -> None:
    assert error_of(await web.post("/evals", content=b"{")) == (400, "invalid_json", None)
    deep = b'{"data_source_config": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"
    assert error_of(await web.post("/evals", content=deep)) == (400, "invalid_json", None)
    huge = b'{"name": "' + b"x" * 20_001 + b'"}'
    assert error_of(await web.post("/evals", content=huge)) == (413, "request_too_large", None)
    packed = await web.post("/evals", content=b"x", headers={"content-encoding": "gzip"})
    assert error_of(packed) == (400, "invalid_request", "content-encoding")
    assert error_of(await web.put("/evals", json={}))[0] in (404, 405)


async def test_what_is_not_there_is_404_in_openais_shape(desk: Desk) -> None:
    for attempt in (
        desk.client.evals.retrieve("eval_none"),
        desk.client.evals.update("eval_none", name="x"),
        desk.client.evals.delete("eval_none"),
        desk.client.evals.runs.create("eval_none", data_source=completions(("x", "y"))),
        desk.client.evals.runs.retrieve("evalrun_none", eval_id="eval_none"),
        desk.client.files.retrieve("file-none"),
    ):
        with pytest.raises(openai.NotFoundError) as missing:
            await attempt
        assert missing.value.code in ("eval_not_found", "run_not_found", "file_not_found")
    made = await desk.eval()
    source: Any = completions() | {"source": {"type": "file_id", "id": "file-none"}}
    with pytest.raises(openai.NotFoundError) as missing:
        await desk.client.evals.runs.create(made.id, data_source=source)
    assert missing.value.code == "file_not_found"
