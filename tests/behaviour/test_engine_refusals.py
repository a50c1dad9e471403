"""What a real llama.cpp refuses is told as what it is: the caller's to mend, asked once, and nobody's outage."""

import asyncio
import csv
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import openai
import pytest
import pytest_asyncio

from tests.behaviour.tiny_engine import served
from tests.conftest import Gateway, gateways

pytest.importorskip("xllamacpp", reason="the demo engine is not installed: pip install -e '.[demo]'")
pytestmark = [pytest.mark.asyncio(loop_scope="module")]

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
BLOCK = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
PART = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
CHAT = "/v1/chat/completions"
# The defaults of a gateway that nobody has configured, and a target that is left alone after its first failure.
ROUTES = "retries: {max_attempts: 3}\nejection: {consecutive: 1, failure_rate: 0.01, min_calls: 1}\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """`told` is a model whose card says what it reads, `untold` one whose card does not."""
    folder = tmp_path_factory.mktemp("engine")
    made = served(folder, {"told": "modalities: {input: [text], output: [text]}\ntools: false", "untold": ""})
    with gateways(folder) as make:
        gateway = make(**{**made, "policies": {**made["policies"], "routes": ROUTES}})
        await asyncio.to_thread(gateway.start)
        deadline = time.monotonic() + 60
        async with httpx.AsyncClient() as client:
            while (now := (await client.get(f"{gateway.url}/health/ready")).json())["engines"] != {"tiny": "ready"}:
                assert time.monotonic() < deadline, f"{now}\n{gateway.log()}"
                await asyncio.sleep(0.1)
        yield gateway


@pytest_asyncio.fixture(loop_scope="module")
async def client(engine: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {engine.key}"}
    async with httpx.AsyncClient(base_url=engine.url, headers=headers, timeout=60) as made:
        yield made


def said(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


async def last(engine: Gateway, since: int) -> dict[str, Any]:
    return (await asyncio.to_thread(engine.records, 1, since_ns=since))[-1]


async def test_an_image_that_the_card_rules_out_is_refused_by_every_sdk_and_never_sent(engine: Gateway) -> None:
    since = time.time_ns()
    async with openai.AsyncOpenAI(base_url=engine.base_url, api_key=engine.key) as client:
        with pytest.raises(openai.BadRequestError, match="the model `told` reads text only") as caught:
            await client.chat.completions.create(model="told", messages=said(IMAGE))  # type: ignore[arg-type]
    assert (caught.value.param, caught.value.code) == ("messages[0].content[0]", "input_not_supported")
    async with anthropic.AsyncAnthropic(base_url=engine.url, api_key=engine.key) as claude:
        with pytest.raises(anthropic.BadRequestError, match="the model `told` reads text only"):
            await claude.messages.create(model="told", messages=said(BLOCK), max_tokens=5)  # type: ignore[arg-type]
    headers = {"x-goog-api-key": engine.key}
    async with httpx.AsyncClient(base_url=engine.url, headers=headers) as google:
        answer = await google.post("/v1beta/models/told:generateContent", json={"contents": [{"parts": [PART]}]})
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    records = await asyncio.to_thread(engine.records, 3, since_ns=since)
    assert {(one["outcome"], one["blame"], one["target"]) for one in records} == {("refused", "caller", "")}


async def test_a_tool_that_must_be_called_is_refused_where_the_card_says_that_the_model_calls_none(
    engine: Gateway,
) -> None:
    function: Any = {"name": "look", "parameters": {"type": "object", "properties": {}}}
    messages: Any = [{"role": "user", "content": "x"}]
    async with openai.AsyncOpenAI(base_url=engine.base_url, api_key=engine.key, max_retries=0) as client:
        ask = client.chat.completions.with_raw_response.create
        tools: Any = [{"type": "function", "function": function}]
        with pytest.raises(openai.BadRequestError, match="the model `told` calls none") as caught:
            await ask(model="told", messages=messages, tools=tools, tool_choice="required")
        assert (caught.value.param, caught.value.code) == ("tool_choice", "tools_not_supported")
        answer = await ask(model="told", messages=messages, tools=tools, max_tokens=3)
        assert answer.headers["x-gateway-warning"] == "the model told calls no tools, and answers as if there were none"
        shown: Any = await client.models.retrieve("told")
        assert shown.gateway["tools"] is False
    async with anthropic.AsyncAnthropic(base_url=engine.url, api_key=engine.key, max_retries=0) as claude:
        mine: Any = [{"name": "look", "input_schema": function["parameters"]}]
        with pytest.raises(anthropic.BadRequestError, match="the model `told` calls none"):
            await claude.messages.create(
                model="told", messages=messages, max_tokens=5, tools=mine, tool_choice={"type": "any"}
            )


@pytest.mark.parametrize("stream", [False, True])
async def test_one_that_only_the_engine_rules_out_is_asked_once(
    engine: Gateway, client: httpx.AsyncClient, stream: bool
) -> None:
    since, before = time.time_ns(), await engine.metrics("gateway_upstream_attempts_total")
    answer = await client.post(CHAT, json={"model": "untold", "messages": said(IMAGE), "stream": stream})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["gateway"]["blame"]) == (400, "invalid_request_error", "caller")
    assert error["message"] == (
        "the model `untold` does not read all that the request holds; its upstream says: image input is not supported "
        "- hint: if this is unexpected, you may need to provide the mmproj. Leave it out, or ask a model that reads it"
    )
    assert (error["code"], error["gateway"]["upstream_status"]) == ("upstream_input_unsupported", 500)
    assert (answer.headers["x-should-retry"], "x-gateway-attempts" in answer.headers) == ("false", False)
    record = await last(engine, since)
    assert (record["outcome"], record["blame"], record["status"]) == ("refused", "caller", 400)
    assert await engine.metrics("gateway_upstream_attempts_total") == before + 1


async def test_the_same_in_anthropics_words(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/messages", json={"model": "untold", "messages": said(BLOCK), "max_tokens": 5})
    told = answer.json()
    assert (answer.status_code, told["error"]["type"]) == (400, "invalid_request_error")
    assert "the model `untold` does not read" in told["error"]["message"]
    assert (told["gateway"]["code"], told["gateway"]["upstream_status"]) == ("upstream_input_unsupported", 500)


@pytest.mark.parametrize(
    ("path", "fields", "operation"),
    [
        ("/v1/embeddings", {"input": "x"}, "embeddings"),
        ("/v1/rerank", {"query": "x", "documents": ["a"]}, "rerank"),
    ],
)
async def test_what_the_engine_was_not_started_for_says_so(
    engine: Gateway, client: httpx.AsyncClient, path: str, fields: dict[str, Any], operation: str
) -> None:
    since = time.time_ns()
    answer = await client.post(path, json={"model": "told", **fields})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "upstream_operation_unsupported", "model")
    assert f"the model `told` is served by an upstream that has no `{operation}`" in error["message"]
    assert "x-gateway-attempts" not in answer.headers
    record = await last(engine, since)
    assert (record["outcome"], record["blame"]) == ("refused", "caller")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "more"), [(CHAT, {}), ("/v1/messages", {"max_tokens": 5})])
async def test_a_request_that_is_too_long_is_told_the_numbers_and_what_to_do(
    engine: Gateway, client: httpx.AsyncClient, path: str, more: dict[str, Any], stream: bool
) -> None:
    since = time.time_ns()
    body = {"model": "told", "messages": [{"role": "user", "content": "x" * 3_000}], "stream": stream, **more}
    answer = await client.post(path, json=body)
    found = answer.json()
    message = found["error"]["message"]
    assert (answer.status_code, found["error"]["type"]) == (400, "invalid_request_error")
    assert re.fullmatch(r"the request has 30\d\d tokens, and the model `told` takes \d+; shorten it", message), message
    told = found["error"]["gateway"] if path == CHAT else found["gateway"]
    code = found["error"]["code"] if path == CHAT else told["code"]
    assert (code, told["blame"], told["request_tokens"] > told["context_tokens"]) == (
        "context_length_exceeded",
        "caller",
        True,
    )
    record = await last(engine, since)
    assert (record["outcome"], record["blame"], record["error_code"]) == ("refused", "caller", code)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "'messages' is required"),
        ({"messages": said({"type": "text", "text": "x"}), "temperature": "hot"}, "type must be number, but is string"),
    ],
)
async def test_its_own_400_passes_as_it_said_it(
    engine: Gateway, client: httpx.AsyncClient, fields: dict[str, Any], message: str
) -> None:
    since = time.time_ns()
    answer = await client.post(CHAT, json={"model": "told", **fields})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (400, 400, "invalid_request_error")
    assert message in error["message"]
    record = await last(engine, since)
    assert answer.headers["x-request-id"] == record["id"]
    assert (record["outcome"], record["blame"], record["error_code"]) == ("refused", "caller", "upstream_status_400")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tools": [{"type": "zzz"}]}, "Failed to parse tools: Unsupported tool type"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"a": 1}]}]}, "Failed to parse messages"),
    ],
)
async def test_what_it_cannot_parse_is_no_outage_though_it_says_500(
    client: httpx.AsyncClient, fields: dict[str, Any], message: str
) -> None:
    body = {"model": "told", "messages": [{"role": "user", "content": "x"}], **fields}
    answer = await client.post(CHAT, json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["gateway"]["blame"]) == (400, "upstream_bad_request", "caller")
    assert error["message"].startswith(message)


@pytest.mark.parametrize("text", ['{"model": "told", "messages": []}', '{"messages" : [ ], "model": "untold"}'])
async def test_a_conversation_without_a_message_is_no_question(client: httpx.AsyncClient, text: str) -> None:
    answer = await client.post(CHAT, content=text, headers={"content-type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["gateway"]["blame"]) == (400, "messages", "caller")
    assert error["message"] == "`messages` must hold at least one message"


async def test_after_all_that_the_target_is_in_good_standing_and_usage_shows_no_failure(
    engine: Gateway, client: httpx.AsyncClient
) -> None:
    for model in ("told", "untold"):
        answer = await client.post(
            CHAT, json={"model": model, "messages": [{"role": "user", "content": "x"}], "max_tokens": 3}
        )
        assert (answer.status_code, answer.json()["usage"]["completion_tokens"]) == (200, 3)
    await asyncio.to_thread(engine.records, 2)
    used = await asyncio.to_thread(engine.cli, "usage", "--by", "model", "--format", "csv")
    rows = list(csv.DictReader(used.stdout.splitlines()))
    assert {row["model"]: (row["completed"], row["failed"]) for row in rows} == {
        "told": ("2", "0"),
        "untold": ("1", "0"),
    }
    assert await engine.metrics('gateway_upstream_attempts_total{outcome="failed"') == 0
    assert await engine.metrics("gateway_target_left_alone") == 0
