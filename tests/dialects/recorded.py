"""Recorded exchanges, and what they say, read straight from their JSON: an account independent of the codecs."""

import gzip
import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.conftest import SHARED
from tests.dialects.bedrock_corpus import body_of, sdk_events

CORPUS = SHARED / "corpus" / "exchanges.jsonl.gz"
# Recorded API → the protocol that reads it.
PROTOCOLS = {
    "chat.completions": "chat",
    "messages": "messages",
    "vertex_rawPredict": "messages",
    "vertex_streamRawPredict": "messages",
    "generateContent": "generate",
    "streamGenerateContent": "generate",
    "converse": "converse",
    "converse-stream": "converse",
    "responses": "responses",
}


@dataclass
class Said:
    """`calls`: (name, arguments). `used`: (all input, cached, all output) tokens, or None."""

    text: str = ""
    refusal: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    finish: str = ""
    used: tuple[int, int, int] | None = None


@cache
def exchanges() -> list[dict[str, Any]]:
    """Every exchange of a protocol that can be translated, whose body was recorded."""
    with gzip.open(CORPUS, "rt") as file:
        rows = [json.loads(line) for line in file]
    return [row for row in rows if row["api"] in PROTOCOLS and row["response"] and body_of(row)]


def name_of(row: dict[str, Any]) -> str:
    return f"{row['provider']} {row['api']} {row['id']}"


def events_of(body: bytes) -> list[dict[str, Any]]:
    """The JSON objects of an event stream."""
    found: list[dict[str, Any]] = []
    for line in body.decode().replace("\r\n", "\n").split("\n"):
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data and data != "[DONE]":
            found.append(json.loads(data))
    return found


def arguments(text: str) -> Any:
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return text


def chat_whole(said: dict[str, Any]) -> Said:
    choice = said["choices"][0] if said.get("choices") else {}
    message = choice.get("message") or {}
    content = message.get("content") or ""
    if isinstance(content, list):
        content = "".join(block.get("text", "") for block in content if block["type"] == "text")
    calls = [(c["function"]["name"], c["function"].get("arguments")) for c in message.get("tool_calls") or []]
    return Said(
        content,
        message.get("refusal") or "",
        [(name, arguments(value) if isinstance(value, str | None) else value) for name, value in calls],
        choice.get("finish_reason") or "",
        chat_used(said.get("usage")),
    )


def chat_stream(events: list[dict[str, Any]]) -> Said:
    said, calls = Said(), list[list[str]]()
    ids: dict[int, tuple[str, int]] = {}
    for event in events:
        for choice in event.get("choices") or []:
            if choice.get("index", 0):
                continue
            delta = choice.get("delta") or {}
            content = delta.get("content") or ""
            if isinstance(content, list):
                content = "".join(block.get("text", "") for block in content if block["type"] == "text")
            said.text += content
            said.refusal += delta.get("refusal") or ""
            for call in delta.get("tool_calls") or []:
                function, place = call.get("function") or {}, call.get("index") or 0
                known = ids.get(place)
                if known is None or (call.get("id") and call["id"] != known[0] and function.get("name")):
                    ids[place] = (call.get("id") or "", len(calls))
                    calls.append([function.get("name") or "", ""])
                calls[ids[place][1]][1] += function.get("arguments") or ""
            said.finish = choice.get("finish_reason") or said.finish
        usage = event.get("usage") or (event.get("x_groq") or {}).get("usage")
        said.used = chat_used(usage) or said.used
    said.calls = [(name, arguments(text)) for name, text in calls]
    return said


def chat_used(usage: dict[str, Any] | None) -> tuple[int, int, int] | None:
    """As tests/behaviour/test_corpus.py tells it: xAI leaves reasoning outside of completion_tokens."""
    if not usage:
        return None
    into, out = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    prompt, completion = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    reasoning = out.get("reasoning_tokens") or 0
    if usage.get("total_tokens") == prompt + completion + reasoning or reasoning > completion:
        completion += reasoning
    cached = into.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or usage.get("num_cached_tokens") or 0
    return prompt, min(cached, prompt), completion


