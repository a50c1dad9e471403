"""What a translation leaves out is told or refused, and a client that hangs up ends the upstream's work there too."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.testing import DONE, ScriptedUpstream, event, event_stream, json_answer
from tests.conftest import Gateway, gateways, within
from tests.patience import stood_in_line_s

pytestmark = pytest.mark.asyncio(loop_scope="module")

TENANTS = """
tenants:
  - {id: acme, name: Acme, teams: [{id: team-a, name: A}]}
  - {id: careful, name: Careful, strict_params: true, teams: [{id: theirs, name: Theirs}]}
"""
ACCESS = 'rules: [{id: all, effect: allow, owner: tests, reason: tests, models: ["*"]}]\n'
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
CLAUDE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn",
    "content": [{"type": "text", "text": "Hi."}], "usage": {"input_tokens": 3, "output_tokens": 2},
}  # fmt: skip
GPT = {
    "id": "c", "object": "chat.completion", "model": "gpt",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}  # fmt: skip
CLAUDE_STREAM = [
    {"type": "message_start", "message": {**CLAUDE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi."}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]
SAID = [{"role": "user", "content": "x"}]


@dataclass
class Desk:
    gateway: Gateway
    upstream: ScriptedUpstream
    easy: httpx.AsyncClient
    strict: httpx.AsyncClient


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with ScriptedUpstream({MESSAGES: json_answer(CLAUDE), CHAT: json_answer(GPT)}) as upstream:
        at = {"base_url": upstream.base_url, "api_key": "k"}
        providers = {
            "claude": {"kind": "anthropic", **at},
            "lenient": {"kind": "anthropic", **at, "drop_params": ["seed", "logprobs"]},
            "openai": {"kind": "openai", **at, "protocols": ["chat"]},
        }
        models = {
            "claude": {"targets": ["claude/claude-3-5-haiku-latest"]},
            "lenient": {"targets": ["lenient/claude-3-5-haiku-latest"]},
            "thinker": {"targets": ["openai/gpt-5-mini"]},
        }
        policies = {"tenants": TENANTS, "access": ACCESS}
        with gateways(tmp_path_factory.mktemp("translation")) as make:
            gateway = make(providers=providers, models=models, policies=policies)
            said = gateway.cli("keys", "create", "--tenant", "careful", "--team", "theirs", "--owner", "o")
            await asyncio.to_thread(gateway.start)
            async with client(gateway, gateway.key) as easy, client(gateway, said.stdout.split()[0]) as strict:
                yield Desk(gateway, upstream, easy, strict)


def client(gateway: Gateway, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=gateway.url, headers={"authorization": f"Bearer {key}"}, timeout=20)


@dataclass(frozen=True)
class Asked:
    """A call with something its model cannot be told, by the name that stands in the answer."""

    path: str
    body: dict[str, Any]
    param: str


ASKED = {
    "chat": Asked(CHAT, {"model": "claude", "messages": SAID, "seed": 7}, "seed"),
    "responses": Asked(
        "/v1/responses", {"model": "thinker", "input": "x", "temperature": 0.5}, "temperature"
    ),
    "messages": Asked(
        MESSAGES, {"model": "thinker", "max_tokens": 9, "messages": SAID, "temperature": 0.5}, "temperature",
    ),
    "generate": Asked(
        "/v1beta/models/thinker:generateContent",
        {"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"temperature": 0.5}},
        "generationConfig.temperature",
    ),
}  # fmt: skip


@pytest.mark.parametrize("dialect", ASKED)
async def test_what_is_left_out_is_named_and_a_careful_tenant_is_refused(desk: Desk, dialect: str) -> None:
    asked = ASKED[dialect]
    answer = await desk.easy.post(asked.path, json=asked.body)
    assert (answer.status_code, answer.headers.get("x-gateway-dropped-params")) == (200, asked.param), answer.text
    last = asked.param.rpartition(".")[2]
    assert last not in desk.upstream.requests[-1].json()
    reached = len(desk.upstream.requests)
    refused = await desk.strict.post(asked.path, json=asked.body)
    assert refused.status_code == 400
    assert f"`{asked.param}`" in refused.json()["error"]["message"]
    assert len(desk.upstream.requests) == reached


async def test_a_stream_names_it_too(desk: Desk) -> None:
    desk.upstream.set(MESSAGES, event_stream(*map(event, CLAUDE_STREAM)))
    body = {"model": "claude", "messages": SAID, "seed": 7, "stream": True}
    answer = await desk.easy.post(CHAT, json=body)
    desk.upstream.set(MESSAGES, json_answer(CLAUDE))
    assert answer.headers["x-gateway-dropped-params"] == "seed"
    assert answer.text.endswith("data: [DONE]\n\n")


async def test_what_is_refused_can_be_dropped_by_an_operators_word(desk: Desk) -> None:
    body = {"messages": SAID, "logprobs": True}
    refused = await desk.easy.post(CHAT, json={"model": "claude", **body})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "logprobs")
    answer = await desk.easy.post(CHAT, json={"model": "lenient", **body})
    assert (answer.status_code, answer.headers["x-gateway-dropped-params"]) == (200, "logprobs")


async def test_a_familys_own_words(desk: Desk) -> None:
    """A model that thinks counts its thoughts too, and has another name for the bound."""
    body = {
        "model": "thinker",
        "max_tokens": 9,
        "messages": SAID,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    answer = await desk.easy.post(MESSAGES, json={**body, "max_tokens": 2000})
    assert answer.status_code == 200, answer.text
    sent = desk.upstream.requests[-1].json()
    assert sent["max_completion_tokens"] == 2000
    assert "max_tokens" not in sent
    assert sent["reasoning_effort"] in ("minimal", "low", "medium", "high")


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses"])
async def test_a_client_that_hangs_up_ends_the_upstreams_work(desk: Desk, path: str) -> None:
    chunk = {"id": "c", "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}
    desk.upstream.set(CHAT, event_stream(*[step for _ in range(500) for step in (event(chunk), 0.01)], DONE))
    body = {"model": "thinker", "stream": True, "max_tokens": 100, "messages": SAID, "input": "x"}
    body.pop("input" if path.endswith("messages") else "messages")
    if path.endswith("responses"):
        body["max_output_tokens"] = body.pop("max_tokens")
    before = time.time_ns()
    async with desk.easy.stream("POST", path, json=body) as answer:
        async for line in answer.aiter_lines():
            if "word" in line:
                break
    left = asyncio.get_running_loop().time()
    workers = desk.gateway.worker_pids()
    waited_s = stood_in_line_s(workers)
    received = desk.upstream.requests[-1]
    async with within(10):
        while received.closed_at is None:
            await asyncio.sleep(0.002)
    desk.upstream.set(CHAT, json_answer(GPT))
    assert received.closed_at - left - (stood_in_line_s(workers) - waited_s) < 0.1
    records = await asyncio.to_thread(desk.gateway.records, 1, since_ns=before)
    assert [(one["outcome"], one["usage_source"], one["output_tokens"] > 0) for one in records] == [
        ("cancelled", "estimate", True)
    ]
