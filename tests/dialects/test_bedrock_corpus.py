"""Recorded Bedrock exchanges decode: their texts, calls, finish reasons and usage, whole and streamed alike."""

import json
import re
from typing import Any

import pytest

from gateway.core.conversation import Text, Thinking, ToolCall
from gateway.core.faults import BadRequest, UpstreamBroken
from gateway.core.generation import Answer, gathered
from gateway.core.usage import Usage
from gateway.dialects.anthropic.events import Decoder as AnthropicDecoder
from gateway.dialects.bedrock.abilities import ABILITIES
from gateway.dialects.bedrock.answers import decode_answer
from gateway.dialects.bedrock.errors import decode_error
from gateway.dialects.bedrock.events import Decoder
from gateway.dialects.bedrock.invoke import InvokeStream
from gateway.dialects.bedrock.requests import encode_request
from gateway.dialects.chat.requests import decode_request
from gateway.dialects.fitting import Quirks, fit
from gateway.dialects.seals import opened
from tests.dialects.bedrock_corpus import CORPUS, body_of, cuts, decoded, exchanges, sdk_events

pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="recorded traffic is not here: ../shared/corpus")
WHOLE = [row for row in exchanges("converse") if row["status"] == 200]
STREAMS = [row for row in exchanges("converse-stream") if row["status"] == 200]
INVOKED = [row for row in exchanges("invoke-stream") if "anthropic.claude-" in row["endpoint"]]
REFUSED = [row for row in exchanges("converse", "converse-stream", "invoke") if row["status"] != 200]
FINISHES = {
    "end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter", "content_filtered": "content_filter",
}  # fmt: skip


def by_id(row: dict[str, Any]) -> str:
    return row["id"]


def check_usage(usage: Usage | None, said: dict[str, Any]) -> None:
    assert usage is not None
    assert usage.input_tokens == said["inputTokens"]
    assert usage.cached_input_tokens == said.get("cacheReadInputTokens", 0)
    assert usage.cache_write_tokens + usage.cache_write_1h_tokens == said.get("cacheWriteInputTokens", 0)
    assert usage.total_output == said["outputTokens"]
    assert usage.total_tokens == said["totalTokens"], "no token is counted twice, none is left out"


def told(answer: Answer) -> tuple[str, str, list[tuple[str, str, Any]]]:
    parts = answer.choices[0].parts
    text = "".join(part.text for part in parts if isinstance(part, Text))
    thought = "".join(part.text for part in parts if isinstance(part, Thinking))
    calls = [(p.id, p.name, json.loads(p.arguments or "{}")) for p in parts if isinstance(p, ToolCall)]
    return text, thought, calls


@pytest.mark.parametrize("row", WHOLE, ids=by_id)
def test_a_recorded_answer_decodes(row: dict[str, Any]) -> None:
    said = json.loads(body_of(row))
    answer = decode_answer(body_of(row))
    blocks = said["output"]["message"]["content"]
    text = "".join(block.get("text", "") for block in blocks)
    text += "".join(c["text"] for b in blocks for c in b.get("citationsContent", {}).get("content", []))
    thought = "".join(b.get("reasoningContent", {}).get("reasoningText", {}).get("text", "") for b in blocks)
    calls = [b["toolUse"] for b in blocks if "toolUse" in b and b["toolUse"].get("type") != "server_tool_use"]
    found = told(answer)
    assert sorted(found[0]) == sorted(text)
    assert found[1] == thought
    assert found[2] == [(c["toolUseId"], c["name"], c["input"]) for c in calls]
    finish = answer.choices[0].finish
    assert finish is not None
    assert (finish.reason, finish.detail) == (FINISHES[said["stopReason"]], said["stopReason"])
    check_usage(answer.usage, said["usage"])


def sdk_told(stream: bytes) -> tuple[str, str, list[tuple[str, str, Any]], str, dict[str, Any]]:
    """The same, put together from the events as AWS's SDK gives them."""
    text = thought = reason = ""
    calls: dict[int, list[str]] = {}
    usage: dict[str, Any] = {}
    for kind, said in sdk_events(stream):
        place = said.get("contentBlockIndex", 0)
        call = said.get("start", {}).get("toolUse", {})
        if call and call.get("type") != "server_tool_use":
            calls[place] = [call["toolUseId"], call["name"], ""]
        delta = said.get("delta", {})
        text += delta.get("text", "")
        thought += delta.get("reasoningContent", {}).get("text", "")
        if "toolUse" in delta and place in calls:
            calls[place][2] += delta["toolUse"]["input"]
        reason = said.get("stopReason", reason)
        usage = said.get("usage", usage) if kind == "metadata" else usage
    return text, thought, [(i, n, json.loads(a or "{}")) for i, n, a in calls.values()], reason, usage


@pytest.mark.parametrize("row", STREAMS, ids=by_id)
def test_a_recorded_stream_decodes_wherever_it_is_cut(row: dict[str, Any]) -> None:
    stream = body_of(row)
    events = decoded(Decoder(), [stream])
    text, thought, calls, reason, usage = sdk_told(stream)
    answer = gathered(events)
    assert told(answer) == (text, thought, calls)
    finish = answer.choices[0].finish if answer.choices else None
    assert finish is not None
    assert (finish.reason, finish.detail) == (FINISHES[reason], reason)
    check_usage(answer.usage, usage)
    for pieces in cuts(stream):
        assert decoded(Decoder(), pieces) == events


