"""One provider by itself: what it sends for a call, and to where."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.core.attempt import Terms
from gateway.core.call import Call, Operation, Served
from gateway.core.clock import SystemClock
from gateway.core.faults import BadRequest
from gateway.core.principal import Principal
from gateway.core.record import Record
from gateway.core.target import Target
from gateway.core.usage import Usage
from gateway.dialects.openai.body import read_json
from gateway.edge.operations import OPERATIONS
from gateway.providers.building import build_provider
from gateway.providers.options import ProviderOptions
from gateway.testing import Received, ScriptedUpstream, json_answer
from gateway.transport.client import HttpClient
from gateway.transport.options import ClientOptions


def operation(path: str, dialect: str = "openai") -> Operation:
    return next(one for one in OPERATIONS if one.dialect == dialect and one.path.endswith(path))


class Bench:
    """Sends calls through a provider of any kind to an upstream that notes what it is sent."""

    def __init__(self, upstream: ScriptedUpstream, client: HttpClient) -> None:
        self.upstream = upstream
        self.client = client
        self.reply_headers: dict[str, str] = {}
        self.served = Served()

    async def send(
        self,
        kind: str,
        place: str,
        body: dict[str, Any],
        *,
        path: str = "chat/completions",
        dialect: str = "openai",
        model: str = "real-model",
        answer: object = None,
        strict: bool = False,
        tenant: str = "acme",
        headers: dict[bytes, bytes] | None = None,
        **options: Any,
    ) -> Received:
        """What reached the upstream, which answers at `place` alone."""
        self.upstream.set(place, json_answer(answer or {}))
        made = ProviderOptions(kind=kind, base_url=self.upstream.base_url, api_key="K", **options)
        provider = build_provider("mock", made, self.client, SystemClock().monotonic, 1, None)
        call = _call(operation(path, dialect), body, headers or {})
        call.caller = Principal(key_id="key_1", tenant=tenant, team="a", strict=strict)
        call.target = Target("mock", model)
        try:
            await provider(call)
        finally:
            call.close()
            self.reply_headers, self.served = call.reply_headers, call.served
        return self.upstream.requests[-1]


def _call(operation: Operation, body: dict[str, Any], headers: dict[bytes, bytes]) -> Call:
    raw = json.dumps(body).encode()

    async def opened() -> None:
        return

    record = Record(id="0-1", started_ns=0, tenant="acme", team="a", key_id="key_1", operation=operation.name)
    call = Call(operation=operation, headers=headers, record=record, open=opened, fields=read_json(raw), arrived=0.0)
    call.model, record.bytes_in = "alias", len(raw)
    return call


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with ScriptedUpstream({}) as upstream, HttpClient(ClientOptions()) as client:
        yield Bench(upstream, client)


CHAT = {"id": "c", "object": "chat.completion", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}


@pytest.mark.parametrize("field", [{"models": ["other/model"]}, {"route": "fallback"}, {"preset": "mine"}])
async def test_a_body_cannot_name_models_that_were_not_judged(bench: Bench, field: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as refused:
        await bench.send("openrouter", "/v1/chat/completions", {"model": "alias", "messages": [], **field})
    assert refused.value.param == next(iter(field))
    assert not bench.upstream.requests
    sent = await bench.send("openrouter", "/v1/chat/completions", {"model": "alias", "messages": []}, answer=CHAT)
    assert sent.json() == {"model": "real-model", "messages": []}
    plain = {"model": "alias", "messages": [], **field}
    sent = await bench.send("openai-compatible", "/v1/chat/completions", plain, answer=CHAT)
    assert sent.json() == {**plain, "model": "real-model"}


async def test_two_tenants_idempotency_keys_never_meet(bench: Bench) -> None:
    """They share one account upstream."""
    body = {"model": "alias", "messages": []}
    sent = [
        await bench.send(
            "openai-compatible",
            "/v1/chat/completions",
            body,
            answer=CHAT,
            tenant=tenant,
            headers={b"idempotency-key": b"1"},
        )
        for tenant in ("acme", "acme", "other")
    ]
    keys = [one.headers["idempotency-key"] for one in sent]
    assert keys[0] == keys[1] != keys[2]
    assert "1" not in keys


async def test_a_gateways_key_never_goes_upstream(bench: Bench) -> None:
    body = {"model": "alias", "messages": []}
    names = ("authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie")
    headers = {name.encode(): b"gw-secret" for name in names}
    sent = await bench.send(
        "openai-compatible", "/v1/chat/completions", body, answer=CHAT, headers=headers, forward_headers=names
    )
    assert "gw-secret" not in str(sent.headers)
    assert sent.headers["authorization"] == "Bearer K"


async def test_what_was_dropped_is_told_in_what_a_header_can_hold(bench: Bench) -> None:
    body = {
        "model": "alias",
        "max_tokens": 1,
        "messages": [{"role": "user", "content": "x"}],
        "näme\n": 1,
        "a" * 3_000: 1,
    }
    answer = {"type": "message", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}
    await bench.send("anthropic", "/v1/messages", body, answer=answer)
    told = bench.reply_headers["x-gateway-dropped-params"]
    assert told.startswith("n?me?, aaa")
    assert told.endswith("...")
    assert len(told) == 2_000


EMBEDDED = {"embeddings": [{"values": [1.0]}]}


async def test_what_embeddings_leave_out_is_told_or_refused(bench: Bench) -> None:
    body = {"model": "alias", "input": "x", "user": "u", "dimensions": 3}
    place = "/v1/models/real-model:batchEmbedContents"
    sent = await bench.send("gemini", place, body, path="embeddings", answer=EMBEDDED)
    assert sent.json()["requests"][0]["outputDimensionality"] == 3
    assert bench.reply_headers["x-gateway-dropped-params"] == "user"
    with pytest.raises(BadRequest) as refused:
        await bench.send("gemini", place, body, path="embeddings", answer=EMBEDDED, strict=True)
    assert refused.value.param == "user"


async def test_what_a_gemini_clients_embeddings_leave_out_is_told_or_refused(bench: Bench) -> None:
    content = {"parts": [{"text": "x"}]}
    body = {
        "requests": [{"content": content}, {"content": content, "taskType": "T", "embedContentConfig": {"title": "t"}}]
    }
    answer = {"data": [{"embedding": [1.0]}, {"embedding": [2.0]}], "usage": {"prompt_tokens": 2, "total_tokens": 2}}
    asked = {"path": ":batchEmbedContents", "dialect": "gemini", "answer": answer}
    sent = await bench.send("openai", "/v1/embeddings", body, **asked)
    assert sent.json() == {"model": "real-model", "input": ["x", "x"]}
    dropped = "requests[1].taskType, requests[1].embedContentConfig.title"
    assert bench.reply_headers["x-gateway-dropped-params"] == dropped
    with pytest.raises(BadRequest) as refused:
        await bench.send("openai", "/v1/embeddings", body, **asked, strict=True)
    assert refused.value.param == "requests[1].taskType"


COUNT = {"system": "Be brief.", "messages": [{"role": "user", "content": "x"}]}


@pytest.mark.parametrize(
    ("kind", "keys"), [("gemini", {"generateContentRequest"}), ("vertex", {"contents", "systemInstruction"})]
)
async def test_tokens_are_counted_as_each_of_googles_doors_has_it(bench: Bench, kind: str, keys: set[str]) -> None:
    place = "/v1/models/real-model:countTokens"
    asked = {"path": "messages/count_tokens", "dialect": "anthropic", "answer": {"totalTokens": 3}}
    sent = await bench.send(kind, place, {"model": "alias", **COUNT}, **asked, project="p", location="l")
    assert sent.json().keys() == keys


async def test_claude_on_vertex_counts_tokens_for_a_gemini_client(bench: Bench) -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}
    asked = {"path": ":countTokens", "dialect": "gemini", "answer": {"input_tokens": 3}}
    place = "/v1/models/count-tokens:rawPredict"
    sent = await bench.send("vertex-anthropic", place, body, **asked, project="p", location="l")
    assert sent.json()["anthropic_version"] == "vertex-2023-10-16"
    assert sent.json()["model"] == "real-model"


async def test_embeddings_that_a_door_does_not_have_are_refused(bench: Bench) -> None:
    with pytest.raises(BadRequest, match="has no `embeddings`"):
        await bench.send("vertex", "/", {"model": "alias", "input": "x"}, path="embeddings", project="p", location="l")


async def test_a_batch_of_embeddings_names_the_providers_model_inside_too(bench: Bench) -> None:
    content = {"parts": [{"text": "x"}]}
    body = {
        "requests": [{"model": "models/alias", "content": content}, {"content": content, "outputDimensionality": 3}]
    }
    place = "/v1/models/real-model:batchEmbedContents"
    sent = await bench.send("gemini", place, body, path=":batchEmbedContents", dialect="gemini")
    named = {"model": "models/real-model", "content": content}
    assert sent.json() == {"requests": [named, {**named, "outputDimensionality": 3}]}


async def test_a_question_that_holds_a_request_names_the_providers_model_inside_too(bench: Bench) -> None:
    request = {"contents": [{"parts": [{"text": "x"}]}]}
    body = {"generateContentRequest": {"model": "models/alias", **request}}
    place = "/v1/models/real-model:countTokens"
    sent = await bench.send("gemini", place, body, path=":countTokens", dialect="gemini")
    assert sent.json() == {"generateContentRequest": {**request, "model": "models/real-model"}}
    sent = await bench.send("gemini", place, request, path=":countTokens", dialect="gemini")
    assert sent.json() == request


@pytest.mark.parametrize(
    ("kind", "model", "searches"),
    [
        ("openai", "gpt-4o-mini-search-preview-2025-03-11", 1),
        ("azure", "gpt-5-search-api", 1),
        ("openai", "gpt-4o", 0),
        ("openai-compatible", "gpt-4o-search-preview", 0),
    ],
)
async def test_models_that_search_with_every_answer_are_metered_so(
    bench: Bench, kind: str, model: str, searches: int
) -> None:
    """Their usage object does not count it, but each answer is billed as one search."""
    place = "/v1/openai/v1/chat/completions" if kind == "azure" else "/v1/chat/completions"
    body = {"model": "alias", "messages": []}
    await bench.send(kind, place, body, model=model, answer=CHAT)
    assert bench.served.usage == Usage(input_tokens=1, output_tokens=1, web_searches=searches)


async def test_images_are_priced_as_they_were_asked_for_where_the_answer_does_not_say(bench: Bench) -> None:
    body = {"model": "alias", "prompt": "x", "size": "512x512", "quality": "hd", "n": 2}
    answer = {"created": 1, "data": [{"url": "a"}, {"url": "b"}]}
    await bench.send("openai", "/v1/images/generations", body, path="images/generations", answer=answer)
    assert bench.served.usage == Usage(images=2)
    assert bench.served.terms == Terms(image_size="512x512", image_quality="hd")


async def test_embeddings_keep_their_usage_object_on_every_road(bench: Bench) -> None:
    usage = {"prompt_tokens": 2, "total_tokens": 2}
    told = {"data": [{"embedding": [1.0]}], "usage": usage}
    body = {"model": "alias", "input": "x"}
    await bench.send("openai", "/v1/embeddings", body, path="embeddings", answer=told)
    assert [json.loads(one) for one in bench.served.raw_usage] == [usage]
    content = {"content": {"parts": [{"text": "x"}]}}
    asked = {"path": ":embedContent", "dialect": "gemini"}
    await bench.send("openai", "/v1/embeddings", content, **asked, answer=told)
    assert [json.loads(one) for one in bench.served.raw_usage] == [usage]
    google = {**EMBEDDED, "usageMetadata": {"promptTokenCount": 2}}
    await bench.send("gemini", "/v1/models/real-model:batchEmbedContents", body, path="embeddings", answer=google)
    assert [json.loads(one) for one in bench.served.raw_usage] == [google["usageMetadata"]]
    assert bench.served.usage == Usage(input_tokens=2)


async def test_an_arn_is_one_segment_of_a_path(bench: Bench) -> None:
    answer = {"output": {"message": {"role": "assistant", "content": [{"text": "ok"}]}}, "stopReason": "end_turn",
              "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}}  # fmt: skip
    sent = await bench.send(
        "bedrock",
        "/v1/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aprovisioned-model%2Fab/converse",
        {"model": "x", "messages": [{"role": "user", "content": "hello"}]},
        model="arn:aws:bedrock:us-east-1:123456789012:provisioned-model/ab",
        answer=answer,
    )
    assert sent.path.endswith("%3Aprovisioned-model%2Fab/converse")
