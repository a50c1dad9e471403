"""The official openai SDK against the running gateway: nothing but the base URL changes."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio

from gateway.testing import DONE, event, event_stream, json_answer
from tests.conftest import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
MESSAGES = [{"role": "user", "content": "hello"}]


@pytest_asyncio.fixture(loop_scope="module")
async def client(fresh: Site) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=fresh.gateway.base_url, api_key=fresh.gateway.key, max_retries=0) as made:
        yield made


async def test_chat(fresh: Site, client: openai.AsyncOpenAI) -> None:
    message = {"role": "assistant", "content": "hi"}
    fresh.upstream.set(
        CHAT,
        json_answer(
            {
                "id": "c",
                "object": "chat.completion",
                "created": 1,
                "model": "m-2026",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": USAGE,
            }
        ),
    )
    answer = await client.chat.completions.create(model="test-model", messages=MESSAGES)  # type: ignore[arg-type]
    assert (answer.choices[0].message.content, answer.model, answer.usage.total_tokens) == ("hi", "m-2026", 7)  # type: ignore[union-attr]
    assert answer._request_id == (await fresh.last_record())["id"]


async def test_stream(fresh: Site, client: openai.AsyncOpenAI) -> None:
    def chunk(**fields: object) -> bytes:
        return event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **fields})

    parts = [
        chunk(choices=[{"index": 0, "delta": {"content": word}, "finish_reason": None}]) for word in ("a", "b", "c")
    ]
    fresh.upstream.set(CHAT, event_stream(*parts, chunk(choices=[], usage=USAGE), DONE))
    stream = await client.chat.completions.create(model="test-model", messages=MESSAGES, stream=True)  # type: ignore[arg-type]
    assert [part.choices[0].delta.content async for part in stream] == ["a", "b", "c"]
    asked = await client.chat.completions.create(
        model="test-model",
        messages=MESSAGES,
        stream=True,
        stream_options={"include_usage": True},  # type: ignore[arg-type]
    )
    assert [part.usage.total_tokens async for part in asked if part.usage] == [7]


async def test_a_stream_that_breaks_raises(fresh: Site, client: openai.AsyncOpenAI) -> None:
    fresh.upstream.set(CHAT, event_stream(event({"id": "c", "choices": [{"index": 0, "delta": {"content": "a"}}]})))
    stream = await client.chat.completions.create(model="test-model", messages=MESSAGES, stream=True)  # type: ignore[arg-type]
    with pytest.raises(openai.APIError, match="before the answer was complete"):
        [part async for part in stream]


async def test_embeddings(fresh: Site, client: openai.AsyncOpenAI) -> None:
    fresh.upstream.set(
        "/v1/embeddings",
        json_answer(
            {
                "object": "list",
                "model": "e",
                "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}],
                "usage": {"prompt_tokens": 3, "total_tokens": 3},
            }
        ),
    )
    answer = await client.embeddings.create(model="test-model", input="x", encoding_format="float")
    assert answer.data[0].embedding == [0.5, -0.25]


async def test_responses_stream(fresh: Site, client: openai.AsyncOpenAI) -> None:
    response = {
        "id": "r",
        "object": "response",
        "created_at": 1,
        "model": "m",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    usage = {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 1},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 5,
    }
    events = [
        {"type": "response.created", "sequence_number": 0, "response": {**response, "status": "in_progress"}},
        {
            "type": "response.output_text.delta",
            "sequence_number": 1,
            "item_id": "i",
            "output_index": 0,
            "content_index": 0,
            "delta": "hi",
            "logprobs": [],
        },
        {
            "type": "response.completed",
            "sequence_number": 2,
            "response": {**response, "status": "completed", "usage": usage},
        },
    ]
    fresh.upstream.set(
        "/v1/responses", event_stream(*(f"event: {one['type']}\n".encode() + event(one) for one in events))
    )
    stream = await client.responses.create(model="test-model", input="x", stream=True)
    assert [one.type async for one in stream] == [one["type"] for one in events]
    record = await fresh.last_record()
    assert (record["input_tokens"], record["cached_input_tokens"], record["output_tokens"]) == (2, 1, 2)
    assert (record["outcome"], record["finish_reason"]) == ("completed", "completed")


async def test_searches_of_a_streamed_response_are_counted(fresh: Site) -> None:
    search = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "q"},
    }
    response = {"id": "r", "status": "completed", "output": [search], "usage": {"input_tokens": 3, "output_tokens": 2}}
    fresh.upstream.set("/v1/responses", event_stream(event({"type": "response.completed", "response": response})))
    await fresh.client.post("/responses", json={"model": "test-model", "input": "x", "stream": True})
    record = await fresh.last_record()
    assert (record["input_tokens"], record["output_tokens"], record["web_searches"]) == (3, 2, 1)
    assert record["pricing"] == "unpriced"  # the price book has no price for a search


async def test_error_classes(fresh: Site, client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        await client.chat.completions.create(model="nope", messages=MESSAGES)  # type: ignore[arg-type]
    with pytest.raises(openai.BadRequestError):
        await client.chat.completions.create(model="", messages=MESSAGES)  # type: ignore[arg-type]
    with pytest.raises(openai.AuthenticationError):
        await client.with_options(api_key="gw-wrong").models.list()
    fresh.upstream.set(
        CHAT,
        json_answer({"error": {"message": "slow down", "type": "rate_limit_error", "code": None, "param": None}}, 429),
    )
    with pytest.raises(openai.RateLimitError, match="slow down"):
        await client.chat.completions.create(model="test-model", messages=MESSAGES)  # type: ignore[arg-type]
    fresh.upstream.set(CHAT, json_answer([1, 2]))
    with pytest.raises(openai.InternalServerError):
        await client.chat.completions.create(model="test-model", messages=MESSAGES)  # type: ignore[arg-type]


async def test_a_refusal_is_not_retried_by_the_sdk(fresh: Site) -> None:
    async with openai.AsyncOpenAI(base_url=fresh.gateway.base_url, api_key=fresh.gateway.key) as eager:
        with pytest.raises(openai.BadRequestError):
            await eager.chat.completions.create(model="", messages=MESSAGES)  # type: ignore[arg-type]
    assert len(await fresh.new_records(1)) == 1


async def test_the_synchronous_client(fresh: Site) -> None:
    def list_models() -> list[str]:
        with openai.OpenAI(base_url=fresh.gateway.base_url, api_key=fresh.gateway.key) as client:
            return [model.id for model in client.models.list()]

    assert await asyncio.to_thread(list_models) == ["test-model"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl(fresh: Site) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        ["curl", "-sS", f"{fresh.gateway.base_url}/models", "-H", f"authorization: Bearer {fresh.gateway.key}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert '"test-model"' in done.stdout
