"""Answers that are not of the form that policy wants: the model is told why and asked once more, and each attempt is
paid by whom it is to be paid."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.testing import DONE, Received, ScriptedUpstream, Write, event, event_stream, json_answer, status
from tests.behaviour.test_guardrails import answer, chunk
from tests.conftest import Site, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")
pytest.importorskip("jsonschema_rs")

GUARDRAILS = """
guards:
  - id: form
    on: [output]
    detect: [{json_schema: {repair: true, schema: {type: object, required: [total], properties: {total: {type: number}}}}}]
    action: block
"""
CHAT = "/v1/chat/completions"
COST = 13_000  # 7 tokens in, 3 out
BAD, WORSE, GOOD = '{"total": "three"}', "Three!", '{"total": 3}'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with ScriptedUpstream({}) as upstream:
        with gateways(tmp_path_factory.mktemp("repairs")) as make:
            provider = {
                "kind": "openai-compatible", "base_url": upstream.base_url, "api_key": "k", "protocols": ["chat"]
            }  # fmt: skip
            policies = {"guardrails": GUARDRAILS, "routes": "retries: {max_attempts: 1}\n"}
            models = {"test-model": {"targets": ["mock/real-model"]}}
            gateway = make(providers={"mock": provider}, models=models, policies=policies)
            await asyncio.to_thread(gateway.start)
            headers = {"authorization": f"Bearer {gateway.key}"}
            async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=20) as client:
                yield Site(gateway, upstream, client)


def attempts(site: Site, record: dict[str, Any]) -> list[tuple[Any, ...]]:
    query = "SELECT * FROM attempts WHERE call = ? ORDER BY n"
    names = ("role", "served", "outcome", "error_code", "account", "cost_nano")
    return [tuple(row[name] for name in names) for row in site.gateway.ask_ledger(query, record["id"])]


def sent(site: Site) -> list[Any]:
    return [request.json()["messages"] for request in site.upstream.requests]


async def ask(site: Site, **fields: Any) -> httpx.Response:
    body = {"model": "test-model", "messages": [{"role": "user", "content": "how many?"}], **fields}
    return await site.client.post(CHAT, json=body)


REQUESTS = [
    (CHAT, {"messages": [{"role": "user", "content": "how many?"}]}),
    ("/v1/messages", {"max_tokens": 50, "messages": [{"role": "user", "content": "how many?"}]}),
    ("/v1/responses", {"input": "how many?", "store": False}),
    ("/v1beta/models/test-model:generateContent", {"contents": [{"role": "user", "parts": [{"text": "how many?"}]}]}),
]


@pytest.mark.parametrize(("path", "body"), REQUESTS)
async def test_the_model_is_told_what_is_wrong_and_the_caller_gets_the_better_answer(
    fresh: Site, path: str, body: dict[str, Any]
) -> None:
    fresh.upstream.set(CHAT, json_answer(answer(BAD)), json_answer(answer(GOOD)))
    reply = await fresh.client.post(path, json={"model": "test-model", **body})
    assert reply.status_code == 200, reply.text
    assert json.dumps(GOOD)[1:-1] in reply.text
    assert reply.headers["x-gateway-attempts"] == "2"
    first, second = sent(fresh)
    asked, answered, told = second
    assert [asked] == first
    assert (answered["role"], answered["content"], told["role"]) == ("assistant", BAD, "user")
    assert 'at /total: "three" is not of type "number"' in told["content"]
    assert '"required":["total"]' in told["content"]
    record = await fresh.last_record()
    assert attempts(fresh, record) == [
        ("primary", 0, "failed", "answer_not_taken", "gateway:retries", COST),
        ("repair", 1, "completed", "", "", COST),
    ]
    assert (record["outcome"], record["input_tokens"], record["output_tokens"]) == ("completed", 7, 3)


@pytest.mark.parametrize(
    ("second", "role"),
    [
        (json_answer(answer(WORSE)), ("repair", 0, "failed", "answer_not_taken", "gateway:retries", COST)),
        (status(500), ("repair", 0, "failed", "upstream_status_500", "gateway:retries", None)),
    ],
)
async def test_where_the_second_is_no_better_the_first_stands(fresh: Site, second: Any, role: tuple[Any, ...]) -> None:
    fresh.upstream.set(CHAT, json_answer(answer(BAD)), second)
    reply = await ask(fresh)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "content_blocked")
    assert len(fresh.upstream.requests) == 2, "asked once more, and no more"
    record = await fresh.last_record()
    (served, repair) = attempts(fresh, record)
    assert (served[:2], repair) == (("primary", 1), role)
    assert record["output_tokens"] == 3


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        (answer(GOOD), {}),
        ({**answer(BAD), "choices": [{**answer(BAD)["choices"][0], "finish_reason": "length"}]}, {}),
        ({**answer(BAD), "choices": answer(BAD)["choices"] * 2}, {"n": 2}),
    ],
    ids=["good", "cut off", "several"],
)
async def test_who_would_not_be_helped_is_asked_once(fresh: Site, said: dict[str, Any], fields: dict[str, Any]) -> None:
    fresh.upstream.set(CHAT, json_answer(said), json_answer(answer(GOOD)))
    await ask(fresh, **fields)
    assert len(fresh.upstream.requests) == 1


async def test_a_stream_is_not_asked_for_again(fresh: Site) -> None:
    end = event({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    fresh.upstream.set(CHAT, event_stream(event(chunk(BAD)), end, DONE))
    reply = await ask(fresh, stream=True)
    assert (reply.status_code, len(fresh.upstream.requests)) == (200, 1)


async def test_a_caller_who_hangs_up_meanwhile_pays_for_what_was_made(fresh: Site) -> None:
    asked = asyncio.Event()

    async def slow(_received: Received, _write: Write) -> None:
        asked.set()
        await asyncio.sleep(20)

    fresh.upstream.set(CHAT, json_answer(answer(BAD)), slow)
    asking = asyncio.ensure_future(ask(fresh))
    await asked.wait()
    asking.cancel()
    record = await fresh.last_record()
    assert (record["outcome"], record["output_tokens"]) == ("cancelled", 3)
    primary, repair = attempts(fresh, record)
    assert (primary[:3], primary[4:]) == (("primary", 1, "cancelled"), ("", COST))
    assert (repair[:3], repair[4]) == (("repair", 0, "cancelled"), "gateway:retries")
