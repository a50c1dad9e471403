"""An upstream that refuses, resets, stalls, lies or answers nonsense: an error with a code and the request id before
the first byte, an error event after it, and a record either way."""

import asyncio
import json
import time

import pytest

from gateway.testing import DONE, Hangup, body_answer, event, event_stream, json_answer, raw, status
from tests.conftest import GatewayFactory, Site
from tests.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def delta(text: str) -> bytes:
    return event({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]})


BEFORE_THE_FIRST_BYTE = {
    "resets at once": (raw(Hangup(reset=True)), 502, ("upstream_unreachable", "upstream_protocol_error")),
    "closes at once": (raw(Hangup()), 502, ("upstream_unreachable", "upstream_protocol_error")),
    "half a body": (raw(HEAD + b'content-length: 100\r\n\r\n{"a":', Hangup()), 502, ("upstream_protocol_error",)),
    "bad JSON": (body_answer(b'{"a": '), 502, ("upstream_protocol_error",)),
    "a JSON list": (body_answer(b"[]"), 502, ("upstream_protocol_error",)),
    "a page of HTML": (body_answer(b"<html>hello</html>", "text/html"), 502, ("upstream_protocol_error",)),
    "nothing at all": (body_answer(b""), 502, ("upstream_protocol_error",)),
    "not HTTP": (raw(b"SSH-2.0-OpenSSH\r\n\r\n", Hangup()), 502, ("upstream_unreachable", "upstream_protocol_error")),
    "a redirect": (
        json_answer({}, 302, {"location": "http://127.0.0.1:1/steal"}), 502, ("upstream_protocol_error",),
    ),
    "refuses our key": (
        json_answer({"error": {"message": "Incorrect API key provided: sk-up"}}, 401), 502, ("upstream_credentials_refused",),
    ),
    "an HTML 503": (body_answer(b"<html>busy</html>", "text/html", 503), 503, ("upstream_status_503",)),
    "a bare 500": (status(500), 500, ("upstream_status_500",)),
    "a stream without events": (event_stream(), 502, ("upstream_cut_short",)),
    "a stream that begins with an error": (
        event_stream(event({"error": {"message": "busy", "type": "server_error", "code": 503}})), 503, ("upstream_overloaded",),
    ),
    "a stream that begins with our credentials refused": (
        event_stream(event({"error": {"message": "Incorrect API key provided: sk-up", "code": 401}})), 502, ("upstream_credentials_refused",),
    ),
    "a stream cut before its first event": (event_stream(b"data: {", Hangup()), 502, ("upstream_cut_short", "upstream_protocol_error")),
}  # fmt: skip


@pytest.mark.parametrize("name", BEFORE_THE_FIRST_BYTE)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_before_the_first_byte(fresh: Site, name: str, stream: bool) -> None:
    script, expected_status, codes = BEFORE_THE_FIRST_BYTE[name]
    fresh.upstream.set(CHAT, script)
    answer = await fresh.chat(stream=stream)
    assert answer.status_code == expected_status
    error = answer.json()["error"]
    assert error["code"] in codes
    assert "sk-up" not in answer.text
    assert "html" not in answer.text.lower()
    record = await fresh.last_record()
    assert record["id"] == answer.headers["x-request-id"]
    assert (record["outcome"], record["status"]) == ("failed", expected_status)
    assert record["cost_nano"] is None


AFTER_THE_FIRST_BYTE = {
    "resets": event_stream(delta("a"), 0.05, Hangup(reset=True)),
    "closes": event_stream(delta("a"), 0.05, Hangup()),
    "ends without a terminator": event_stream(delta("a")),
    "ends in the middle of an event": event_stream(delta("a"), b'data: {"cho'),
    "sends bad JSON": event_stream(delta("a"), b"data: {not json}\n\n", DONE),
}


@pytest.mark.parametrize("name", AFTER_THE_FIRST_BYTE)
async def test_after_the_first_byte(fresh: Site, name: str) -> None:
    fresh.upstream.set(CHAT, AFTER_THE_FIRST_BYTE[name])
    answer = await fresh.chat(stream=True)
    assert answer.status_code == 200
    first, error, end = answer.content.split(b"\n\n")
    assert (first + b"\n\n", end) == (delta("a"), b"")
    said = json.loads(error.removeprefix(b"data: "))["error"]
    assert said["type"] == "server_error"
    assert said["gateway"]["request_id"] == answer.headers["x-request-id"]
    assert b"[DONE]" not in answer.content
    record = await fresh.last_record()
    assert (record["outcome"], record["blame"], record["usage_source"]) == ("failed", "upstream", "estimate")
    assert record["output_tokens"] >= 1
    assert record["cost_nano"] > 0


