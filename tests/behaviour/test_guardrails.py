"""Guards between a caller and a model, over the wire: what is taken out and put back, refused, watched, and recorded."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import openai
import pytest
import pytest_asyncio

from gateway.testing import DONE, ScriptedUpstream, event, event_stream, json_answer
from tests.behaviour.cached_desk import held_at
from tests.conftest import GatewayFactory, Site, gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")
pytest.importorskip("re2")

GUARDRAILS = """
guards:
  - {id: pii, on: [input], detect: [{personal_data: {entities: [email, phone]}}], action: redact}
  - {id: credentials, on: [input, output], detect: [secrets], action: block, advice: use the vault}
  - {id: house, on: [output], detect: [{deny: {words: [nightjar]}}], action: block}
  - {id: names, on: [output], detect: [{deny: {words: [blackbird]}}], action: redact}
  - {id: trial, on: [input, output], detect: [{deny: {words: [sparrow]}}], action: block, mode: audit}
  - {id: strict, on: [input], detect: [{deny: {words: [heron]}}], action: annotate, only_when_obliged: true}
"""
ACCESS = """
rules:
  - {id: all, effect: allow, owner: tests, reason: tests, models: [test-model, own]}
  - {id: watched, effect: allow, owner: tests, reason: tests, models: [watched], obligations: {guards: [strict]}}