@pytest.mark.parametrize("row", STREAMS, ids=by_id)
def test_a_recorded_stream_that_stops_early_is_known_to(row: dict[str, Any]) -> None:
    stream = body_of(row)
    for length in {len(stream) // 3, len(stream) // 2, len(stream) - 1}:
        decoder = Decoder()
        decoder.feed(stream[:length])
        with pytest.raises(UpstreamBroken) as found:
            decoder.end()
        assert found.value.code == "upstream_cut_short"


def test_claudes_thoughts_are_sealed_as_anthropics() -> None:
    """Readable ones and redacted ones: both are what Anthropic's own API would have given."""
    answers = [decode_answer(body_of(row)) for row in WHOLE]
    answers += [gathered(decoded(Decoder(), [body_of(row)])) for row in STREAMS]
    thoughts = [part for one in answers for part in one.choices[0].parts if isinstance(part, Thinking)]
    signed = [one for one in thoughts if one.signature]
    assert {one.redacted for one in signed} == {True, False}
    for one in signed:
        assert re.match(r"E[g-v]", opened(one.signature, "anthropic"))


@pytest.mark.parametrize("row", REFUSED, ids=by_id)
def test_a_recorded_error_is_told(row: dict[str, Any]) -> None:
    body = body_of(row)
    fault = decode_error(row["status"], row["response"]["headers"] or {}, body)
    if row["status"] == 400:
        assert (fault.status, fault.blame) == (400, "caller")
        assert fault.message == json.loads(body)["message"]
    else:
        assert fault.code == "upstream_credentials_refused"
        assert json.loads(body)["message"] not in fault.message, "an account's error may quote what is ours"
    if "x-amzn-errortype" in (row["response"]["headers"] or {}):
        assert str(fault.details["upstream_type"]).endswith("Exception")


@pytest.mark.parametrize("row", INVOKED, ids=by_id)
def test_a_recorded_claude_stream_becomes_anthropics_wherever_it_is_cut(row: dict[str, Any]) -> None:
    stream = body_of(row)
    import base64

    chunks = [base64.b64decode(said["bytes"]) for kind, said in sdk_events(stream) if kind == "chunk"]
    if b'"completion"' in chunks[0]:
        pytest.skip("the text completions that came before Messages")
    written = b"".join(b"event: %s\ndata: %s\n\n" % (json.loads(c)["type"].encode(), c) for c in chunks)
    for pieces in cuts(stream):
        reading = InvokeStream()
        assert b"".join(map(reading.feed, pieces)) + reading.end() == written
    answer = gathered(decoded(AnthropicDecoder(), [written]))
    metrics = json.loads(chunks[-1])["amazon-bedrock-invocationMetrics"]
    assert answer.usage is not None
    assert answer.usage.input_tokens == metrics["inputTokenCount"]
    for length in (len(stream) // 2, len(stream) - 1):
        reading = InvokeStream()
        reading.feed(stream[:length])
        with pytest.raises(UpstreamBroken):
            reading.end()


def pairs() -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Recorded Converse requests, each with the chat requests of other providers in the same logical test."""
    groups: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {}
    for row in exchanges("converse", "converse-stream", "chat.completions", anyone=True):
        if row.get("parallel") and row["request"]:
            group = groups.setdefault(str(row["parallel"]), ([], []))
            group[row["api"] == "chat.completions"].append(row)
    return [(row, chats) for ours, chats in groups.values() for row in ours if chats]


def test_chat_requests_become_what_another_client_sent_to_converse() -> None:
    """The same logical request, at the same turn of its conversation: messages, system and tools are alike."""
    compared = 0
    for row, chats in pairs():
        expected = meaning(row["request"]["json"])
        for chat in chats:
            try:
                request = decode_request(chat["request"]["json"], "us.amazon.nova-2-lite-v1:0", False)
                found = meaning(encode_request(fit(request, ABILITIES)[0], Quirks()))
            except BadRequest:
                continue  # what one provider of the dialect has made of it, or what Converse has no word for
            if roles(found) == roles(expected) and said_by_users(found) == said_by_users(expected):
                assert tools(found) == tools(expected)
                assert found["system"] == expected["system"]
                compared += 1
    assert compared >= 30, compared


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body.get(name) or [] for name in ("messages", "system", "toolConfig")}


def tools(body: dict[str, Any]) -> list[Any]:
    """The client writes a schema's `strict` and `additionalProperties` for some providers, and for others not."""
    specs = [one["toolSpec"] for one in (body["toolConfig"] or {"tools": []})["tools"]]
    schemas = [spec["inputSchema"]["json"] for spec in specs]
    kept = [{name: one.get(name) for name in ("type", "properties", "required")} for one in schemas]
    return [(spec["name"], spec.get("description"), schema) for spec, schema in zip(specs, kept, strict=True)]


def roles(body: dict[str, Any]) -> list[Any]:
    return [(one["role"], [next(iter(block)) for block in one["content"]]) for one in body["messages"]]


def said_by_users(body: dict[str, Any]) -> list[Any]:
    """What no model made up: its own words differ from one provider to the next."""
    blocks = [block for one in body["messages"] if one["role"] == "user" for block in one["content"]]
    results = [block["toolResult"]["content"] for block in blocks if "toolResult" in block]
    return [results, *(block for block in blocks if "toolResult" not in block)]
