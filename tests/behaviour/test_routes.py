"""Calls that find another target, as a real gateway makes them: what the client gets, what the ledger keeps."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import httpx
import pytest

from gateway.testing import DONE, ScriptedUpstream, event, event_stream, json_answer, raw, status
from tests.conftest import ACCESS, Gateway, GatewayFactory, within

pytestmark = pytest.mark.asyncio(loop_scope="module")
CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
PRICES = """
currency: USD
prices:
  - {id: one, provider: one, models: ["*"], from: "2020-01-01", per_million_tokens: {input: 1, output: 2}}
"""


NO_CARDS: Mapping[str, str] = {}


def said(text: str) -> dict[str, Any]:
    message = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"id": "c", "model": "m", "choices": [message], "usage": USAGE}


def streamed(text: str) -> Any:
    return event_stream(
        event({"id": "c", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]}),
        event({"id": "c", "choices": [], "usage": USAGE}),
        DONE,
    )


@contextlib.asynccontextmanager
async def two_upstreams(
    make: GatewayFactory, routes: str, prices: str = PRICES, cards: Mapping[str, str] = NO_CARDS, **config: Any
) -> AsyncGenerator[tuple[Gateway, ScriptedUpstream, ScriptedUpstream, httpx.AsyncClient]]:
    async with ScriptedUpstream({}) as first, ScriptedUpstream({}) as second:
        providers = {
            name: {"kind": "openai-compatible", "base_url": upstream.base_url, "api_key": "k", "protocols": ["chat"]}
            for name, upstream in (("one", first), ("two", second))
        }
        models = {} if cards else {"fast": {"targets": ["one/m", "two/m"]}}
        policies = {**cards, "routes": routes, "prices": prices}
        gateway = make(providers=providers, models=models, policies=policies, **config)
        await asyncio.to_thread(gateway.start)
        headers = {"authorization": f"Bearer {gateway.key}"}
        async with httpx.AsyncClient(base_url=gateway.base_url, headers=headers, timeout=20) as client:
            yield gateway, first, second, client


def body(**more: Any) -> dict[str, Any]:
    return {"model": "fast", "messages": [{"role": "user", "content": "hi"}], **more}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_hears_nothing_of_a_target_that_fails_before_its_first_byte(
    make_gateway: GatewayFactory, stream: bool
) -> None:
    async with two_upstreams(make_gateway, "routes: {}") as (gateway, first, second, client):
        first.set(CHAT, status(503))
        second.set(CHAT, streamed("from two") if stream else json_answer(said("from two")))
        answer = await client.post("/chat/completions", json=body(stream=stream))
        assert answer.status_code == 200
        assert "from two" in answer.text
        assert (answer.headers["x-gateway-target"], answer.headers["x-gateway-attempts"]) == ("two/m", "2")
        (record,) = await asyncio.to_thread(gateway.records, 1)
    rows = gateway.ask_ledger("SELECT * FROM attempts WHERE call = ? ORDER BY n", record["id"])
    assert [(row["n"], row["role"], row["target"], row["outcome"], row["served"], row["account"]) for row in rows] == [
        (1, "primary", "one/m", "failed", 0, "gateway:retries"),
        (2, "fallback", "two/m", "completed", 1, ""),
    ]
    assert (rows[0]["status"], rows[0]["error_code"]) == (503, "upstream_status_503")


@pytest.mark.parametrize(
    ("begins", "code"),
    [
        (event({"error": {"message": "busy", "code": 503}}), "upstream_overloaded"),
        (b": hello\n\ndata: <html>busy</html>\n\n", "upstream_protocol_error"),
    ],
)
async def test_a_stream_that_begins_with_no_answer_has_failed_before_its_first_byte(
    make_gateway: GatewayFactory, begins: bytes, code: str
) -> None:
    async with two_upstreams(make_gateway, "routes: {}") as (gateway, first, second, client):
        first.set(CHAT, event_stream(begins))
        second.set(CHAT, streamed("from two"))
        answer = await client.post("/chat/completions", json=body(stream=True))
        assert "from two" in answer.text
        assert "busy" not in answer.text
        (record,) = await asyncio.to_thread(gateway.records, 1)
    rows = gateway.ask_ledger("SELECT * FROM attempts WHERE call = ? ORDER BY n", record["id"])
    assert [(row["target"], row["outcome"], row["error_code"]) for row in rows] == [
        ("one/m", "failed", code),
        ("two/m", "completed", ""),
    ]


async def test_after_the_first_byte_nobody_else_is_asked(make_gateway: GatewayFactory) -> None:
    async with two_upstreams(make_gateway, "routes: {}") as (_, first, second, client):
        piece = event({"id": "c", "choices": [{"index": 0, "delta": {"content": "half"}}]})
        first.set(
            CHAT, raw(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + piece, ConnectionResetError())
        )
        second.set(CHAT, streamed("from two"))
        answer = await client.post("/chat/completions", json=body(stream=True))
        assert "half" in answer.text
        assert "from two" not in answer.text
        assert "error" in answer.text
        assert second.requests == []


async def test_a_black_hole_is_given_up_when_its_route_says_and_a_deadline_is_carried_through(
    make_gateway: GatewayFactory,
) -> None:
    async with two_upstreams(make_gateway, "routes: {fast: {timeout_s: 1}}") as (_, first, second, client):
        first.set(CHAT, raw(30.0))
        second.set(CHAT, json_answer(said("from two")))
        began = time.monotonic()
        answer = await client.post("/chat/completions", json=body(), headers={"x-request-timeout": "10"})
        assert "from two" in answer.text
        assert time.monotonic() - began < 20
        assert 0 < float(second.requests[0].headers["x-request-timeout"]) < 10
        second.set(CHAT, raw(30.0))
        late = await client.post("/chat/completions", json=body(), headers={"x-request-timeout": "100ms"})
        assert (late.status_code, late.json()["error"]["code"]) == (504, "deadline_exceeded")
        for figure in ("soon", "0", "0ms", "-1", "86401"):
            wrong = await client.post("/chat/completions", json=body(), headers={"x-request-timeout": figure})
            assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "x-request-timeout")


async def test_a_slow_target_is_hedged_and_stopped_and_every_token_is_told(make_gateway: GatewayFactory) -> None:
    routes = "routes: {fast: {hedge: {after_ms: 50}}}"
    async with two_upstreams(make_gateway, routes) as (gateway, first, second, client):
        first.set(CHAT, raw(30.0))
        second.set(CHAT, json_answer(said("from two")))
        answer = await client.post("/chat/completions", json=body())
        assert "from two" in answer.text
        (record,) = await asyncio.to_thread(gateway.records, 1)
        async with within(10):
            while first.requests[0].closed_at is None:
                await asyncio.sleep(0.01)
    rows = gateway.ask_ledger("SELECT * FROM attempts WHERE call = ? ORDER BY n", record["id"])
    assert [(row["role"], row["outcome"], row["usage_source"], row["account"]) for row in rows] == [
        ("primary", "cancelled", "estimate", "gateway:retries"),
        ("hedge", "completed", "provider", ""),
    ]
    assert rows[0]["cost_nano"] > 0


async def test_a_route_changes_while_calls_come_in(make_gateway: GatewayFactory) -> None:
    async with two_upstreams(make_gateway, "routes: {}") as (gateway, first, second, client):
        first.set(CHAT, json_answer(said("from one")))
        second.set(CHAT, json_answer(said("from two")))
        assert "from one" in (await client.post("/chat/completions", json=body())).text
        shape = "routes: {fast: {}, picked: {targets: [{target: one/m, when: request.stream}, {target: two/m}]}}"
        (gateway.folder / "policies" / "routes.yaml").write_text(shape)
        asked, answer = 2, await client.post("/chat/completions", json=body(model="picked"))
        async with within(20):
            while answer.status_code == 404:
                await asyncio.sleep(0.02)
                asked, answer = asked + 1, await client.post("/chat/completions", json=body(model="picked"))
        assert "from two" in answer.text
        first.set(CHAT, streamed("from one"))
        assert "from one" in (await client.post("/chat/completions", json=body(model="picked", stream=True))).text
        records = await asyncio.to_thread(gateway.records, asked + 1)
    assert records[-1]["route"] == "picked"


async def test_a_provider_is_asked_with_its_credential_before_a_call_is_tried(make_gateway: GatewayFactory) -> None:
    routes = "ejection: {consecutive: 1, open_s: 0.1, max_open_s: 0.1, trials: 1, probe_s: 0.1}"
    models = "/v1/models"
    async with two_upstreams(make_gateway, routes) as (_, first, second, client):
        first.set(CHAT, status(503))
        first.set(models, status(500))
        second.set(CHAT, json_answer(said("from two")))

        def asked(path: str) -> int:
            return sum(one.path == path for one in first.requests)

        while asked(models) < 5:
            assert "from two" in (await client.post("/chat/completions", json=body())).text
            await asyncio.sleep(0.05)
        assert asked(CHAT) == 1, "whatever time passed, no call was a trial"
        first.set(CHAT, json_answer(said("from one")))
        first.set(models, status(403))
        while "from one" not in (await client.post("/chat/completions", json=body())).text:
            await asyncio.sleep(0.02)
        probe = next(one for one in first.requests if one.path == models)
        assert (probe.method, probe.headers["authorization"]) == ("GET", "Bearer k")


async def test_a_team_whose_budget_runs_low_is_served_by_the_cheaper_target(make_gateway: GatewayFactory) -> None:
    async with two_upstreams(make_gateway, "routes: {}") as (gateway, first, second, client):
        dear = {
            **said("from one"),
            "usage": {"prompt_tokens": 1_000, "completion_tokens": 2_000, "total_tokens": 3_000},
        }
        first.set(CHAT, json_answer(dear))  # half a cent
        second.set(CHAT, json_answer(said("from two")))
        folder = gateway.folder / "policies"
        limit = "limits: [{id: budget, per: [team], cost_per_day: 0.01}]\ndefault_output_tokens: 1\n"
        (folder / "limits.yaml").write_text(limit)
        when = "budget.used_percent < 50"
        targets = f'[{{target: one/m, when: "{when}"}}, {{target: two/m}}]'
        (folder / "routes.yaml").write_text(f"routes: {{fast: {{}}, thrifty: {{targets: {targets}}}}}")
        while (await client.post("/chat/completions", json=body(model="thrifty"))).status_code == 404:
            await asyncio.sleep(0.02)
        # One call at half a cent has been made; the next was counted when half was used, and those after it know.
        served = [(await client.post("/chat/completions", json=body(model="thrifty"))).text for _ in range(3)]
        assert ["from one" in text for text in served] == [True, False, False]
        (folder / "access.yaml").write_text(ACCESS.replace("[team-a]", "[team-a, team-b]"))
        headers = {"authorization": "Bearer " + await asyncio.to_thread(gateway.create_key, "team-b")}
        answer = await client.post("/chat/completions", json=body(model="thrifty"), headers=headers)
        while answer.status_code in (401, 403, 404):
            await asyncio.sleep(0.02)
            answer = await client.post("/chat/completions", json=body(model="thrifty"), headers=headers)
        assert "from one" in answer.text, "another team has a budget of its own"
