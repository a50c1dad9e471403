"""Chat completions, as an upstream answers and streams them, and as it reads a request."""

import json

from gateway.testing import DONE, event
from tests.clients.telling import Body, data_of, pieces, text_of
from tests.clients.words import Heard, Pairing, Turn


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
