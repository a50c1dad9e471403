"""The cache as callers meet it: a gateway process before a scripted upstream."""

import asyncio
import itertools
import json
from typing import Any

import httpx
import pytest

from gateway.testing import DONE, ScriptedUpstream, event, event_stream, json_answer, raw, status
from tests.behaviour import cached_desk
from tests.behaviour.cached_desk import ANSWER, CHAT, CHUNKS, COST_NANO, END, STREAM, Desk
from tests.conftest import GatewayFactory, within

pytestmark = pytest.mark.asyncio(loop_scope="module")
desk, answers_again = cached_desk.desk, cached_desk.answers_again


async def test_the_same_question_is_answered_without_the_upstream(desk: Desk) -> None:
    reached = desk.reached
    first = await desk.ask("the same")
    second = await desk.ask("the same")
    assert desk.reached == reached + 1
    assert (first.headers["x-cache"], "age" in first.headers) == ("miss", False)
    assert (second.headers["x-cache"], int(second.headers["age"]) < 20) == ("hit", True)
    assert second.content == first.content
    assert second.headers["content-type"] == first.headers["content-type"]
    assert second.headers["x-gateway-target"] == first.headers["x-gateway-target"] == "mock/test-model"
    assert second.headers["x-request-id"] != first.headers["x-request-id"]


async def test_what_was_told_to_one_caller_alone_is_not_told_to_the_next(desk: Desk) -> None:
    answer = json.dumps(ANSWER).encode()
    headers = (
        b"x-request-id: up-1\r\nset-cookie: a=b\r\nx-ratelimit-remaining-requests: 3\r\nopenai-processing-ms: 7\r\n"
    )
    desk.upstream.set(CHAT, raw(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n%b\r\n%b" % (len(answer), headers, answer)))
    first, second = await desk.ask("its own", model="old"), await desk.ask("its own", "team-b", model="old")
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("miss", "hit")
    own = set(first.headers) - set(second.headers)
    assert own == {
        *("link", "x-gateway-warning"),  # a successor that the second may not hear of
        *("x-upstream-request-id", "x-upstream-ratelimit-remaining-requests", "openai-processing-ms"),
        "x-gateway-cost-usd",
    }
    assert set(second.headers) - set(first.headers) == {"age"}
    assert second.headers["sunset"] == first.headers["sunset"]


async def test_a_hit_costs_nothing_and_says_what_was_saved(desk: Desk) -> None:
    first = await desk.record(await desk.ask("what does it cost"))
    second = await desk.record(await desk.ask("what does it cost"))
    assert (first["cost_nano"], first["cache"], first["saved_nano"]) == (COST_NANO, "", None)
    assert (second["cost_nano"], second["cache"], second["saved_nano"]) == (None, "exact", COST_NANO)
    assert (second["outcome"], second["status"], second["served_model"], second["finish_reason"]) == (
        *("completed", 200, "real-model", "stop"),
    )
    assert desk.gateway.ask_ledger("SELECT * FROM attempts WHERE call = ?", second["id"]) == []


async def test_a_stream_is_given_again_byte_for_byte(desk: Desk) -> None:
    desk.upstream.set(CHAT, event_stream(*CHUNKS, END, DONE))
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    reached = desk.reached
    first = await desk.ask("a stream", **asked)
    second = await desk.ask("a stream", **asked)
    assert desk.reached == reached + 1
    assert first.content == second.content == STREAM
    assert second.headers["content-type"].startswith("text/event-stream")
    assert second.headers["x-cache"] == "hit"
    record = await desk.record(second)
    assert (record["cache"], record["saved_nano"], record["outcome"]) == ("exact", COST_NANO, "completed")


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({"temperature": 1.0}, {"temperature": 1}),
        ({"user": "u1"}, {"user": "u2"}),
        ({"metadata": {"a": "b"}}, {}),
        ({"store": False}, {}),
    ],
)
async def test_what_changes_no_answer_is_no_other_question(desk: Desk, fields: Any, same: Any) -> None:
    said = f"alike {fields}"
    await desk.ask(said, **fields)
    assert (await desk.ask(said, **same)).headers["x-cache"] == "hit"


@pytest.mark.parametrize(
    "fields", [{"temperature": 0.5}, {"tools": []}, {"stream": True}, {"n": 2}, {"of_tomorrow": True}, {"seed": 0}]
)
async def test_what_may_change_the_answer_is_another_question(desk: Desk, fields: Any) -> None:
    said = f"different {fields}"
    await desk.ask(said)
    assert (await desk.ask(said, **fields)).headers["x-cache"] == "miss"


