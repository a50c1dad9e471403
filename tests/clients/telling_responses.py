"""OpenAI's responses, as an upstream answers and streams them, and as it reads a request."""

import json
from collections.abc import Iterator

from tests.clients.telling import Body, data_of, named, openai_refusal, pieces, text_of
from tests.clients.words import Heard, Pairing, Turn


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
