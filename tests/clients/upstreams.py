"""The upstreams' side: for each protocol a gateway can speak to, how it answers, streams, refuses and is read.

A protocol of `gateway.dialects.protocols.UPSTREAMS` joins all the tests of this folder by a row of `UPSTREAMS`.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from gateway.dialects.eventstream import encode_event, encode_exception
from gateway.testing import DONE, Hangup, Script, body_answer, event, event_stream, json_answer
from tests.clients.words import Heard, Pairing, Turn

Body = dict[str, Any]
COUNTED = 4321
SIGNATURE = base64.b64encode(b"what Gemini thought of it").decode()


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """Attributes:
    provider: its row of config.yaml, but for the base URL. model: its own name for one.
    path, stream: where it is asked, below the base URL.
    whole, events: a turn as a body, and as the pieces of a stream. heard: a request in the tests' words.
    refusal: the body of an error. broken: an error as a piece of a stream. overloaded: the status for it.
    counting: where it counts tokens, and what it answers; None if it does not count.
    """

    protocol: str
    provider: Mapping[str, Any]
    model: str
    path: str
    stream: str
    whole: Callable[[Turn], Body]
    events: Callable[[Turn], list[bytes]]
    heard: Callable[[Body], Heard]
    refusal: Callable[[int, str], Body]
    broken: Callable[[str], bytes]
    overloaded: int = 503
    counting: tuple[str, Body] | None = None
    stream_headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def alias(self) -> str:
        return f"test-{self.protocol}"

    def path_of(self, path: str) -> str:
        """A path as it stands in a request's first line."""
        return f"/v1/{path.format(model=quote(self.model, safe=''))}"

    def paths(self) -> tuple[str, str]:
        return self.path_of(self.path), self.path_of(self.stream)

    def answers(self, turn: Turn, *, stream: bool) -> Script:
        if not stream:
            return json_answer(self.whole(turn))
        # Cut without regard to events and characters, as networks do.
        return self.streams(cut(b"".join(self.events(turn)), 97))

    def streams(self, pieces: Sequence[bytes | float | Exception]) -> Script:
        return event_stream(*pieces, headers=dict(self.stream_headers))

    def replays(self, body: bytes, *, stream: bool) -> Script:
        """A recorded answer."""
        return self.streams(cut(body, 1500)) if stream else body_answer(body)

    def refuses(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> Script:
        return json_answer(self.refusal(status, text), status, dict(headers or {}))

    def breaks(self, turn: Turn, text: str) -> Script:
        """A stream that begins well, and then tells an error."""
        return self.streams([*self.events(turn)[:3], self.broken(text)])

    def vanishes(self, turn: Turn) -> Script:
        """A stream that begins well, and then the connection ends."""
        return self.streams([*self.events(turn)[:3], 0.02, Hangup(reset=True)])


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


def pieces(text: str) -> list[str]:
    return [text[at : at + 4] for at in range(0, len(text), 4)]


def text_of(content: str | Sequence[Mapping[str, Any]] | None) -> str:
    """The text of a string or of blocks of text; anything else is an error."""
    if isinstance(content, str | None):
        return content or ""
    return "".join(block["text"] for block in content)


# Chat Completions


def chat_message(turn: Turn) -> Body:
    message: Body = {"role": "assistant", "content": turn.text or None}
    if turn.calls:
        message["tool_calls"] = [
            {"id": f"call_{index}{name}", "type": "function", "function": {"name": name, "arguments": json.dumps(args)}}
            for index, (name, args) in enumerate(turn.calls)
        ]
    return message


def chat_usage(turn: Turn) -> Body:
    into, out = turn.used
    return {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}


def chat_whole(turn: Turn) -> Body:
    choice = {"index": 0, "message": chat_message(turn), "finish_reason": "tool_calls" if turn.calls else "stop"}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "real-chat"}
    return {**head, "choices": [choice], "usage": chat_usage(turn)}


def chat_events(turn: Turn) -> list[bytes]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "real-chat"}

    def chunk(delta: Body, finish: str | None = None) -> bytes:
        return event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    found = [chunk({"role": "assistant", "content": ""})]
    found += [chunk({"content": piece}) for piece in pieces(turn.text)]
    for index, call in enumerate(chat_message(turn).get("tool_calls", [])):
        arguments = call["function"].pop("arguments")
        found.append(
            chunk({"tool_calls": [{**call, "index": index, "function": {**call["function"], "arguments": ""}}]})
        )
        found += [
            chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}) for piece in pieces(arguments)
        ]
    found.append(chunk({}, "tool_calls" if turn.calls else "stop"))
    return [*found, event({**head, "choices": [], "usage": chat_usage(turn)}), DONE]