async def test_what_upstreams_may_read_in_two_ways_is_not_kept(desk: Desk) -> None:
    twice = b'{"model":"test-model","messages":[{"role":"user","content":"the first","content":"the last"}]}'
    sent = await desk.clients["ours"].post("/chat/completions", content=twice)
    assert (sent.status_code, sent.headers["x-cache"]) == (200, "bypass")
    assert (await desk.ask("the last", "team-b")).headers["x-cache"] == "miss"


async def test_answers_stay_within_their_scope(desk: Desk) -> None:
    for model, hits in (("test-model", {"team-b"}), ("for-teams", set()), ("for-all", {"team-b", "theirs"})):
        assert (await desk.ask("whose", model=model)).headers["x-cache"] == "miss"
        got = {
            who
            for who in ("team-b", "theirs")
            if (await desk.ask("whose", who, model=model)).headers["x-cache"] == "hit"
        }
        assert got == hits, model


async def test_what_the_request_wants_of_the_cache(desk: Desk) -> None:
    async def told(control: str) -> str:
        return (await desk.ask("wants", control=control)).headers["x-cache"]

    none = await desk.ask("wants", control="only-if-cached")
    assert (none.status_code, none.json()["error"]["code"], none.headers["x-cache"]) == (504, "not_cached", "miss")
    assert await told("no-store") == "bypass"
    assert await told("") == "miss"
    assert await told("only-if-cached") == "hit"
    assert await told("max-age=100") == "hit"
    reached = desk.reached
    assert await told("no-cache") == "miss"
    assert await told("max-age=0, no-store") == "bypass"
    assert desk.reached == reached + 2
    assert await told("") == "hit"


@pytest.mark.parametrize(
    "answer",
    [
        json_answer({"error": {"message": "no"}}, 400),
        json_answer({"error": {"message": "no"}}, 503),
        json_answer({"error": {"message": "late", "code": 502}}),
        json_answer({**ANSWER, "choices": [{**ANSWER["choices"][0], "finish_reason": "content_filter"}]}),
    ],
    ids=["refused", "failed", "an error with 200", "filtered"],
)
async def test_what_is_no_answer_is_not_kept(desk: Desk, answer: Any, request: pytest.FixtureRequest) -> None:
    said = request.node.callspec.id
    desk.upstream.set(CHAT, answer)
    await desk.ask(said)
    desk.upstream.set(CHAT, json_answer(ANSWER))
    assert (await desk.ask(said)).headers["x-cache"] == "miss"


@pytest.mark.parametrize(
    "steps", [(*CHUNKS,), (*CHUNKS, event({"error": {"message": "broken"}}), DONE)], ids=["cut", "error in it"]
)
async def test_a_stream_that_broke_is_not_kept(desk: Desk, steps: Any, request: pytest.FixtureRequest) -> None:
    said = request.node.callspec.id
    desk.upstream.set(CHAT, event_stream(*steps))
    await desk.ask(said, stream=True)
    desk.upstream.set(CHAT, event_stream(*CHUNKS, END, DONE))
    assert (await desk.ask(said, stream=True)).headers["x-cache"] == "miss"
    assert (await desk.ask(said, stream=True)).headers["x-cache"] == "hit"


async def test_content_that_may_not_be_kept_is_not(desk: Desk) -> None:
    answers = [await desk.ask("a secret", model="secret") for _ in range(2)]
    assert [one.headers["x-cache"] for one in answers] == ["bypass"] * 2


async def test_a_rule_for_fixed_answers_leaves_others_alone(desk: Desk) -> None:
    for fields, told in (
        ({}, "bypass"),
        ({"temperature": 0.1}, "bypass"),
        ({"temperature": 0}, "miss"),
        ({"seed": 1}, "miss"),
    ):
        assert (await desk.ask("fixed?", model="fixed", **fields)).headers["x-cache"] == told


async def test_without_a_rule_nothing_is_said(desk: Desk) -> None:
    assert "x-cache" not in (await desk.ask("x", model="uncached")).headers


