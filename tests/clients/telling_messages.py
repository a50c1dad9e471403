"""Anthropic's messages, as an upstream answers and streams them, and as it reads a request."""

import base64
import json

from tests.clients.telling import Body, named, pieces, text_of
from tests.clients.words import Heard, Pairing, Turn


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
