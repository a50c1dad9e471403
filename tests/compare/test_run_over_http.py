"""Asking over HTTP: what is sent, and what becomes of every kind of answer."""

import json
import time
from typing import Any

import msgspec
import pytest

from gateway.compare.grading import ToolCall
from gateway.compare.grading.judging.judges import Vectors
from gateway.compare.running.asking import Heard, Question
from gateway.compare.running.gateways import KnownGateway, Unusable
from gateway.compare.running.over_http import OverHttp, nano_of
from gateway.compare.running.trials import Arm
from gateway.core.usage import Usage
from gateway.testing import DONE, Script, ScriptedUpstream, body_answer, event, event_stream, json_answer, raw
from gateway.transport.client import HttpClient
from gateway.transport.options import ClientOptions
from tests.compare.scripted import chat_answer

ARM = Arm(name="m", kind="model", model="m")
TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]
QUESTION = Question(
    id="run.1",
    arm=ARM,
    case="c",
    repeat=0,
    request={"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": TOOLS},
    digest="sha256:0",
)
HEADERS = {
    "x-request-id": "0199",
    "x-gateway-target": "openai/m-1",
    "x-gateway-cost-usd": "0.000000018",
    "x-gateway-prompt": "p@3;digest=sha256:1",
}


async def asked(*scripts: Script, question: Question = QUESTION, **options: Any) -> tuple[Heard, ScriptedUpstream]:
    async with ScriptedUpstream({"/v1/chat/completions": list(scripts)}) as upstream:
        async with HttpClient(ClientOptions()) as client:
            ask = OverHttp(client, upstream.base_url.removesuffix("/v1"), "gw-key", **options)
            heard = await ask(question)
            for _ in scripts[1:]:
                heard = await ask(question)
            return heard, upstream


async def test_what_is_sent_and_what_is_heard() -> None:
    heard, upstream = await asked(json_answer(chat_answer("hello", "m-1"), headers=HEADERS))
    (received,) = upstream.requests
    assert received.json() == QUESTION.request
    assert received.headers["authorization"] == "Bearer gw-key"
    assert received.headers["x-client-request-id"] == "run.1"
    assert "cache-control" not in received.headers
    assert (heard.call, heard.target, heard.prompt, heard.kept) == (
        "0199",
        "openai/m-1",
        HEADERS["x-gateway-prompt"],
        False,
    )
    sample = heard.sample
    assert sample is not None
    assert (sample.text, sample.finish_reason, sample.model, sample.cost_nano) == ("hello", "stop", "m-1", 18)
    assert sample.usage == Usage(input_tokens=10, output_tokens=4)
    assert sample.tools == tuple(TOOLS)
    assert sample.latency_s is not None
    assert 0 < sample.latency_s < 5
    assert sample.ttft_s is None


@pytest.mark.parametrize(("fresh", "no_cache"), [(True, False), (False, True)])
async def test_repeats_and_whoever_wants_no_cache_ask_anew(fresh: bool, no_cache: bool) -> None:
    question = msgspec.structs.replace(QUESTION, fresh=fresh)
    _, upstream = await asked(json_answer(chat_answer("x", "m")), question=question, no_cache=no_cache)
    assert upstream.requests[0].headers["cache-control"] == "no-cache"


async def test_an_answer_out_of_the_gateways_cache_has_no_latency_and_cost_nothing() -> None:
    heard, _ = await asked(json_answer(chat_answer("x", "m"), headers={**HEADERS, "x-cache": "hit"}))
    assert heard.kept
    assert heard.sample is not None
    assert (heard.sample.latency_s, heard.sample.cost_nano) == (None, 0)


async def test_what_was_waited_for_a_limit_is_not_the_models_latency() -> None:
    began = time.monotonic()
    slow, _ = await asked(_slow(0.3, {"x-gateway-queue-ms": "250"}))
    took = time.monotonic() - began
    assert slow.sample is not None
    assert slow.sample.latency_s is not None
    assert 0.04 < slow.sample.latency_s <= took - 0.25


def _slow(seconds: float, headers: dict[str, str]) -> Script:
    body = json.dumps(chat_answer("x", "m")).encode()
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{lines}content-length: {len(body)}\r\n\r\n"
    return raw(seconds, head.encode() + body)


async def test_tool_calls_and_refusals() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"a": 1}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    heard, _ = await asked(json_answer(chat_answer("", "m", message=message, finish_reason="tool_calls")))
    assert heard.sample is not None
    assert heard.sample.tool_calls == (ToolCall(name="look_up", arguments='{"a": 1}', id="c1"),)
    assert heard.sample.finish_reason == "tool_calls"
    refusing = {"role": "assistant", "content": None, "refusal": "I cannot do that"}
    heard, _ = await asked(json_answer(chat_answer("", "m", message=refusing)))
    assert heard.sample is not None
    assert (heard.sample.refusal, heard.sample.text) == (True, "I cannot do that")


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [choice]})


USAGE = event(
    {"id": "x", "model": "m-1", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}}
)


