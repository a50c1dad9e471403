"""What an upstream says of its usage, as the ledger keeps it: its own words, its terms, and whether they add up."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.testing import (
    DONE,
    Hangup,
    Received,
    Script,
    ScriptedUpstream,
    Write,
    body_answer,
    event,
    event_stream,
    json_answer,
)
from tests.conftest import Site, gateways, within

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
# Alias and provider have one name; every provider is the scripted upstream.
KINDS: dict[str, dict[str, Any]] = {
    "plain": {"kind": "openai-compatible"},
    "openrouter": {"kind": "openrouter"},
    "xai": {"kind": "xai"},
    "claude": {"kind": "anthropic"},
    "bedrock": {"kind": "bedrock", "region": "eu-west-1"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with ScriptedUpstream({}) as upstream:
        shared = {"base_url": upstream.base_url, "api_key": "sk-up"}
        providers = {name: {**shared, **kind} for name, kind in KINDS.items()}
        models = {name: {"targets": [f"{name}/real-model"]} for name in KINDS}
        models["bedrock-claude"] = {"targets": ["bedrock/anthropic.claude-x"]}
        prices = "".join(
            f'  - {{id: {name}, provider: {name}, models: ["*"], from: "2020-01-01", '
            "per_million_tokens: {input: 1.00, cached_input: 0.50, output: 2.00}}\n"
            for name in KINDS
        )
        with gateways(tmp_path_factory.mktemp("site")) as make:
            policies = {"prices": f"currency: USD\nprices:\n{prices}"}
            gateway = await asyncio.to_thread(
                make(upstream.base_url, providers=providers, models=models, policies=policies).start
            )
            headers = {"authorization": f"Bearer {gateway.key}"}
            async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=20) as client:
                yield Site(gateway, upstream, client)


async def attempt(site: Site) -> dict[str, Any]:
    """The attempt of the call just made."""
    record = await site.last_record()
    (found,) = site.gateway.ask_ledger("SELECT * FROM attempts WHERE call = ?", record["id"])
    assert found["usage_source"] == record["usage_source"]
    return {**found, "into": record["input_tokens"], "out": record["output_tokens"]}


def chunk(**fields: object) -> bytes:
    return event({"id": "c1", "object": "chat.completion.chunk", "model": "m", **fields})


def delta(text: str, **fields: object) -> bytes:
    return chunk(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}], **fields)


async def test_the_usage_object_is_kept_to_the_byte(fresh: Site) -> None:
    odd = b'{"prompt_tokens" :12,\n "completion_tokens": 3, "new": [1.0, 1e2, "\\u00e9"]}'
    body = b'{"id": "x", "service_tier": "flex", "choices": [], "usage": ' + odd + b"}"
    fresh.upstream.set(CHAT, body_answer(body))
    await fresh.chat(model="plain")
    found = await attempt(fresh)
    assert found["raw_usage"].encode() == odd
    assert (found["tier"], found["region"], found["reported_nano"]) == ("flex", "", None)


async def test_a_translated_stream_keeps_both_of_anthropics_objects(fresh: Site) -> None:
    start = {"input_tokens": 10, "output_tokens": 1, "service_tier": "priority", "inference_geo": "us"}
    fresh.upstream.set(
        MESSAGES,
        event_stream(
            event({"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": start}}),
            event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}),
            event({"type": "message_stop"}),
        ),
    )
    await fresh.chat(model="claude", stream=True)
    found = await attempt(fresh)
    assert json.loads(found["raw_usage"]) == [start, {"output_tokens": 7}]
    assert (found["tier"], found["region"], found["into"], found["out"]) == ("priority", "us", 10, 7)


async def test_a_clouds_region_and_the_tier_that_served(fresh: Site) -> None:
    """Converse says the tier in its answer; InvokeModel, whose answers are the maker's own, in a header."""
    usage = {"inputTokens": 10, "outputTokens": 1, "totalTokens": 11}
    converse = {"output": {"message": {"content": []}}, "stopReason": "end_turn", "usage": usage}
    fresh.upstream.set("/v1/model/real-model/converse", json_answer({**converse, "serviceTier": {"type": "flex"}}))
    await fresh.chat(model="bedrock")
    found = await attempt(fresh)
    assert (found["tier"], found["region"]) == ("flex", "eu-west-1")
    usage = {"input_tokens": 10, "output_tokens": 1}
    message = {"type": "message", "content": [], "stop_reason": "end_turn", "usage": usage}
    tier = {"x-amzn-bedrock-service-tier": "priority"}
    fresh.upstream.set("/v1/model/anthropic.claude-x/invoke", json_answer(message, headers=tier))
    body = {"model": "bedrock-claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
    assert (await fresh.client.post("/messages", json=body)).status_code == 200
    found = await attempt(fresh)
    assert (found["tier"], found["region"], json.loads(found["raw_usage"])) == ("priority", "eu-west-1", usage)


COSTS: list[tuple[str, dict[str, Any], int | None]] = [
    ("openrouter", {"cost": 0.0123}, 12_300_000),
    ("openrouter", {"cost": 1e-9, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.5}}, 500_000_001),
    ("openrouter", {"cost_in_usd_ticks": 37_756_000}, None),
    ("openrouter", {"cost": 99_999}, None),
    ("xai", {"cost_in_usd_ticks": 37_756_000}, 3_775_600),
    ("xai", {"cost": 5}, None),
    ("plain", {"cost": 830, "cost_in_usd_ticks": 37_756_000}, None),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("model", "told", "nano"), COSTS)