def messages_whole(said: dict[str, Any]) -> Said:
    blocks = said["content"]
    return Said(
        "".join(block["text"] for block in blocks if block["type"] == "text"),
        "",
        [(block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"],
        said["stop_reason"] or "",
        messages_used(said["usage"]),
    )


def messages_stream(events: list[dict[str, Any]]) -> Said:
    said, calls, usage = Said(), dict[int, list[str]](), dict[str, Any]()
    for event in events:
        match event["type"]:
            case "message_start":
                usage.update(event["message"]["usage"])
            case "content_block_start" if event["content_block"]["type"] == "tool_use":
                calls[event["index"]] = [event["content_block"]["name"], ""]
            case "content_block_delta" if event["delta"]["type"] == "text_delta":
                said.text += event["delta"]["text"]
            case "content_block_delta" if event["delta"]["type"] == "input_json_delta" and event["index"] in calls:
                calls[event["index"]][1] += event["delta"]["partial_json"]
            case "message_delta":
                said.finish = event["delta"]["stop_reason"] or said.finish
                usage.update({k: v for k, v in (event.get("usage") or {}).items() if v is not None})
    said.calls = [(name, arguments(text)) for name, text in calls.values()]
    said.used = messages_used(usage) if usage else None
    return said


def messages_used(usage: dict[str, Any]) -> tuple[int, int, int]:
    cached = usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or 0
    return usage["input_tokens"] + cached + written, cached, usage["output_tokens"]


def responses_whole(said: dict[str, Any]) -> Said:
    items = said.get("output") or []
    parts = [part for item in items if item["type"] == "message" for part in item["content"]]
    usage = said.get("usage")
    into = (usage or {}).get("input_tokens_details") or {}
    return Said(
        "".join(part["text"] for part in parts if part["type"] == "output_text"),
        "".join(part["refusal"] for part in parts if part["type"] == "refusal"),
        [(item["name"], arguments(item["arguments"])) for item in items if item["type"] == "function_call"],
        (said.get("incomplete_details") or {}).get("reason") or said.get("status") or "",
        (usage["input_tokens"], into.get("cached_tokens") or 0, usage["output_tokens"]) if usage else None,
    )


def responses_stream(events: list[dict[str, Any]]) -> Said:
    ends = ("response.completed", "response.incomplete", "response.failed")
    last = next((event["response"] for event in reversed(events) if event["type"] in ends), {})
    said = responses_whole(last)
    if not last.get("output"):  # some leave the output out of the last event
        said.text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
        items = [e["item"] for e in events if e["type"] == "response.output_item.done"]
        said.calls = [(i["name"], arguments(i["arguments"])) for i in items if i["type"] == "function_call"]
    return said


def generate_stream(chunks: list[dict[str, Any]]) -> Said:
    said, usage = Said(), dict[str, Any]()
    for chunk in chunks:
        candidates = [one for one in chunk.get("candidates") or [] if not one.get("index")]
        for part in (candidates[0].get("content") or {}).get("parts") or [] if candidates else []:
            if "text" in part and not part.get("thought"):
                said.text += part["text"]
            if code := part.get("executableCode"):
                said.text += f"\n```{code['language'].lower()}\n{code['code'].rstrip()}\n```\n"
            call = part.get("functionCall") or {}
            if call.get("name"):
                said.calls.append((call["name"], dict(call.get("args") or {})))
            for piece in call.get("partialArgs") or []:
                key = piece["jsonPath"].removeprefix("$.")
                said.calls[-1][1][key] = said.calls[-1][1].get(key, "") + piece["stringValue"]
        said.finish = (candidates[0].get("finishReason") if candidates else "") or said.finish
        said.finish = "STOP" if said.finish == 1 else said.finish  # the enum's number
        usage.update(chunk.get("usageMetadata") or {})
    if usage:
        into = usage.get("promptTokenCount", 0) + usage.get("toolUsePromptTokenCount", 0)
        out = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
        said.used = (into, usage.get("cachedContentTokenCount", 0), out)
    return said


def converse_whole(said: dict[str, Any]) -> Said:
    blocks = said["output"]["message"]["content"]
    return Said(
        "".join(
            c["text"] for b in blocks for c in (b, *b.get("citationsContent", {}).get("content", [])) if "text" in c
        ),
        "",
        [(b["toolUse"]["name"], b["toolUse"]["input"]) for b in blocks if "toolUse" in b],
        said["stopReason"],
        converse_used(said["usage"]),
    )


def converse_stream(events: list[dict[str, Any]]) -> Said:
    said, calls = Said(), dict[int, list[str]]()
    for event in events:
        place, delta = event.get("contentBlockIndex", 0), event.get("delta", {})
        call = event.get("start", {}).get("toolUse", {})
        if call and call.get("type") != "server_tool_use":
            calls[place] = [call["name"], ""]
        said.text += delta.get("text", "")
        if "toolUse" in delta and place in calls:
            calls[place][1] += delta["toolUse"]["input"]
        said.finish = event.get("stopReason", said.finish)
        said.used = converse_used(event["usage"]) if "usage" in event else said.used
    said.calls = [(name, arguments(text)) for name, text in calls.values()]
    return said


def converse_used(usage: dict[str, Any]) -> tuple[int, int, int]:
    cached = usage.get("cacheReadInputTokens") or 0
    return usage["inputTokens"] + cached + (usage.get("cacheWriteInputTokens") or 0), cached, usage["outputTokens"]


WHOLE = {
    "chat": chat_whole,
    "messages": messages_whole,
    "responses": responses_whole,
    "generate": lambda said: generate_stream([said]),
    "converse": converse_whole,
}
STREAMS = {
    "chat": chat_stream,
    "messages": messages_stream,
    "responses": responses_stream,
    "generate": generate_stream,
}


def is_stream(row: dict[str, Any]) -> bool:
    return bool(row["stream"]) and not body_of(row).lstrip().startswith(b"{")


def truth(row: dict[str, Any]) -> Said:
    """What the exchange says."""
    protocol, body = PROTOCOLS[row["api"]], body_of(row)
    if not is_stream(row):
        return WHOLE[protocol](json.loads(body))
    if protocol == "converse":
        return converse_stream([said for _, said in sdk_events(body)])
    if body.lstrip().startswith(b"["):
        return STREAMS[protocol](json.loads(body))
    return STREAMS[protocol](events_of(body))


def succeeded(row: dict[str, Any]) -> bool:
    """It is a whole, good answer: no error, and not cut by whoever recorded it."""
    bad = {"no_terminator", "error_in_stream"}
    return (row["response"]["status"] or 200) == 200 and not bad & set(row["features"])