def chat_heard(body: Body) -> Heard:
    assert body["model"] == "real-chat"
    told, system = Pairing(), ""
    for message in body["messages"]:
        match message["role"]:
            case "system" | "developer":
                assert not told.history, "instructions come first"
                system += text_of(message["content"])
            case "user" if isinstance(message["content"], str):
                told.say("user", message["content"])
            case "user":
                for block in message["content"]:
                    if block["type"] == "text":
                        told.say("user", block["text"])
                    else:
                        told.show(data_of(block["image_url"]["url"]))
            case "assistant":
                told.say("assistant", text_of(message.get("content")))
                for call in message.get("tool_calls") or []:
                    assert call["type"] == "function"
                    told.call(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
            case "tool":
                told.answer(message["tool_call_id"], text_of(message["content"]))
            case role:
                raise AssertionError(f"a message of a {role}")
    wanted = body.get("response_format") or {}
    schema = wanted["json_schema"]["schema"] if wanted.get("type") == "json_schema" else None
    return Heard(system, told.done(), [tool["function"]["name"] for tool in body.get("tools") or []], schema)


def data_of(url: str) -> bytes:
    head, _, data = url.partition(",")
    assert head == "data:image/png;base64", head
    return base64.b64decode(data, validate=True)


def openai_refusal(status: int, text: str) -> Body:
    kind = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
    return {"error": {"message": text, "type": kind.get(status, "server_error"), "param": None, "code": None}}


# Anthropic Messages


def message_blocks(turn: Turn) -> list[Body]:
    blocks: list[Body] = [{"type": "text", "text": turn.text}] if turn.text else []
    blocks += [
        {"type": "tool_use", "id": f"toolu_{index}{name}", "name": name, "input": args}
        for index, (name, args) in enumerate(turn.calls)
    ]
    return blocks


def message_head(turn: Turn) -> Body:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "real-messages"}
    return {**head, "stop_sequence": None, "usage": {"input_tokens": turn.used[0], "output_tokens": turn.used[1]}}


def message_whole(turn: Turn) -> Body:
    return {
        **message_head(turn),
        "content": message_blocks(turn),
        "stop_reason": "tool_use" if turn.calls else "end_turn",
    }


def named(said: Body) -> bytes:
    """An event that says its type twice, as Anthropic's and OpenAI's Responses do."""
    return f"event: {said['type']}\n".encode() + event(said)


def message_events(turn: Turn) -> list[bytes]:
    head = {**message_head(turn), "content": [], "stop_reason": None}
    head["usage"] = {"input_tokens": turn.used[0], "output_tokens": 1}
    found: list[Body] = [{"type": "message_start", "message": head}, {"type": "ping"}]
    for index, block in enumerate(message_blocks(turn)):
        if block["type"] == "text":
            start, deltas = (
                {**block, "text": ""},
                [{"type": "text_delta", "text": one} for one in pieces(block["text"])],
            )
        else:
            start = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": one} for one in pieces(json.dumps(block["input"]))]
        found.append({"type": "content_block_start", "index": index, "content_block": start})
        found += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        found.append({"type": "content_block_stop", "index": index})
    stop = {"stop_reason": "tool_use" if turn.calls else "end_turn", "stop_sequence": None}
    found.append({"type": "message_delta", "delta": stop, "usage": {"output_tokens": turn.used[1]}})
    return [named(said) for said in [*found, {"type": "message_stop"}]]


def message_heard(body: Body) -> Heard:
    assert body["model"] == "real-messages"
    assert body["max_tokens"] > 0
    told, before = Pairing(), "assistant"
    for message in body["messages"]:
        assert {message["role"], before} == {"user", "assistant"}, "the two take turns"
        before = message["role"]
        blocks = message["content"]
        for block in [{"type": "text", "text": blocks}] if isinstance(blocks, str) else blocks:
            match before, block["type"]:
                case _, "text":
                    assert block["text"].strip(), "blank texts are refused"
                    told.say(before, block["text"])
                case "user", "image":
                    assert block["source"]["media_type"] == "image/png"
                    told.show(base64.b64decode(block["source"]["data"], validate=True))
                case "assistant", "tool_use":
                    told.call(block["id"], block["name"], block["input"])
                case "user", "tool_result":
                    told.answer(block["tool_use_id"], text_of(block.get("content")))
                case pair:
                    raise AssertionError(f"{pair} in the history")
    wanted = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    tools = [tool["name"] for tool in body.get("tools") or []]
    return Heard(text_of(body.get("system")), told.done(), tools, wanted.get("schema"))