async def test_a_stale_answer_is_given_when_the_upstream_fails(desk: Desk) -> None:
    first = await desk.ask("old", model="brief")
    for failure in (status(503), raw(b"nonsense\r\n\r\n")):
        desk.upstream.set(CHAT, failure)
        again = await desk.ask("old", model="brief")
        assert (again.status_code, again.headers["x-cache"], again.content) == (200, "stale", first.content)
        record = await desk.record(again)
        assert (record["cache"], record["outcome"], record["cost_nano"]) == ("stale", "completed", None)
        (attempt,) = desk.gateway.ask_ledger("SELECT * FROM attempts WHERE call = ?", record["id"])
        assert (attempt["outcome"], attempt["served"]) == ("failed", 0)
    desk.upstream.set(CHAT, json_answer(ANSWER))
    assert (await desk.ask("old", model="brief")).headers["x-cache"] == "miss"


async def test_a_stale_answer_is_given_while_the_target_is_taken_out(desk: Desk) -> None:
    first = await desk.ask("before", model="brief")
    await asyncio.to_thread(desk.gateway.cli, "targets", "drain", "mock/brief")
    new = (f"never asked before: {number}" for number in itertools.count())
    async with within(10):
        while (refused := await desk.ask(next(new), model="brief")).status_code == 200:
            await asyncio.sleep(0.05)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["gateway"]["blame"]) == (503, "upstream_taken_out", "own")
    assert "the target `mock/brief` of the model `brief`" in error["message"]
    again = await desk.ask("before", model="brief")
    assert (again.status_code, again.headers["x-cache"], again.content) == (200, "stale", first.content)
    await asyncio.to_thread(desk.gateway.cli, "targets", "undrain", "mock/brief")
    async with within(10):
        while (await desk.ask("once more", model="brief")).status_code == 503:
            await asyncio.sleep(0.05)


async def test_a_change_of_policy_begins_anew(desk: Desk) -> None:
    assert [(await desk.ask("of old")).headers["x-cache"] for _ in range(2)] == ["miss", "hit"]
    access = desk.gateway.folder / "policies" / "access.yaml"
    before, version = access.read_text(), await policy(desk)
    reached = desk.reached
    access.write_text(
        before + "  - {id: no, effect: deny, owner: tests, reason: tests, models: [spare], teams: [theirs]}\n"
    )
    try:
        async with within(20):
            while (await desk.ask("of old")).headers["x-cache"] == "hit":
                await asyncio.sleep(0.1)
    finally:
        access.write_text(before)
    assert desk.reached == reached + 1
    async with within(20):  # else it would begin anew once more in the middle of the next test
        while await policy(desk) != version:
            await asyncio.sleep(0.05)


async def policy(desk: Desk) -> str:
    """The version in force."""
    async with httpx.AsyncClient(headers=desk.gateway.operator, timeout=20) as operator:
        status = (await operator.get(f"{desk.gateway.url}/admin/status")).json()
    return status["policy_versions"]["access"]


async def test_metrics_tell_what_was_saved(desk: Desk) -> None:
    before = await desk.gateway.metrics('gateway_cache_saved_usd_total{rule="plain"')
    await desk.ask("metrics")
    await desk.ask("metrics")
    assert await desk.gateway.metrics('gateway_cache_saved_usd_total{rule="plain"') == pytest.approx(
        before + COST_NANO / 1e9
    )
    assert await desk.gateway.metrics('gateway_cache_answers_total{result="hit",rule="plain"') > 0
    assert await desk.gateway.metrics("gateway_cache_bytes") > 1_000


async def test_a_header_that_reaches_the_model_in_the_body_counts(make_gateway: GatewayFactory) -> None:
    said = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [{"type": "text", "text": "well"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 7, "output_tokens": 3},
    }
    async with ScriptedUpstream({"/model/anthropic.claude-x/invoke": json_answer(said)}) as upstream:
        keys = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "not-a-secret"}
        url = upstream.base_url.removesuffix("/v1")
        bedrock = {"kind": "bedrock", "base_url": url, "region": "us-east-1", "aws": keys}
        gateway = make_gateway(
            providers={"bedrock": bedrock},
            models={"claude": {"targets": ["bedrock/anthropic.claude-x"]}},
            policies={"cache": "rules: [{id: all, ttl_s: 600}]"},
        )
        await asyncio.to_thread(gateway.start)
        body = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "how are you"}]}
        told: list[str] = []
        async with httpx.AsyncClient(headers={"x-api-key": gateway.key}, timeout=20) as client:
            for betas in ({}, {"anthropic-beta": "interleaved-thinking-2025-05-14"}, {}):
                answer = await client.post(f"{gateway.base_url}/messages", json=body, headers=betas)
                assert answer.status_code == 200, answer.text
                told.append(answer.headers["x-cache"])
        assert told == ["miss", "miss", "hit"]