OVERLOADED = event({"type": "error", "error": {"message": "overloaded", "type": "overloaded_error", "code": None}})
ERROR_EVENTS = {
    "chat": [delta("a"), OVERLOADED],
    "chat, with a terminator": [delta("a"), OVERLOADED, DONE],
    "responses": [event({"type": "response.created"}), event({"type": "error", "code": "x", "message": "overloaded"})],
    "responses, with its usage": [
        event({"type": "response.created", "response": {"error": None}}),
        event({"type": "response.failed", "response": {"error": {"message": "x"}, "usage": {"output_tokens": 3}}}),
    ],
    "messages": [event({"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}}), OVERLOADED],
}


async def test_an_error_event_of_the_upstream_passes_and_the_call_has_failed(
    make_gateway: GatewayFactory, fresh: Site
) -> None:
    at = {"base_url": fresh.upstream.base_url, "api_key": "k"}
    providers = {"mock": {"kind": "openai", **at}, "claude": {"kind": "anthropic", **at}}
    models = {"gpt": {"targets": ["mock/gpt"]}, "claude": {"targets": ["claude/claude"]}}
    gateway = make_gateway(providers=providers, models=models).start()
    headers = {"authorization": f"Bearer {gateway.key}"}
    for name, parts in ERROR_EVENTS.items():
        api = name.partition(",")[0]
        path = {"chat": "chat/completions"}.get(api, api)
        fresh.upstream.set(f"/v1/{path}", event_stream(*parts))
        asked = {"input": "hello"} if api == "responses" else {"messages": [{"role": "user", "content": "hello"}]}
        body = {"model": "claude" if api == "messages" else "gpt", "stream": True, "max_tokens": 9, **asked}
        since_ns = time.time_ns()
        answer = await fresh.client.post(f"{gateway.base_url}/{path}", headers=headers, json=body)
        assert (answer.status_code, answer.content) == (200, b"".join(parts)), name
        (record,) = await asyncio.to_thread(gateway.records, 1, since_ns=since_ns)
        found = (record["outcome"], record["blame"], record["error_code"])
        assert found == ("failed", "upstream", "upstream_error"), name
        (attempt,) = gateway.ask_ledger("SELECT outcome FROM attempts WHERE call = ?", record["id"])
        assert attempt["outcome"] == "failed", name


async def test_timeouts_have_their_own_codes(make_gateway: GatewayFactory, fresh: Site) -> None:
    """Each is the only one that is short at its provider: on a busy machine another could come first."""
    patient = {"connect_s": 30, "first_byte_s": 30, "idle_s": 30, "total_s": 60}
    kind = {"kind": "openai-compatible", "base_url": fresh.upstream.base_url, "api_key": "k"}
    short = {"first_byte_s": 0.3, "idle_s": 0.3, "total_s": 1.0}
    names = [name.removesuffix("_s").replace("_", "-") for name in short]
    providers = {
        name: {**kind, "timeouts": {**patient, option: seconds}}
        for name, (option, seconds) in zip(names, short.items(), strict=True)
    }
    models = {name: {"targets": [f"{name}/m"]} for name in names}
    gateway = await asyncio.to_thread(make_gateway(providers=providers, models=models).start)
    post = {"url": f"{gateway.base_url}/chat/completions", "headers": {"authorization": f"Bearer {gateway.key}"}}
    fresh.upstream.set(CHAT, raw(20.0))
    answer = await fresh.client.post(**post, json={"model": "first-byte", "messages": []})
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout_first_byte")
    fresh.upstream.set(CHAT, event_stream(delta("a"), 20.0, DONE))
    answer = await fresh.client.post(**post, json={"model": "idle", "messages": [], "stream": True})
    assert b"upstream_timeout_idle" in answer.content
    fresh.upstream.set(CHAT, event_stream(*[step for _ in range(200) for step in (delta("a"), 0.1)], DONE))
    answer = await fresh.client.post(**post, json={"model": "total", "messages": [], "stream": True})
    assert b"upstream_timeout_total" in answer.content


async def test_an_upstream_that_is_not_there(make_gateway: GatewayFactory, fresh: Site) -> None:
    gateway = make_gateway(f"http://127.0.0.1:{free_port()}/v1").start()
    answer = await fresh.client.post(
        f"{gateway.base_url}/chat/completions",
        headers={"authorization": f"Bearer {gateway.key}"},
        json={"model": "test-model", "messages": []},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_unreachable")


async def test_a_provider_without_its_key_is_not_configured_not_an_error(
    make_gateway: GatewayFactory, fresh: Site
) -> None:
    gateway = make_gateway(
        providers={"openai": {"kind": "openai", "api_key": "${env:NO_SUCH_VARIABLE}"}},
        models={"test-model": {"targets": ["openai/gpt"]}},
    ).start()
    answer = await fresh.client.post(
        f"{gateway.base_url}/chat/completions",
        headers={"authorization": f"Bearer {gateway.key}"},
        json={"model": "test-model", "messages": []},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "provider_not_configured")
    headers = {"authorization": f"Bearer {gateway.key}"}
    body = {"model": "test-modle", "messages": []}
    misspelt = await fresh.client.post(f"{gateway.base_url}/chat/completions", headers=headers, json=body)
    assert (misspelt.status_code, "did you mean" in misspelt.text) == (404, False), "it cannot be used either"
    shown = await fresh.client.get(f"{gateway.base_url}/models/test-model", headers=headers)
    assert (shown.status_code, "has a credential here" in shown.text) == (404, True)