def message_refusal(status: int, text: str) -> Body:
    kinds = {
        400: "invalid_request_error",
        401: "authentication_error",
        429: "rate_limit_error",
        529: "overloaded_error",
    }
    return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": text}}


# OpenAI Responses


def response_items(turn: Turn) -> list[Body]:
    text = {"type": "output_text", "text": turn.text, "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]}
    items: list[Body] = [message] if turn.text else []
    for index, (name, args) in enumerate(turn.calls):
        call = {"type": "function_call", "id": f"fc_{index}", "call_id": f"call_{index}{name}", "name": name}
        items.append({**call, "arguments": json.dumps(args), "status": "completed"})
    return items


def response_head(turn: Turn, status: str) -> Body:
    head = {"id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": "real-responses"}
    return {**head, "output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "error": None}


def response_whole(turn: Turn) -> Body:
    into, out = turn.used
    usage = {
        "input_tokens": into,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": out,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": into + out,
    }
    return {**response_head(turn, "completed"), "output": response_items(turn), "usage": usage}


def response_events(turn: Turn) -> list[bytes]:
    return [
        named({"type": said.pop("type"), "sequence_number": number, **said})
        for number, said in enumerate(_response_events(turn))
    ]


def _response_events(turn: Turn) -> Iterator[Body]:
    yield {"type": "response.created", "response": response_head(turn, "in_progress")}
    yield {"type": "response.in_progress", "response": response_head(turn, "in_progress")}
    for place, item in enumerate(response_items(turn)):
        at = {"item_id": item["id"], "output_index": place}
        if item["type"] == "message":
            (text,) = item["content"]
            inside = {**at, "content_index": 0}
            empty = {**item, "content": [], "status": "in_progress"}
            yield {"type": "response.output_item.added", "output_index": place, "item": empty}
            yield {"type": "response.content_part.added", **inside, "part": {**text, "text": ""}}
            for piece in pieces(text["text"]):
                yield {"type": "response.output_text.delta", **inside, "delta": piece, "logprobs": []}
            yield {"type": "response.output_text.done", **inside, "text": text["text"], "logprobs": []}
            yield {"type": "response.content_part.done", **inside, "part": text}
        else:
            empty = {**item, "arguments": "", "status": "in_progress"}
            yield {"type": "response.output_item.added", "output_index": place, "item": empty}
            for piece in pieces(item["arguments"]):
                yield {"type": "response.function_call_arguments.delta", **at, "delta": piece}
            whole = {"name": item["name"], "arguments": item["arguments"]}
            yield {"type": "response.function_call_arguments.done", **at, **whole}
        yield {"type": "response.output_item.done", "output_index": place, "item": item}
    yield {"type": "response.completed", "response": response_whole(turn)}


def response_heard(body: Body) -> Heard:
    assert body["model"] == "real-responses"
    told, system = Pairing(), body.get("instructions") or ""
    items = body["input"]
    for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
        match item.get("type", "message"), item.get("role"):
            case "message", "system" | "developer":
                system += text_of(item["content"])
            case "message", role:
                content = item["content"]
                assert isinstance(content, str) or {one["type"] for one in content} <= _RESPONSE_PARTS[role]
                for block in [{"text": content}] if isinstance(content, str) else content:
                    if "image_url" in block:
                        told.show(data_of(block["image_url"]))
                    else:
                        told.say(role, block["text"])
            case "function_call", None:
                told.call(item["call_id"], item["name"], json.loads(item["arguments"]))
            case "function_call_output", None:
                told.answer(item["call_id"], text_of(item["output"]))
            case kind:
                raise AssertionError(f"{kind} in the history")
    wanted = (body.get("text") or {}).get("format") or {}
    return Heard(system, told.done(), [tool["name"] for tool in body.get("tools") or []], wanted.get("schema"))


_RESPONSE_PARTS = {"user": {"input_text", "input_image"}, "assistant": {"output_text", "refusal"}}


def response_broken(text: str) -> bytes:
    """As OpenAI sends it (recorded); its reference has the error's fields beside `type`."""
    return named({"type": "error", "sequence_number": 3, **openai_refusal(503, text)})


# Gemini


def gemini_chunk(parts: list[Body], **more: Any) -> Body:
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0, **more}
    return {"candidates": [candidate], "modelVersion": "real-generate", "responseId": "r1"}


def gemini_parts(turn: Turn) -> list[Body]:
    """Of parallel calls the first is signed."""
    parts: list[Body] = [{"text": turn.text}] if turn.text else []
    for index, (name, args) in enumerate(turn.calls):
        signed = {} if index else {"thoughtSignature": SIGNATURE}
        parts.append({"functionCall": {"name": name, "args": args}, **signed})
    return parts


def gemini_usage(turn: Turn) -> Body:
    into, out = turn.used
    return {"usageMetadata": {"promptTokenCount": into, "candidatesTokenCount": out, "totalTokenCount": into + out}}


def gemini_whole(turn: Turn) -> Body:
    return {**gemini_chunk(gemini_parts(turn), finishReason="STOP"), **gemini_usage(turn)}


def gemini_events(turn: Turn) -> list[bytes]:
    parts = [part for part in gemini_parts(turn) if "text" not in part]
    chunks = [gemini_chunk([{"text": piece}]) for piece in pieces(turn.text)]
    chunks += [gemini_chunk([part]) for part in parts]
    return [
        event(chunk) for chunk in [*chunks, {**gemini_chunk([{"text": ""}], finishReason="STOP"), **gemini_usage(turn)}]
    ]


def gemini_heard(body: Body) -> Heard:
    """Its calls may go without ids: then results answer them in order. All calls of a turn but the first may be
    unsigned; the first is refused without a signature."""
    assert "model" not in body
    assert "stream" not in body
    told, before, calls = Pairing(), "model", list[tuple[str, str]]()
    for content in body["contents"]:
        role = content.get("role", "user")
        assert role in ("user", "model")
        assert role != before, "the two take turns"
        before = role
        if role == "model":
            calls = []
        for part in content["parts"]:
            if call := part.get("functionCall"):
                assert calls or part.get("thoughtSignature"), "the first call of a turn is signed"
                calls.append((call.get("id") or f"#{len(calls)}", call["name"]))
                told.call(calls[-1][0], call["name"], call.get("args") or {})
            elif result := part.get("functionResponse"):
                (response,) = result["response"].values()
                number, name = calls.pop(0)
                assert result["name"] == name
                assert number.startswith("#") or result.get("id") == number
                told.answer(number, response)
            elif data := part.get("inlineData"):
                assert (data.get("mimeType") or data["mime_type"]) == "image/png", "Google takes either spelling"
                told.show(base64.urlsafe_b64decode(data["data"].translate(_URL_SAFE)))
            else:
                told.say({"model": "assistant", "user": "user"}[role], part["text"])
    settings = body.get("generationConfig") or {}
    schema = settings.get("responseJsonSchema") or settings.get("responseSchema")
    assert schema is None or settings["responseMimeType"] == "application/json"
    tools = [one["name"] for tool in body.get("tools") or [] for one in tool["functionDeclarations"]]
    return Heard(text_of((body.get("systemInstruction") or {}).get("parts")), told.done(), tools, schema)


_URL_SAFE = str.maketrans("+/", "-_")  # Google reads, and its SDK writes, either alphabet


def gemini_refusal(status: int, text: str) -> Body:
    words = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
    return {"error": {"code": status, "message": text, "status": words.get(status, "INTERNAL")}}


# Bedrock Converse


def converse_blocks(turn: Turn) -> list[Body]:
    blocks: list[Body] = [{"text": turn.text}] if turn.text else []
    blocks += [
        {"toolUse": {"toolUseId": f"tooluse_{index}{name}", "name": name, "input": args}}
        for index, (name, args) in enumerate(turn.calls)
    ]
    return blocks


def converse_usage(turn: Turn) -> Body:
    into, out = turn.used
    return {"usage": {"inputTokens": into, "outputTokens": out, "totalTokens": into + out}, "metrics": {"latencyMs": 1}}


def converse_whole(turn: Turn) -> Body:
    message = {"role": "assistant", "content": converse_blocks(turn)}
    stop = "tool_use" if turn.calls else "end_turn"
    return {"output": {"message": message}, "stopReason": stop, **converse_usage(turn)}


def converse_events(turn: Turn) -> list[bytes]:
    found: list[tuple[str, Body]] = [("messageStart", {"role": "assistant"})]
    for index, block in enumerate(converse_blocks(turn)):
        if "text" in block:
            deltas: list[Body] = [{"text": piece} for piece in pieces(block["text"])]
        else:
            call = block["toolUse"]
            deltas = [{"toolUse": {"input": piece}} for piece in pieces(json.dumps(call.pop("input")))]
            found.append(("contentBlockStart", {"start": {"toolUse": call}, "contentBlockIndex": index}))
        found += [("contentBlockDelta", {"delta": delta, "contentBlockIndex": index}) for delta in deltas]
        found.append(("contentBlockStop", {"contentBlockIndex": index}))
    found.append(("messageStop", {"stopReason": "tool_use" if turn.calls else "end_turn"}))
    return [
        encode_event(kind, json.dumps(said).encode()) for kind, said in [*found, ("metadata", converse_usage(turn))]
    ]


def converse_heard(body: Body) -> Heard:
    told, before = Pairing(), "assistant"
    for message in body["messages"]:
        assert {message["role"], before} == {"user", "assistant"}, "the two take turns"
        before = message["role"]
        for block in message["content"]:
            ((kind, said),) = block.items()
            match before, kind:
                case _, "text":
                    assert said.strip(), "blank texts are refused"
                    told.say(before, said)
                case "user", "image":
                    assert said["format"] == "png"
                    told.show(base64.b64decode(said["source"]["bytes"], validate=True))
                case "assistant", "toolUse":
                    told.call(said["toolUseId"], said["name"], said["input"])
                case "user", "toolResult":
                    told.answer(said["toolUseId"], text_of(said["content"]))
                case pair:
                    raise AssertionError(f"{pair} in the history")
    wanted = body.get("outputConfig")
    schema = json.loads(wanted["textFormat"]["structure"]["jsonSchema"]["schema"]) if wanted else None
    tools = [tool["toolSpec"]["name"] for tool in (body.get("toolConfig") or {}).get("tools", [])]
    return Heard(text_of(body.get("system")), told.done(), tools, schema)


UPSTREAMS: Mapping[str, Upstream] = {
    row.protocol: row
    for row in (
        Upstream(
            protocol="chat",
            provider={"kind": "openai-compatible", "api_key": "sk-chat", "protocols": ["chat"]},
            model="real-chat",
            path="chat/completions",
            stream="chat/completions",
            whole=chat_whole,
            events=chat_events,
            heard=chat_heard,
            refusal=openai_refusal,
            broken=lambda text: event(openai_refusal(503, text)),
        ),
        Upstream(
            protocol="messages",
            provider={"kind": "anthropic-compatible", "api_key": "sk-messages"},
            model="real-messages",
            path="messages",
            stream="messages",
            whole=message_whole,
            events=message_events,
            heard=message_heard,
            refusal=message_refusal,
            broken=lambda text: named(message_refusal(529, text)),
            overloaded=529,
            counting=("messages/count_tokens", {"input_tokens": COUNTED}),
        ),
        Upstream(
            protocol="responses",
            provider={"kind": "openai-compatible", "api_key": "sk-responses", "protocols": ["responses"]},
            model="real-responses",
            path="responses",
            stream="responses",
            whole=response_whole,
            events=response_events,
            heard=response_heard,
            refusal=openai_refusal,
            broken=response_broken,
        ),
        Upstream(
            protocol="generate",
            provider={"kind": "gemini", "api_key": "sk-generate"},
            model="gemini-3-flash",
            path="models/{model}:generateContent",
            stream="models/{model}:streamGenerateContent",
            whole=gemini_whole,
            events=gemini_events,
            heard=gemini_heard,
            refusal=gemini_refusal,
            broken=lambda text: event(gemini_refusal(503, text)),
            counting=("models/{model}:countTokens", {"totalTokens": COUNTED}),
        ),
        Upstream(
            protocol="converse",
            provider={"kind": "bedrock", "api_key": "sk-converse", "region": "eu-west-1"},
            model="eu.amazon.nova-2-lite-v1:0",
            path="model/{model}/converse",
            stream="model/{model}/converse-stream",
            whole=converse_whole,
            events=converse_events,
            heard=converse_heard,
            refusal=lambda status, text: {"message": text},
            broken=lambda text: encode_exception("serviceUnavailableException", json.dumps({"message": text}).encode()),
            stream_headers={"content-type": "application/vnd.amazon.eventstream"},
        ),
    )
}