"""
CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
SECRET = "ghp_" + "a1B2c3D4e" * 4
MAIL = "jane.doe@example.org"


def answer(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE}


def chunk(text: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "c",
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
        **more,
    }


END = event({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE})
ECHO = [event(chunk(piece)) for piece in ("I wrote to <EM", "AIL", "_1", "> today", ".")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with ScriptedUpstream({}) as upstream:
        with gateways(tmp_path_factory.mktemp("guards")) as make:
            kind = {"kind": "openai-compatible", "base_url": upstream.base_url, "api_key": "k"}
            providers = {"mock": {**kind, "protocols": ["chat"]}, "native": {**kind, "protocols": ["responses"]}}
            targets = {"test-model": "mock/m", "watched": "mock/w", "own": "native/m"}
            models = {name: {"targets": [target]} for name, target in targets.items()}
            policies = {"guardrails": GUARDRAILS, "access": ACCESS}
            gateway = make(providers=providers, models=models, policies=policies)
            await asyncio.to_thread(gateway.start)
            async with httpx.AsyncClient(
                base_url=gateway.base_url, headers={"authorization": f"Bearer {gateway.key}"}, timeout=20
            ) as client:
                yield Site(gateway, upstream, client)


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


async def streamed(site: Site, text: str) -> str:
    """The text of a streamed answer."""
    body = (await site.chat(**said(text), stream=True)).text
    found = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content", "") for one in found for choice in one.get("choices", ()))


async def test_personal_data_goes_as_a_token_and_comes_back(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(answer("Dear <EMAIL_1>, not <EMAIL_2>; <PHONE_1> is yours")))
    got = await fresh.chat(**said(f"write to {MAIL} and {MAIL}, or ring +49 30 901820"), temperature=0.10)
    assert (
        fresh.upstream.requests[-1].json()["messages"][0]["content"]
        == "write to <EMAIL_1> and <EMAIL_1>, or ring <PHONE_1>"
    )
    assert got.json()["choices"][0]["message"]["content"] == f"Dear {MAIL}, not <EMAIL_2>; +49 30 901820 is yours"
    assert got.headers["x-gateway-guard"] == "pii;side=input;action=redact;count=2"
    record = await fresh.last_record()
    assert json.loads(record["guards"]) == [
        {"action": "redact", "count": 1, "guard": "pii", "kind": kind, "mode": "enforce", "side": "input"} for kind in ("email", "phone")
    ]  # fmt: skip
    assert MAIL not in str(record) + fresh.gateway.log()
    assert await fresh.gateway.metrics('gateway_guard_findings_total{action="redact",guard="pii",side="input"}') >= 2


async def test_long_texts_are_looked_at_like_short_ones(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(answer("Dear <EMAIL_1>")))
    words = "so it goes, 4711 " * 4000
    got = await fresh.chat(**said(f"{words}{MAIL} {words}"), temperature=0.11)
    assert fresh.upstream.requests[-1].json()["messages"][0]["content"] == f"{words}<EMAIL_1> {words}"
    assert got.json()["choices"][0]["message"]["content"] == f"Dear {MAIL}"


async def test_what_is_not_objected_to_passes_byte_for_byte(fresh: Site) -> None:
    events = [event(chunk("all is well")), b": ping\n\n", b'data: {"choices":[],  "odd" : 1.0 }\n\n', END, DONE]
    fresh.upstream.set(CHAT, event_stream(*events))
    body = b'{"model":"test-model", "stream":true,"stream_options":{"include_usage":true}, "messages":[{"role":"user","content":"hi","x": 1.00}]}'  # fmt: skip
    got = await fresh.client.post("/chat/completions", content=body)
    assert got.content == b"".join(events)
    assert b'"x": 1.00' in fresh.upstream.requests[-1].body
    assert "x-gateway-guard" not in got.headers
    assert (await fresh.last_record())["guards"] == ""


async def test_a_token_comes_back_in_a_stream_however_it_is_cut(fresh: Site) -> None:
    fresh.upstream.set(CHAT, event_stream(*ECHO, END, DONE))
    assert await streamed(fresh, f"to {MAIL}") == f"I wrote to {MAIL} today."
    assert (await fresh.last_record())["usage_source"] == "provider"


async def test_a_token_comes_back_in_every_dialect(fresh: Site) -> None:
    gateway, told = fresh.gateway, f"I wrote to {MAIL} today."
    fresh.upstream.set(CHAT, event_stream(*ECHO, END, DONE))
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key=gateway.key, max_retries=0) as claude:
        asked = {
            "model": "test-model",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": [{"type": "text", "text": MAIL}]}],
        }
        async with claude.messages.stream(**asked) as stream:  # type: ignore[arg-type]
            assert await stream.get_final_text() == told
    assert fresh.upstream.requests[-1].json()["messages"][0]["content"] in ("<EMAIL_1>", [{"type": "text", "text": "<EMAIL_1>"}])  # fmt: skip
    async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0) as client:
        async with client.responses.stream(model="test-model", input=f"to {MAIL}") as stream:
            assert (await stream.get_final_response()).output_text == told
    for suffix in ("", "?alt=sse"):
        place = f"{gateway.url}/v1beta/models/test-model:streamGenerateContent{suffix}"
        got = await fresh.client.post(place, json={"contents": [{"role": "user", "parts": [{"text": MAIL}]}]})
        text = got.text if not suffix else "[" + got.text.replace("data: ", "").strip().replace("\r\n\r\n", ",").replace("\n\n", ",") + "]"  # fmt: skip
        parts = [one["content"]["parts"] for piece in json.loads(text) for one in piece["candidates"]]
        assert "".join(part[0]["text"] for part in parts) == told


async def test_a_token_comes_back_in_the_arguments_of_a_tool(fresh: Site) -> None:
    def call(arguments: str, **more: Any) -> bytes:
        calls = [{"index": 0, "type": "function", "function": {"arguments": arguments, **more}}]
        return event(
            {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"tool_calls": calls}}]}
        )

    fresh.upstream.set(CHAT, event_stream(call('{"to": "<EMA', name="mail"), call('IL_1>", "n": 1}'), END, DONE))
    async with openai.AsyncOpenAI(base_url=fresh.gateway.base_url, api_key=fresh.gateway.key, max_retries=0) as client:
        asked: Any = said(f"mail {MAIL}")
        async with client.chat.completions.stream(model="test-model", **asked) as stream:
            final = await stream.get_final_completion()
    (tool,) = final.choices[0].message.tool_calls or []
    assert json.loads(tool.function.arguments) == {"to": MAIL, "n": 1}  # type: ignore[union-attr]


async def test_a_secret_is_refused_before_anybody_is_asked(fresh: Site) -> None:
    got = await fresh.chat(
        messages=[{"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": SECRET}]}]
    )
    error = got.json()["error"]
    assert (got.status_code, error["code"], error["type"]) == (400, "content_blocked", "invalid_request_error")
    assert error["gateway"] | {"guard": "credentials", "side": "input", "blame": "policy"} == error["gateway"]
    assert "use the vault" in error["message"]
    assert got.headers["x-should-retry"] == "false"
    assert fresh.upstream.requests == []
    record = await fresh.last_record()
    assert (record["outcome"], record["error_code"], record["cost_nano"]) == ("refused", "content_blocked", None)
    (found,) = json.loads(record["guards"])
    assert (found["guard"], found["action"], found["side"]) == ("credentials", "block", "input")
    assert SECRET not in str(record) + fresh.gateway.log() + got.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"prompt": ["x", SECRET]}),
        ("/v1/embeddings", {"input": [SECRET]}),
        ("/v1/responses", {"input": [{"type": "function_call_output", "call_id": "c", "output": SECRET}]}),
        ("/v1/responses", {"input": "x", "instructions": SECRET}),
        ("/v1/messages", {"max_tokens": 5, "system": [{"type": "text", "text": SECRET}], "messages": []}),
        ("/v1/messages", {"max_tokens": 5, "messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"id": SECRET}}]}]}),
        ("/v1/messages", {"max_tokens": 5, "messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": SECRET}}]}]}),
        ("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": SECRET}]}),
        ("/v1beta/models/test-model:generateContent", {"contents": [{"parts": [{"functionResponse": {"name": "f", "response": {"name": SECRET}}}]}]}),
        ("/v1beta/models/test-model:generateContent", {"system_instruction": {"parts": [{"text": SECRET}]}, "contents": []}),
        ("/v1beta/models/test-model:batchEmbedContents", {"requests": [{"content": {"parts": [{"text": SECRET}]}}]}),
        ("/v1/images/generations", {"prompt": SECRET}),
        ("/v1/audio/speech", {"input": SECRET, "voice": "a"}),
        ("/v1/moderations", {"input": SECRET}),
        ("/v1/rerank", {"query": "x", "documents": [{"text": SECRET}]}),
        ("/v1/chat/completions", {"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"k": SECRET}).replace("_", "\\u005f")}}]}]}),
        ("/v1/chat/completions", {"messages": [], "tools": [{"type": "function", "function": {"name": "f", "description": SECRET}}]}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"https://x.org/?t={SECRET}"}}]}]}),
        ("/v1/chat/completions", {"messages": [], "chat_template": SECRET}),
        ("/v1/chat/completions", {"messages": [], "chat_template_kwargs": {"name": SECRET}}),
        ("/v1/chat/completions", {"messages": [], "tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"enum": [SECRET]}}}}}]}),
        ("/v1/chat/completions", {"messages": [], "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"properties": {"a": {"description": SECRET}}}}}}),
        ("/v1/responses", {"input": "x", "text": {"format": {"type": "json_schema", "name": "x", "schema": {"title": SECRET}}}}),
        ("/v1beta/models/test-model:generateContent", {"contents": [], "generationConfig": {"responseSchema": {"description": SECRET}}}),
        ("/v1/rerank", {"query": "x", "documents": [{"name": SECRET}]}),
        ("/v1/embeddings", {"input": "x", "title": SECRET}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_no_protocol_and_no_place_in_it_is_a_way_round(fresh: Site, path: str, body: dict[str, Any]) -> None:
    got = await fresh.client.post(fresh.gateway.url + path, json={"model": "test-model", **body})
    assert got.status_code == 400
    assert "credentials" in got.text, got.text
    assert fresh.upstream.requests == []


async def test_words_for_the_server_are_nobody_s_text(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(answer("yes")))
    settings = {"user": SECRET, "metadata": {"a": SECRET}, "stop": [SECRET], "tool_choice": "auto", "seed": 1}
    form = {"type": "json_schema", "json_schema": {"name": SECRET, "schema": {"properties": {SECRET: {}}}}}
    got = await fresh.chat(**said("hi"), **settings, response_format=form)
    assert got.status_code == 200
    sent = fresh.upstream.requests[-1].json()
    assert {name: sent[name] for name in settings} == settings
    assert sent["response_format"] == form


async def test_a_name_in_other_letters_is_no_way_round(fresh: Site) -> None:
    got = await fresh.client.post(
        "/chat/completions", json={"model": "test-model", "Messages": said(SECRET)["messages"]}
    )
    assert (got.status_code, fresh.upstream.requests) == (400, [])


async def test_an_answer_that_is_refused_was_made_and_is_paid_for(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(answer("the Nightjar flies")))
    got = await fresh.chat()
    error = got.json()["error"]
    assert (got.status_code, error["code"], error["gateway"]["guard"]) == (400, "content_blocked", "house")
    assert "ightjar" not in got.text
    record = await fresh.last_record()
    assert (record["outcome"], record["input_tokens"], record["output_tokens"], record["cost_nano"]) == (
        "refused",
        7,
        3,
        13_000,
    )


async def test_a_stream_ends_where_its_text_is_refused_and_the_upstream_with_it(fresh: Site) -> None:
    fresh.upstream.set(CHAT, event_stream(event(chunk("All is well. The night")), event(chunk("jar flies. ")), 30.0))
    got = await fresh.chat(stream=True)
    assert (got.status_code, got.json()["error"]["gateway"]["guard"]) == (400, "house"), "no byte had gone out"
    heard, never = asyncio.Event(), asyncio.Event()
    pieces = [event(chunk(text)) for text in ("All is well. ", "The night", "jar flies. ")]
    fresh.upstream.set(CHAT, held_at({1: heard, 3: never}, *pieces, DONE))
    body = {"model": "test-model", **said("hello"), "stream": True}
    async with fresh.client.stream("POST", "/chat/completions", json=body) as streaming:
        assert streaming.status_code == 200
        coming = streaming.aiter_text()
        text = await anext(coming)
        heard.set()
        text += "".join([piece async for piece in coming])
    assert "All is well." in text
    assert "night" not in text
    last = json.loads(text.strip().splitlines()[-1][6:])
    assert (last["error"]["code"], last["error"]["gateway"]["side"]) == ("content_blocked", "output")
    record = (await fresh.new_records(2))[-1]
    assert (record["outcome"], record["error_code"], record["usage_source"]) == (
        "failed",
        "content_blocked",
        "estimate",
    )
    assert record["output_tokens"] > 0


async def test_an_answer_s_words_are_taken_out(fresh: Site) -> None:
    fresh.upstream.set(CHAT, event_stream(event(chunk("a black")), event(chunk("bird, and a blackb")), event(chunk("oard")), END, DONE))  # fmt: skip
    assert await streamed(fresh, "hi") == "a [WORD], and a blackboard"


async def test_audit_changes_nothing_and_records_what_it_would_have_done(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(answer("a sparrow")))
    got = await fresh.chat(**said("the sparrow?"))
    assert got.json() == answer("a sparrow")
    assert "x-gateway-guard" not in got.headers
    found = json.loads((await fresh.last_record())["guards"])
    assert [(one["side"], one["action"], one["mode"]) for one in found] == [(side, "block", "audit") for side in ("input", "output")]  # fmt: skip


async def test_a_guard_that_a_rule_obliges_to_looks_at_its_calls_alone(fresh: Site) -> None:
    fresh.upstream.set(CHAT, json_answer(answer("yes")))
    for model, header in (("watched", "strict;side=input;action=annotate;count=1"), ("test-model", None)):
        got = await fresh.chat(model=model, **said("a heron"))
        assert (got.status_code, got.headers.get("x-gateway-guard")) == (200, header)


async def test_a_stored_conversation_is_the_caller_s_own_and_goes_out_redacted(fresh: Site) -> None:
    done = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    output = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "hello <EMAIL_1>", "annotations": []}]}  # fmt: skip
    fresh.upstream.set(RESPONSES, json_answer({**done, "output": [output]}))
    first = (await fresh.client.post("/responses", json={"model": "own", "input": f"I am {MAIL}"})).json()
    assert first["output"][0]["content"][0]["text"] == f"hello {MAIL}"
    again = {"model": "own", "input": "and joe@example.net?", "previous_response_id": first["id"]}
    second = await fresh.client.post("/responses", json=again)
    assert second.status_code == 200, second.text
    sent = fresh.upstream.requests[-1]
    assert "previous_response_id" not in sent.json(), "the upstream knows the first turn with another call's tokens"
    assert MAIL.encode() not in sent.body
    told = [re.findall(r"[a-z ]*<EMAIL_\d>", json.dumps(item)) for item in sent.json()["input"]]
    assert told == [[" am <EMAIL_1>"], ["hello <EMAIL_1>"], ["and <EMAIL_2>"]]
    kept = (await fresh.client.get(f"/responses/{first['id']}/input_items")).text
    assert MAIL in kept


async def test_guards_follow_their_file_and_a_wrong_one_opens_no_door(
    make_gateway: GatewayFactory, fresh: Site
) -> None:
    guards = "guards: [{id: old, on: [input], detect: [{deny: {words: [heron]}}], action: block}]\n"
    gateway = await asyncio.to_thread(make_gateway(fresh.upstream.base_url, policies={"guardrails": guards}).start)
    file = gateway.folder / "policies" / "guardrails.yaml"
    fresh.upstream.set(CHAT, json_answer(answer("yes")))
    async with httpx.AsyncClient(
        base_url=gateway.base_url, headers={"authorization": f"Bearer {gateway.key}"}, timeout=20
    ) as client:

        async def status() -> int:
            return (await client.post("/chat/completions", json={"model": "test-model", **said(SECRET)})).status_code

        async def becomes(code: int) -> None:
            deadline = time.monotonic() + 10
            while await status() != code:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)

        # What the old guards found nothing in is looked at by the new ones.
        assert [await status(), await status()] == [200, 200]
        file.write_text(GUARDRAILS)
        await becomes(400)
        file.unlink()
        deadline = time.monotonic() + 10
        while "guardrails.yaml" not in gateway.log():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert await status() == 400
        file.write_text("guards: []\n")
        await becomes(200)


async def test_an_answer_that_repeats_its_instructions_is_a_leak(make_gateway: GatewayFactory, fresh: Site) -> None:
    guards = "guards: [{id: prompt, on: [output], detect: [leak], action: block}]\n"
    gateway = await asyncio.to_thread(make_gateway(fresh.upstream.base_url, policies={"guardrails": guards}).start)
    system = (
        "You are the assistant of a bank and never tell anybody which rates the board has decided on for next year."
    )
    async with httpx.AsyncClient(
        base_url=gateway.base_url, headers={"authorization": f"Bearer {gateway.key}"}, timeout=20
    ) as client:
        for role, text, status in (
            ("system", "fine", 200),
            ("developer", f"I was told: {system}", 400),
            ("user", system, 200),
        ):
            fresh.upstream.set(CHAT, json_answer(answer(text)))
            body = {"model": "test-model", "messages": [{"role": role, "content": system}]}
            got = await client.post("/chat/completions", json=body)
            assert got.status_code == status, got.text


@pytest.mark.parametrize("field", ["messages", "tools"])
async def test_what_two_upstreams_could_read_in_two_ways_is_refused(fresh: Site, field: str) -> None:
    tool = '{"type": "web_search", "type": "function", "function": {"name": "f"}}'
    turn = f'{{"role": "user", "content": "{SECRET}", "content": "hello"}}'
    said = {"messages": "[]", "tools": "[]", field: f"[{turn if field == 'messages' else tool}]"}
    body = f'{{"model": "test-model", "messages": {said["messages"]}, "tools": {said["tools"]}}}'
    got = await fresh.client.post("/chat/completions", content=body, headers={"content-type": "application/json"})
    assert (got.status_code, got.json()["error"]["param"]) == (400, field)
    assert "a name twice" in got.text
    assert fresh.upstream.requests == []
