"""`POST /v1/feedback` on a running gateway: by the ids that SDKs have at hand, at any time, losing none."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import openai
import pytest
import pytest_asyncio

from gateway.testing import DONE, event, event_stream, raw
from tests.behaviour.feedback_desk import CHAT, MESSAGES, USAGE, Desk, answered, feedback_desk
from tests.conftest import gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with feedback_desk(tmp_path_factory.mktemp("feedback")) as desk:
        yield desk


# What SDKs have at hand.


async def test_the_openai_sdk_says_it_by_the_request_or_by_the_response(desk: Desk) -> None:
    desk.upstream.set(CHAT, answered("chatcmpl-sdk"))
    async with openai.AsyncOpenAI(base_url=desk.gateway.base_url, api_key=desk.gateway.key, max_retries=0) as client:
        answer = await client.chat.completions.create(model="chat", messages=MESSAGES)
        for name, value in {"request_id": answer._request_id, "response_id": answer.id}.items():
            said: Any = await client.post(
                "/feedback", cast_to=object, body={name: value, "metric": "stars", "value": 4}
            )
            assert (said["object"], said["request_id"], said["status"]) == ("feedback", answer._request_id, "recorded")
        with pytest.raises(openai.NotFoundError) as missing:
            await client.post("/feedback", cast_to=dict[str, Any], body={"response_id": "chatcmpl-no", "value": "up"})
        assert missing.value.code == "call_not_found"
        with pytest.raises(openai.BadRequestError, match="from 1 to 5"):
            await client.post(
                "/feedback",
                cast_to=dict[str, Any],
                body={"request_id": answer._request_id, "metric": "stars", "value": 6},
            )
    assert answer._request_id is not None
    assert [(row["metric"], row["score"]) for row in await desk.kept(answer._request_id, 2)] == [("stars", 4.0)] * 2


async def test_the_anthropic_sdk_and_a_stream_too_and_they_hear_in_their_own_words(desk: Desk) -> None:
    def chunk(**fields: Any) -> bytes:
        return event({"id": "chatcmpl-s", "object": "chat.completion.chunk", "created": 1, "model": "m", **fields})

    words = [chunk(choices=[{"index": 0, "delta": {"content": word}, "finish_reason": None}]) for word in ("a", "b")]
    end = chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=USAGE)
    desk.upstream.set(CHAT, event_stream(*words, end, DONE))
    async with anthropic.AsyncAnthropic(base_url=desk.gateway.url, api_key=desk.gateway.key, max_retries=0) as client:
        async with client.messages.stream(model="chat", max_tokens=9, messages=MESSAGES) as stream:
            message = await stream.get_final_message()
        assert message.id == "msg_chatcmpl-s"
        said = await client.post(
            "/v1/feedback", cast_to=dict[str, Any], body={"response_id": message.id, "value": True}
        )
        with pytest.raises(anthropic.NotFoundError) as missing:
            await client.post("/v1/feedback", cast_to=dict[str, Any], body={"response_id": "msg_no", "value": True})
        assert missing.value.body["type"] == "error"  # type: ignore[index]
    async with openai.AsyncOpenAI(base_url=desk.gateway.base_url, api_key=desk.gateway.key, max_retries=0) as client:
        native = await client.chat.completions.create(model="chat", messages=MESSAGES, stream=True)
        ids = {part.id async for part in native}
        assert ids == {"chatcmpl-s"}
        again = await client.post(
            "/feedback", cast_to=dict[str, Any], body={"response_id": "chatcmpl-s", "value": False}
        )
    assert again["request_id"] != said["request_id"], "of two answers with one id, the later is meant"
    assert [row["label"] for row in await desk.kept(said["request_id"])] == ["true"]


async def test_an_answer_of_the_responses_api_is_known_by_its_id(desk: Desk) -> None:
    desk.upstream.set(CHAT, answered("chatcmpl-r"))
    answer = await desk.ours.post("/responses", json={"model": "chat", "input": "hello"})
    assert answer.json()["id"].startswith("resp_")
    said = await desk.say(response_id=answer.json()["id"], value="up")
    assert said.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_gemini_client_hears_in_its_own_words(desk: Desk) -> None:
    headers = {"x-goog-api-key": desk.gateway.key}
    async with httpx.AsyncClient(base_url=desk.gateway.base_url, headers=headers, timeout=20) as client:
        missing = await client.post("/feedback", json={"response_id": "no", "value": "up"})
    assert (missing.status_code, missing.json()["error"]["status"]) == (404, "NOT_FOUND")


# At any time.


async def test_it_may_come_before_the_record_has_reached_the_ledger_and_is_joined(desk: Desk) -> None:
    """A hundred times in a row: within a millisecond of the answer, while the drainer is at work."""
    calls: list[str] = []
    for number in range(100):
        answer = await desk.chat(f"chatcmpl-race-{number}")
        named = {"request_id": answer.headers["x-request-id"]} if number % 2 else {"response_id": answer.json()["id"]}
        said = await desk.say(**named, value="up" if number % 4 else "down")
        assert said.status_code == 201, said.text
        assert said.json()["request_id"] == answer.headers["x-request-id"]
        calls.append(answer.headers["x-request-id"])
    for call in calls:
        await desk.kept(call)
    found = await desk.admin("usage", group_by="team", feedback="feedback")
    (row,) = [row for row in found["data"] if row["team"] == "team-a"]
    assert row["feedback"] >= 100


async def test_it_may_come_while_the_answer_is_still_on_its_way(desk: Desk) -> None:
    gate = asyncio.Event()
    chunk = {"id": "chatcmpl-w", "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}}]}
    end = event({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}) + DONE

    async def slow(received: Any, write: Any) -> None:
        await event_stream(event(chunk), finish=False)(received, write)
        await asyncio.wait_for(gate.wait(), 10)
        await raw(b"%x\r\n%s\r\n0\r\n\r\n" % (len(end), end))(received, write)

    desk.upstream.set(CHAT, slow)
    body = {"model": "chat", "messages": MESSAGES, "stream": True}
    async with desk.ours.stream("POST", "/chat/completions", json=body) as answer:
        said = await desk.say(request_id=answer.headers["x-request-id"], value="down")
        assert said.status_code == 201, said.text
        gate.set()
        async for _ in answer.aiter_bytes():
            pass
    assert [row["label"] for row in await desk.kept(answer.headers["x-request-id"])] == ["down"]


async def test_what_was_answered_for_survives_kill_9(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> None:
    with gateways(tmp_path_factory.mktemp("killed")) as make:
        gateway = make(desk.upstream.base_url, drain={"interval_s": 3600})
        await asyncio.to_thread(gateway.start)
        desk.upstream.set(CHAT, answered("chatcmpl-k"))
        async with httpx.AsyncClient(
            base_url=gateway.base_url, headers={"authorization": f"Bearer {gateway.key}"}, timeout=20
        ) as client:
            answer = await client.post("/chat/completions", json={"model": "test-model", "messages": MESSAGES})
            said = await client.post("/feedback", json={"response_id": "chatcmpl-k", "value": "up"})
            assert said.status_code == 201, said.text
        assert gateway.ask_ledger("SELECT * FROM feedback") == [], "nobody has drained it yet"
        gateway.kill()
        found = await asyncio.to_thread(gateway.cli, "usage", "--by", "team", "--json", check=False)
        await asyncio.to_thread(gateway.start)
        assert [row["id"] for row in gateway.records(1)] == [answer.headers["x-request-id"]], found
        async with asyncio.timeout(20):
            while not (rows := gateway.ask_ledger("SELECT * FROM feedback")):
                await asyncio.sleep(0.05)
        (row,) = rows
        assert (row["id"], row["call"]) == (said.json()["id"], answer.headers["x-request-id"])


# Said again.


async def test_the_last_word_counts_and_a_request_sent_again_is_one(desk: Desk) -> None:
    call = (await desk.chat("chatcmpl-again")).headers["x-request-id"]
    key = {"idempotency-key": "click-1"}
    first = await desk.say(request_id=call, value="down", headers=key)
    await desk.say(request_id=call, value="up")
    late = await desk.say(request_id=call, value="down", headers=key)
    assert late.json()["id"] == first.json()["id"]
    other = await desk.say(request_id=call, value="up", user="kim", headers=key)
    assert other.json()["id"] != first.json()["id"], "another statement by the same key is another one"
    rows = await desk.kept(call, 3)
    assert [row["label"] for row in rows] == ["down", "up", "up"]
    shown = await desk.admin(f"feedback/{call}")
    assert [(row["label"], row["user"], row["replaced"]) for row in shown["data"]] == [
        ("down", "", True), ("up", "", False), ("up", "kim", False)
    ]  # fmt: skip
    assert len(rows) == 3


# Told on.


async def test_it_is_counted_by_declared_names_and_reported(desk: Desk) -> None:
    before = await desk.gateway.metrics('gateway_feedback_total{metric="stars"}')
    call = (await desk.chat("chatcmpl-told")).headers["x-request-id"]
    for value, user in ((2, ""), (5, "kim")):
        assert (await desk.say(request_id=call, metric="stars", value=value, user=user)).status_code == 201
    assert await desk.gateway.metrics('gateway_feedback_total{metric="stars"}') == before + 2
    await desk.kept(call, 2)
    said = await asyncio.to_thread(
        desk.gateway.cli,
        "usage",
        "--by",
        "model,route,variant,prompt",
        "--feedback",
        "stars",
        "--model",
        "chat",
        "--json",
    )
    (row,) = json.loads(said.stdout)
    assert row["feedback"] >= 2
    assert 1 <= row["mean_score"] <= 5
    shown = await asyncio.to_thread(desk.gateway.cli, "usage", "--by", "model", "--feedback", "nobodys")
    assert "no feedback `nobodys` on calls of this period" in shown.stdout
    for form in ("csv", "jsonl"):
        written = await asyncio.to_thread(desk.gateway.cli, "usage", "--by", "model", "--feedback", "--format", form)
        assert "up_share" in written.stdout
    page = await desk.admin("usage", group_by="model", feedback="stars")
    assert {"feedback", "up_share", "mean_score"} <= set(page["data"][0])
    assert "feedback" not in (await desk.admin("usage", group_by="model"))["data"][0]