async def test_a_stream_has_a_time_to_its_first_word_and_a_price() -> None:
    script = event_stream(
        *(chunk({"role": "assistant", "content": ""}), 0.2, chunk({"content": "hel"}), 0.8, chunk({"content": "lo"})),
        *(chunk({}, "stop"), USAGE, DONE),
        headers={"x-gateway-target": "openai/m-1"},
    )
    priced: list[tuple[str, Usage]] = []

    def price(target: str, usage: Usage) -> int:
        priced.append((target, usage))
        return 42

    heard, upstream = await asked(script, stream=True, price=price)
    assert upstream.requests[0].json()["stream_options"] == {"include_usage": True}
    sample = heard.sample
    assert sample is not None
    assert (sample.text, sample.cost_nano, sample.finish_reason) == ("hello", 42, "stop")
    assert priced == [("openai/m-1", Usage(input_tokens=7, output_tokens=2))]
    assert sample.ttft_s is not None
    assert sample.latency_s is not None
    # An empty first chunk is no word.
    assert 0.18 < sample.ttft_s < sample.latency_s - 0.4


@pytest.mark.parametrize(
    "script",
    [
        event_stream(chunk({"content": "hel"})),
        event_stream(chunk({"content": "hel"}), finish=False),
        event_stream(chunk({"content": "h"}), event({"error": {"message": "it broke", "type": "server_error"}})),
        body_answer(b"<html>", "text/html"),
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{"),
    ],
)
async def test_half_an_answer_is_none(script: Script) -> None:
    heard, _ = await asked(script, stream=True, timeout_s=1.0)
    assert heard.sample is None
    assert heard.failure is not None
    assert heard.failure.message
    assert heard.again_in_s is None
    # What was answered so far is paid for all the same.
    assert heard.cost_nano is None


async def test_an_answer_that_cannot_be_read_cost_what_its_header_says() -> None:
    heard, _ = await asked(body_answer(b"<html>", "text/html", headers={**HEADERS}))
    assert heard.sample is None
    assert (heard.cost_nano, heard.call) == (18, "0199")


def refusal(code: str, kind: str = "x", **gateway: Any) -> dict[str, Any]:
    return {"error": {"message": "because", "type": kind, "param": None, "code": code, "gateway": gateway}}


REFUSED = {
    "limit": (429, refusal("rate_limited", blame="policy"), {"retry-after-ms": "1500"}, 1.5),
    "limit in seconds": (429, refusal("rate_limited"), {"retry-after": "7"}, 7.0),
    "busy without a word": (503, refusal("overloaded"), {}, 1.0),
    "no money": (429, refusal("budget_exhausted", "insufficient_quota"), {"retry-after": "7"}, None),
    "told not to": (503, refusal("not_configured"), {"x-should-retry": "false"}, None),
    "policy": (403, refusal("model_not_allowed", blame="policy"), {}, None),
    "upstream": (502, refusal("upstream_error", blame="upstream"), {}, None),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refusals(name: str) -> None:
    status, body, headers, again = REFUSED[name]
    heard, _ = await asked(json_answer(body, status, headers))
    assert heard.failure is not None
    assert (heard.failure.status, heard.failure.code) == (status, body["error"]["code"])
    assert heard.failure.blame == body["error"]["gateway"].get("blame", "")
    assert heard.again_in_s == again


async def test_a_proxys_page_is_a_refusal_too() -> None:
    heard, _ = await asked(body_answer(b"<h1>Bad Gateway</h1>", "text/html", 502))
    assert heard.failure is not None
    assert (heard.failure.code, heard.failure.message) == ("http_502", "<h1>Bad Gateway</h1>")


async def test_nobody_there_is_asked_again() -> None:
    async with HttpClient(ClientOptions()) as client:
        heard = await OverHttp(client, "http://127.0.0.1:9", "gw-key")(QUESTION)
    assert heard.failure is not None
    assert heard.failure.code == "gateway_unreachable"
    assert heard.again_in_s == 1.0


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("0.000000018", 18),
        ("1", 10**9),
        ("12.5", 12_500_000_000),
        ("", None),
        (None, None),
        ("-1", None),
        ("1e3", None),
    ],
)
def test_money_is_read_exactly(text: str | None, nano: int | None) -> None:
    assert nano_of(text) == nano


async def test_the_gateways_models_are_asked_for_first() -> None:
    listed = {"object": "list", "data": [{"id": "b"}, {"id": "a"}]}
    async with ScriptedUpstream(
        {"/v1/models": [json_answer(listed), json_answer({"x": 1}), json_answer({}, 401)]}
    ) as upstream:
        async with HttpClient(ClientOptions()) as client:
            gateway = KnownGateway(client, upstream.base_url.removesuffix("/v1"), "gw-key")
            assert await gateway.models() == ["a", "b"]
            assert upstream.requests[0].method == "GET"
            with pytest.raises(Unusable, match="is no such gateway"):
                await gateway.models()
            with pytest.raises(Unusable, match="does not know the key"):
                await gateway.models()


async def test_vectors() -> None:
    vectors = {"data": [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1, 0]}]}
    priced = json_answer(vectors, headers={"x-gateway-cost-usd": "0.000000018"})
    answers = [priced, json_answer(vectors), json_answer(refusal("x"), 400)]
    async with ScriptedUpstream({"/v1/embeddings": answers}) as upstream:
        async with HttpClient(ClientOptions()) as client:
            gateway = KnownGateway(client, upstream.base_url.removesuffix("/v1"), "gw-key")
            assert await gateway.embed("e", ["a", "b"]) == Vectors([[1, 0], [0, 1]], 18)
            assert gateway.unpriced == 0
            assert (await gateway.embed("e", ["a", "b"])).cost_nano == 0
            assert gateway.unpriced == 1
            assert upstream.requests[0].json() == {"model": "e", "input": ["a", "b"], "encoding_format": "float"}
            with pytest.raises(Unusable, match="answered 400: because"):
                await gateway.embed("e", ["a"])
