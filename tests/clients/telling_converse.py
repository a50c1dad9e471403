"""Bedrock's Converse, as an upstream answers and streams them, and as it reads a request."""

import base64
import json

from gateway.dialects.eventstream import encode_event
from tests.clients.telling import Body, pieces, text_of
from tests.clients.words import Heard, Pairing, Turn


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
