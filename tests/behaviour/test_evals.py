"""OpenAI's evals with OpenAI's own SDK, against a gateway as its users run it."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio

from gateway.testing import json_answer
from tests.behaviour.evals_desk import (
    CHAT,
    CUSTOM,
    MATCH,
    RESPONSES,
    Desk,
    answering,
    chat_answer,
    completions,
    evals_desk,
    strictly,
)
from tests.conftest import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = ROOT / "gateway" / "evals" / "EVALS.md"
TWO = (("Paris", "Paris"), ("Rome", "London"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with evals_desk(tmp_path_factory.mktemp("evals"), evals={"embedding_model": "vectors"}) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def fresh(desk: Desk) -> None:
    desk.upstream.set(CHAT, answering)
    desk.upstream.requests.clear()


async def test_an_eval_is_made_found_renamed_listed_and_deleted(desk: Desk) -> None:
    made = await desk.eval(name="capitals", metadata={"team": "a"})
    strictly(made)
    assert (made.name, made.metadata, made.object) == ("capitals", {"team": "a"}, "eval")
    assert made.data_source_config.to_dict()["schema"]["properties"]["item"] == CUSTOM["item_schema"]
    assert [one.to_dict() for one in made.testing_criteria] == [MATCH]
    assert (await desk.client.evals.retrieve(made.id)).to_dict() == made.to_dict()
    renamed = await desk.client.evals.update(made.id, name="towns", metadata={"team": "b"})
    assert (renamed.name, renamed.metadata) == ("towns", {"team": "b"})
    assert (await desk.client.evals.update(made.id, name="cities")).metadata == {"team": "b"}
    assert made.id in [one.id async for one in desk.client.evals.list()]
    gone = await desk.client.evals.delete(made.id)
    assert (gone.deleted, gone.eval_id, gone.object) == (True, made.id, "eval.deleted")
    with pytest.raises(openai.NotFoundError) as missing:
        await desk.client.evals.retrieve(made.id)
    assert missing.value.code == "eval_not_found"


async def test_lists_are_walked_page_by_page_in_either_order(desk: Desk) -> None:
    made = [(await desk.eval(name=f"page {number}")).id for number in range(5)]
    await desk.client.evals.update(made[1], name="page 1, again")

    async def walked(**fields: Any) -> list[str]:
        return [one.id async for one in desk.client.evals.list(limit=2, **fields) if one.id in made]

    assert await walked() == made
    assert await walked(order="desc") == made[::-1]
    by_update = [made[0], *made[2:], made[1]]
    assert await walked(order_by="updated_at") == by_update
    assert await walked(order_by="updated_at", order="desc") == by_update[::-1]
    first = await desk.client.evals.list(limit=2, after=made[0])
    assert ([one.id for one in first.data], first.has_more) == (made[1:3], True)


async def test_a_run_asks_a_model_and_grades_what_it_says(desk: Desk) -> None:
    made = await desk.eval()
    run = await desk.client.evals.runs.create(made.id, data_source=completions(*TWO), name="first", metadata={"k": "v"})
    strictly(run)
    assert (run.status in ("queued", "in_progress"), run.name, run.model) == (True, "first", "model")
    run = await desk.ended(run)
    strictly(run)
    assert (run.status, run.error, run.metadata) == ("completed", None, {"k": "v"})
    assert run.result_counts.to_dict() == {"total": 2, "passed": 1, "failed": 1, "errored": 0}
    assert [one.to_dict() for one in run.per_testing_criteria_results] == [
        {"testing_criteria": "match", "passed": 1, "failed": 1}
    ]
    (usage,) = run.per_model_usage
    assert usage.to_dict() == {
        "model_name": "model", "invocation_count": 2, "prompt_tokens": 14, "completion_tokens": 6, "total_tokens": 20,
        "cached_tokens": 4,
    }  # fmt: skip
    items = await desk.items(run)
    for item in items:
        strictly(item)
    passed = next(one for one in items if one.status == "pass")
    assert passed.datasource_item == {"q": "Paris", "a": "Paris"}
    assert [one.to_dict() for one in passed.sample.input] == [{"role": "user", "content": "Say Paris"}]
    assert [one.to_dict() for one in passed.sample.output] == [{"role": "assistant", "content": "Paris"}]
    assert (passed.sample.finish_reason, passed.sample.model, passed.sample.usage.total_tokens) == (
        "stop", "real-model", 10
    )  # fmt: skip
    (result,) = passed.results
    assert (result.name, result.passed, result.score, result.type) == ("match", True, 1.0, "string-check-grader")
    assert [one.status for one in await desk.items(run, status="fail")] == ["fail"]
    assert [one.id for one in await desk.items(run, status="pass")] == [passed.id]
    found = await desk.client.evals.runs.output_items.retrieve(passed.id, eval_id=made.id, run_id=run.id)
    assert found.to_dict() == passed.to_dict()
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {desk.gateway.key}"}, timeout=20) as web:
        assert (await web.get(run.report_url)).json() == run.to_dict()


async def test_what_is_asked_has_the_parameters_that_were_sent(desk: Desk) -> None:
    made = await desk.eval()
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    params: Any = {
        "temperature": 0.2, "top_p": 0.5, "seed": 7, "max_completion_tokens": 20, "reasoning_effort": "low",
        "response_format": {"type": "json_object"}, "tools": tools,
    }  # fmt: skip
    parts = [{"type": "input_text", "text": "Say {{ item.q }}"}, {"type": "input_image", "image_url": "{{item.a}}"}]
    messages = {
        "type": "template",
        "template": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts}],
    }
    source = completions(("x", "https://example.com/a.png"), sampling_params=params) | {"input_messages": messages}
    run = await desk.run(made, source)
    strictly(run)
    assert run.result_counts.total == 1
    body = desk.upstream.requests[-1].json()
    assert {name: body[name] for name in params} == params
    assert body["messages"][1]["content"] == [
        {"type": "text", "text": "Say x"}, {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    ]  # fmt: skip
    (item,) = await desk.items(run)
    strictly(item)
    sample = item.sample
    assert (sample.temperature, sample.top_p, sample.seed, sample.max_completion_tokens) == (0.2, 0.5, 7, 20)


async def test_a_trajectory_of_the_item_is_asked_as_it_stands(desk: Desk) -> None:
    schema = {"type": "object", "properties": {"turns": {"type": "array"}}, "required": ["turns"]}
    made = await desk.client.evals.create(
        data_source_config={"type": "custom", "item_schema": schema, "include_sample_schema": True},
        testing_criteria=[{**MATCH, "reference": "hello"}],
    )
    turns = [{"role": "system", "content": "{{item.turns}}"}, {"role": "user", "content": "Say hello"}]
    rows: Any = {"type": "file_content", "content": [{"item": {"turns": turns}}, {"item": {"turns": ["odd"]}}]}
    reference = {"type": "item_reference", "item_reference": "item.turns"}
    run = await desk.run(made, completions() | {"source": rows, "input_messages": reference})
    assert run.result_counts.to_dict() == {"total": 2, "passed": 1, "failed": 0, "errored": 1}
    assert desk.upstream.requests[-1].json()["messages"] == turns
    (odd,) = await desk.items(run, status="error")
    assert odd.sample.error.code == "template_error"


async def test_the_responses_api_is_asked_as_well(desk: Desk) -> None:
    made = await desk.eval()
    params = {"temperature": 0.1, "max_completion_tokens": 9, "seed": 3, "reasoning_effort": "high"}
    source = completions(*TWO, sampling_params=params) | {"type": "responses"}
    run = await desk.run(made, source)
    strictly(run)
    assert run.result_counts.to_dict() == {"total": 2, "passed": 1, "failed": 1, "errored": 0}
    body = desk.upstream.requests[-1].json()
    assert desk.upstream.requests[-1].path == RESPONSES
    assert (body["store"], body["max_output_tokens"], body["reasoning"]) == (False, 9, {"effort": "high"})
    assert "seed" not in body
    items = await desk.items(run)
    assert {one.sample.finish_reason for one in items} == {"stop"}
    for item in items:
        strictly(item)


async def test_rows_may_bring_their_answers(desk: Desk) -> None:
    made = await desk.eval(MATCH, {**MATCH, "name": "city", "input": "{{sample.output_json.city}}"})
    samples = [{"output_text": '{"city": "Rome"}'}, {"choices": [{"message": {"content": "Rome"}}]}]
    rows = [{"item": {"q": "?", "a": "Rome"}, "sample": one} for one in samples]
    run = await desk.run(made, {"type": "jsonl", "source": {"type": "file_content", "content": rows}})
    strictly(run)
    assert not desk.upstream.requests
    assert (run.model, run.per_model_usage) == ("", [])
    items = sorted(await desk.items(run), key=lambda one: one.datasource_item_id)
    assert [[result.passed for result in one.results] for one in items] == [[False, True], [True, False]]
    for item in items:
        strictly(item)


async def test_models_grade_and_their_calls_are_counted(desk: Desk) -> None:
    asked: Any = [{"role": "user", "content": "Is {{sample.output_text}} good? {{item.a}}"}]
    label: Any = {
        "type": "label_model", "name": "label", "model": "judge", "input": asked, "labels": ["yes", "no"],
        "passing_labels": ["yes"],
    }  # fmt: skip
    score: Any = {
        "type": "score_model", "name": "score", "model": "judge", "range": [1, 7], "pass_threshold": 5,
        "input": [{"role": "user", "content": "{{sample.output_text}}"}], "sampling_params": {"seed": 1, "max_completions_tokens": 64},
    }  # fmt: skip
    like: Any = {
        "type": "text_similarity", "name": "like", "input": "{{sample.output_text}}", "reference": "{{item.q}}",
        "evaluation_metric": "cosine", "pass_threshold": 0.9,
    }  # fmt: skip
    made = await desk.eval(label, score, like)
    strictly(made)
    run = await desk.run(made, completions(("good", ""), ("bad", "")))
    strictly(run)
    assert (run.status, run.result_counts.errored) == ("completed", 0), (await desk.items(run))[0]
    assert {one.run_model_name: one.invocation_count for one in run.per_model_usage} == {
        "model": 2, "judge": 4, "vectors": 2
    }  # fmt: skip
    items = {one.datasource_item["q"]: one for one in await desk.items(run)}
    scores = {q: {one.name: (one.passed, one.score) for one in item.results} for q, item in items.items()}
    assert scores["good"]["score"] == (True, 6)
    assert (scores["good"]["like"][0], scores["bad"]["score"]) == (True, (False, 2))
    assert items["good"].results[0].sample == {"reason": "yes: because", "model": "judge-1"}
    for item in items.values():
        strictly(item)


@pytest.mark.parametrize(
    "metric", ["fuzzy_match", "bleu", "gleu", "meteor", "rouge_1", "rouge_2", "rouge_5", "rouge_l"]
)
async def test_texts_are_compared_by_every_metric(desk: Desk, metric: str) -> None:
    like: Any = {
        "type": "text_similarity", "name": metric, "input": "{{sample.output_text}}", "reference": "{{item.a}}",
        "evaluation_metric": metric, "pass_threshold": 0.5,
    }  # fmt: skip
    made = await desk.eval(like)
    strictly(made)
    text = "one two three four five six"
    run = await desk.run(made, completions((text, text), (text, "nothing alike whatsoever")))
    assert run.result_counts.to_dict() == {"total": 2, "passed": 1, "failed": 1, "errored": 0}


async def test_a_row_that_fails_does_not_end_the_run(desk: Desk) -> None:
    made = await desk.eval()
    run = await desk.run(made, completions(("a", "a"), model="model") | {"source": {
        "type": "file_content", "content": [{"item": {"q": "a", "a": "a"}}, {"item": {"q": "b"}}]
    }})  # fmt: skip
    assert run.result_counts.to_dict() == {"total": 2, "passed": 1, "failed": 0, "errored": 1}
    assert run.per_testing_criteria_results[0].to_dict() == {"testing_criteria": "match", "passed": 1, "failed": 0}
    (bad,) = await desk.items(run, status="error")
    strictly(bad)
    assert "item.a" in bad.results[0].sample["error"]
    refused = await desk.run(made, completions(("a", "a"), model="unheard-of"))
    assert (refused.status, refused.result_counts.errored) == ("completed", 1)
    (item,) = await desk.items(refused)
    assert item.sample.error.code == "model_not_found"
    assert item.results == []


async def test_what_policy_wants_nothing_kept_of_is_graded_and_not_kept(desk: Desk) -> None:
    made = await desk.eval()
    run = await desk.run(made, completions(("nightjar", "nightjar"), model="secret"))
    assert run.result_counts.passed == 1
    (item,) = await desk.items(run)
    strictly(item)
    assert (item.sample.input, item.sample.output[0].content, item.results[0].sample) == ([], None, None)


async def test_calls_of_a_run_are_the_callers_own_in_the_ledger(desk: Desk) -> None:
    made = await desk.eval()
    run = await desk.run(made, completions(("ledgered", "ledgered")))
    assert run.status == "completed"
    async with asyncio.timeout(20):
        while not (rows := desk.gateway.ask_ledger("SELECT * FROM calls WHERE run_id = ?", run.id)):
            await asyncio.sleep(0.05)
    (row,) = rows
    assert (row["tenant"], row["team"], row["operation"], row["model"]) == ("acme", "team-a", "chat", "model")
    assert row["cost_nano"] > 0


async def test_runs_are_listed_by_status_and_deleted(desk: Desk) -> None:
    made = await desk.eval()
    runs = [await desk.run(made, completions(*TWO)) for _ in range(3)]
    listed = [one.id async for one in desk.client.evals.runs.list(made.id, limit=2)]
    assert listed == [one.id for one in runs]
    backwards = [one.id async for one in desk.client.evals.runs.list(made.id, order="desc", status="completed")]
    assert backwards == listed[::-1]
    assert [one async for one in desk.client.evals.runs.list(made.id, status="failed")] == []
    gone = await desk.client.evals.runs.delete(runs[0].id, eval_id=made.id)
    assert (gone.deleted, gone.run_id) == (True, runs[0].id)
    with pytest.raises(openai.NotFoundError) as missing:
        await desk.client.evals.runs.retrieve(runs[0].id, eval_id=made.id)
    assert missing.value.code == "run_not_found"
    other = await desk.eval()
    with pytest.raises(openai.NotFoundError):  # found through its own eval only
        await desk.client.evals.runs.retrieve(runs[1].id, eval_id=other.id)


async def test_a_run_is_cancelled(desk: Desk) -> None:
    made = await desk.eval()
    many = completions(*[(str(number), "") for number in range(200)], model="slow")
    run = await desk.client.evals.runs.create(made.id, data_source=many)
    await desk.until_asked()
    cancelled = await desk.client.evals.runs.cancel(run.id, eval_id=made.id)
    strictly(cancelled)
    assert cancelled.status == "canceled"
    assert await desk.until_quiet() < 200
    assert (await desk.client.evals.runs.cancel(run.id, eval_id=made.id)).status == "canceled"
    done = await desk.run(made, completions(*TWO))
    with pytest.raises(openai.ConflictError) as ended:
        await desk.client.evals.runs.cancel(done.id, eval_id=made.id)
    assert ended.value.code == "run_ended"
    # As the API's reference has it: a POST to the run itself.
    run = await desk.client.evals.runs.create(made.id, data_source=many)
    again = await desk.client.post(f"/evals/{made.id}/runs/{run.id}", cast_to=object)
    assert again["status"] == "canceled"  # type: ignore[index]


async def test_tenants_do_not_find_one_anothers(desk: Desk) -> None:
    made = await desk.eval()
    run = await desk.run(made, completions(*TWO))
    (item, _) = await desk.items(run)
    file = await desk.client.files.create(file=("a.jsonl", b'{"item": {"q": "x"}}\n'), purpose="evals")
    theirs = await asyncio.to_thread(desk.theirs)
    runs = theirs.evals.runs
    attempts: list[Any] = [
        theirs.evals.retrieve(made.id), theirs.evals.update(made.id, name="mine"), theirs.evals.delete(made.id),
        runs.create(made.id, data_source=completions(*TWO)), runs.retrieve(run.id, eval_id=made.id),
        runs.cancel(run.id, eval_id=made.id), runs.delete(run.id, eval_id=made.id),
        runs.output_items.retrieve(item.id, eval_id=made.id, run_id=run.id),
        theirs.files.retrieve(file.id), theirs.files.content(file.id), theirs.files.delete(file.id),
    ]  # fmt: skip
    for attempt in attempts:
        with pytest.raises(openai.NotFoundError):
            await attempt
    for listing in (runs.list(made.id), runs.output_items.list(run.id, eval_id=made.id)):
        with pytest.raises(openai.NotFoundError):
            await listing
    assert [one async for one in theirs.evals.list()] == [one async for one in theirs.files.list()] == []
    own = await theirs.evals.create(data_source_config=CUSTOM, testing_criteria=[MATCH])
    source: Any = completions() | {"source": {"type": "file_id", "id": file.id}}
    with pytest.raises(openai.NotFoundError):
        await runs.create(own.id, data_source=source)
    assert (await desk.client.evals.retrieve(made.id)).name == made.name
    team_b = desk.client_of(await asyncio.to_thread(desk.gateway.create_key, "team-b"))
    assert (await team_b.evals.retrieve(made.id)).id == made.id
    nobody = desk.client_of("gw-nobody")
    with pytest.raises(openai.AuthenticationError):
        await nobody.evals.list()


async def test_a_file_that_was_sent_is_run(desk: Desk) -> None:
    lines = b"".join(b'{"item": {"q": "%d", "a": "%d"}}\n' % (number, number % 2) for number in range(4))
    file = await desk.client.files.create(file=("rows.jsonl", lines), purpose="evals")
    made = await desk.eval()
    run = await desk.run(made, completions() | {"source": {"type": "file_id", "id": file.id}})
    strictly(run)
    assert run.result_counts.to_dict() == {"total": 4, "passed": 2, "failed": 2, "errored": 0}
    assert sorted(one.datasource_item_id for one in await desk.items(run)) == [0, 1, 2, 3]
    assert len([one for one in desk.upstream.requests if one.path == CHAT]) == 4


def many(count: int) -> Any:
    return completions(*[(str(number), "") for number in range(count)], model="slow")


async def test_a_key_that_is_revoked_ends_its_run(desk: Desk) -> None:
    key = await asyncio.to_thread(desk.key_of, "acme", "team-a")
    leaver = desk.client_of(key["key"])
    made = await leaver.evals.create(data_source_config=CUSTOM, testing_criteria=[MATCH])
    run = await leaver.evals.runs.create(made.id, data_source=many(2_000))
    await desk.until_asked()
    await asyncio.to_thread(desk.gateway.cli, "keys", "revoke", key["id"])
    run = await desk.ended(await desk.client.evals.runs.retrieve(run.id, eval_id=made.id))
    strictly(run)
    assert (run.status, run.error.code) == ("failed", "invalid_api_key")
    assert 0 < len(desk.upstream.requests) < 2_000
    with pytest.raises(openai.AuthenticationError):
        await leaver.evals.list()


async def test_an_upstream_that_is_busy_is_asked_again_and_one_that_refuses_is_told(desk: Desk) -> None:
    busy = json_answer({"error": {"message": "busy", "code": "rate_limit_exceeded"}}, 429, {"retry-after": "1"})
    refusing = json_answer({"error": {"message": "no such thing", "code": "bad_thing"}}, 400)
    made = await desk.eval()
    desk.upstream.set(CHAT, busy, chat_answer("x"))
    run = await desk.run(made, completions(("x", "x")))
    assert run.result_counts.passed == 1
    desk.upstream.set(CHAT, refusing)
    run = await desk.run(made, completions(("x", "x")))
    (item,) = await desk.items(run)
    strictly(item)
    assert (item.sample.error.code, item.sample.error.message) == ("bad_thing", "no such thing")


async def test_a_deleted_run_or_eval_stops(desk: Desk) -> None:
    made = await desk.eval()
    run = await desk.client.evals.runs.create(made.id, data_source=many(500))
    await desk.until_asked()
    await desk.client.evals.delete(made.id)
    assert await desk.until_quiet() < 500
    with pytest.raises(openai.NotFoundError):
        await desk.client.evals.runs.retrieve(run.id, eval_id=made.id)


async def test_the_pages_example_runs_as_it_stands(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"item": {"q": "Say Paris", "a": "Paris"}}\n{"item": {"q": "Say Rome", "a": "Oslo"}}\n')
    for written, here in (
        ("http://127.0.0.1:8080/v1", desk.gateway.base_url), ("gw-…", desk.gateway.key), ('"smollm2"', '"model"'),
        ('open("rows.jsonl", "rb")', f"__import__('pathlib').Path({str(rows)!r})"),
        ("time.sleep(1)", "time.sleep(0.1)"),
    ):  # fmt: skip
        assert written in example
        example = example.replace(written, here)
    await asyncio.to_thread(exec, example + "\nclient.close()", {})
    said = capsys.readouterr().out
    assert said.startswith("completed ")
    assert "'a': 'Oslo'" in said
    assert "'a': 'Paris'" not in said