async def test_a_cost_is_believed_of_the_kinds_that_bill_it(
    fresh: Site, model: str, told: dict[str, Any], nano: int | None, stream: bool
) -> None:
    """Anybody else's `cost` buys nothing: a budget must not be spent by a field of an answer."""
    usage = {**USAGE, **told}
    whole = json_answer({"choices": [CHOICE], "usage": usage})
    fresh.upstream.set(CHAT, event_stream(delta("hi"), chunk(choices=[], usage=usage), DONE) if stream else whole)
    await fresh.chat(model=model, stream=stream)
    found = await attempt(fresh)
    assert found["reported_nano"] == nano
    assert json.loads(found["raw_usage"]) == usage
    if nano is None:
        assert found["cost_nano"] == 18_000


STREAMS: dict[str, tuple[Script, tuple[str, int, int]]] = {
    "usage on the last chunk": (
        event_stream(delta("hi"), chunk(choices=[], usage=USAGE), DONE), ("provider", 12, 3)
    ),
    "usage on a chunk that says something": (
        event_stream(delta("hi"), delta(" there", usage=USAGE), DONE), ("provider", 12, 3)
    ),
    "usage twice": (
        event_stream(delta("hi", usage={**USAGE, "completion_tokens": 1, "total_tokens": 13}),
                     chunk(choices=[], usage=USAGE), chunk(choices=[], usage=USAGE), DONE),
        ("provider", 12, 3),
    ),
    "groq's": (event_stream(delta("hi", x_groq={"usage": USAGE}), DONE), ("provider", 12, 3)),
    "usage missing": (event_stream(delta("hi"), delta("hi"), DONE), ("estimate", 10, 2)),
    "usage of nothing but zeros": (
        event_stream(delta("hi"), chunk(choices=[], usage=dict.fromkeys(USAGE, 0)), DONE), ("estimate", 10, 1)
    ),
    "cut before its usage": (event_stream(delta("hi"), 0.05, Hangup(reset=True)), ("estimate", 10, 1)),
    "cut after a running total": (
        event_stream(delta("hi", usage=USAGE), 0.05, Hangup(reset=True)), ("provider", 12, 3)
    ),
    "cut after more than the running total": (
        event_stream(delta("hi", usage=USAGE), *[delta("word") for _ in range(9)], 0.05, Hangup(reset=True)),
        ("estimate", 12, 10),
    ),
    "parts that do not add up": (
        event_stream(delta("hi"), chunk(choices=[], usage={**USAGE, "total_tokens": 14}), DONE),
        ("inconsistent", 12, 3),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("script", "expected"), STREAMS.values(), ids=STREAMS)
async def test_a_stream_is_metered_whatever_becomes_of_its_usage(
    fresh: Site, script: Script, expected: tuple[str, int, int]
) -> None:
    fresh.upstream.set(CHAT, script)
    await fresh.chat(model="plain", stream=True)
    found = await attempt(fresh)
    source, into, out = expected
    assert (found["usage_source"], found["out"]) == (source, out)
    assert found["into"] == into if source != "estimate" else found["into"] >= into
    assert found["pricing"] == "priced"
    assert found["cost_nano"] == found["into"] * 1000 + found["out"] * 2000 > 0


async def test_a_client_that_hangs_up_pays_for_what_had_come(fresh: Site) -> None:
    """With a running total in every chunk the count is the provider's own."""
    made = 0

    async def flowing(received: Received, write: Write) -> None:
        nonlocal made
        await event_stream(finish=False)(received, write)
        for made in range(1, 1_000):
            one = delta("hi", usage={**USAGE, "completion_tokens": made, "total_tokens": 12 + made})
            await write(b"%x\r\n%s\r\n" % (len(one), one))
            await asyncio.sleep(0.01)

    fresh.upstream.set(CHAT, flowing)
    body = {"model": "plain", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    async with fresh.client.stream("POST", "/chat/completions", json=body) as answer, within(10):
        got = b""
        async for piece in answer.aiter_raw():
            got += piece
            if got.count(b"hi") >= 20:
                break
    found = await attempt(fresh)
    assert (found["outcome"], found["usage_source"], found["into"]) == ("cancelled", "provider", 12)
    assert 20 <= found["out"] <= made < 999, "no more than was made until it was stopped"
    assert json.loads(found["raw_usage"])["completion_tokens"] == found["out"]


async def test_a_whole_answer_that_counts_nothing_has_no_price(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer({"choices": [CHOICE], "usage": dict.fromkeys(USAGE, 0)}))
    await fresh.chat(model="plain")
    found = await attempt(fresh)
    assert (found["usage_source"], found["pricing"], found["cost_nano"]) == ("none", "unpriced", None)
    assert json.loads(found["raw_usage"]) == dict.fromkeys(USAGE, 0)


async def test_usage_that_does_not_add_up_is_priced_and_counted(fresh: Site) -> None:
    counter = 'gateway_usage_inconsistencies_total{provider="plain"}'
    before = await fresh.gateway.metrics(counter)
    usage = {**USAGE, "prompt_tokens_details": {"cached_tokens": 99}}
    fresh.upstream.set(CHAT, json_answer({"choices": [CHOICE], "usage": usage}))
    await fresh.chat(model="plain")
    found = await attempt(fresh)
    assert (found["usage_source"], found["pricing"], found["cost_nano"]) == ("inconsistent", "priced", 12_000)
    assert await fresh.gateway.metrics(counter) == before + 1


async def test_a_reported_cost_that_is_not_believed_is_counted_and_the_books_price_holds(fresh: Site) -> None:
    counter = 'gateway_reported_costs_doubted_total{provider="openrouter"}'
    before = await fresh.gateway.metrics(counter)
    fresh.upstream.set(CHAT, json_answer({"choices": [CHOICE], "usage": {**USAGE, "cost": 5000}}))
    for _ in range(2):
        await fresh.chat(model="openrouter")
    found = await attempt(fresh)
    assert (found["pricing"], found["cost_nano"]) == ("priced", 18_000)
    assert await fresh.gateway.metrics(counter) == before + 2
    assert fresh.gateway.log().count("reports as a call's cost is not believed") == 1
