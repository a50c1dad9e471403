"""The objects a client gets: responses and their output items, each with an id made from the gateway's own."""

from collections.abc import Mapping
from typing import Any

from gateway.core.conversation import Citation, Image, Inline, Json, Part, Refusal, Text, Thinking, ToolCall
from gateway.core.generation import Finish
from gateway.core.usage import Usage
from gateway.dialects.chat.answers import SERVICE_TIERS
from gateway.dialects.fitting import Caption
from gateway.dialects.responses.usage import write_usage
from gateway.dialects.seals import shown

_INCOMPLETE: Mapping[str, str] = {
    "length": "max_output_tokens",
    "context_length": "max_output_tokens",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}
# What a response repeats of its request, and what it says where the request does not.
_ECHOED: Mapping[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def response_object(
    caption: Caption,
    asked: Json,
    output: list[dict[str, Any]],
    *,
    model: str = "",
    finish: Finish | None = None,
    usage: Usage | None = None,
    service_tier: str = "",
    error: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A response; in progress without `finish`, failed with `error`."""
    reason = _INCOMPLETE.get(finish.reason) if finish is not None else None
    status = "in_progress" if finish is None else "incomplete" if reason else "completed"
    done = status == "completed"
    echoed = {name: default if asked.get(name) is None else asked[name] for name, default in _ECHOED.items()}
    if service_tier in SERVICE_TIERS:
        echoed["service_tier"] = service_tier
    return {
        "id": response_id(caption),
        "object": "response",
        "created_at": caption.created,
        "status": "failed" if error else status,
        "completed_at": caption.created if done else None,
        "error": error,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": model or caption.model,
        "output": output,
        **echoed,
        "usage": None if usage is None else write_usage(usage),
    }


def response_id(caption: Caption) -> str:
    return f"resp_{caption.id}"


def item_id(prefix: str, caption: Caption, place: int) -> str:
    return f"{prefix}_{caption.id}_{place}"


def write_item(part: Part, caption: Caption, output: list[dict[str, Any]]) -> None:
    """Append what a part is; neighbouring texts share a message."""
    match part:
        case Text() | Refusal():
            if not output or output[-1]["type"] != "message":
                output.append(message_item(item_id("msg", caption, len(output))))
            output[-1]["content"].append(content_block(part))
        case Thinking():
            output.append(thought_item(item_id("rs", caption, len(output)), part))
        case ToolCall():
            if part.signature:
                output.append(sealed_item(item_id("rs", caption, len(output)), part.signature))
            output.append(call_item(item_id("fc", caption, len(output)), part))
        case Image(source=Inline() as source):
            output.append(image_item(item_id("ig", caption, len(output)), source.data))
        case _:
            return


def message_item(name: str, status: str = "completed") -> dict[str, Any]:
    return {"id": name, "type": "message", "status": status, "role": "assistant", "content": []}


def content_block(part: Text | Refusal) -> dict[str, Any]:
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    annotations = [write_annotation(one, len(part.text)) for one in part.citations if one.kind != "document"]
    return {"type": "output_text", "text": part.text, "annotations": annotations, "logprobs": []}


def write_annotation(citation: Citation, length: int) -> dict[str, Any]:
    """A citation that does not say what it supports supports the whole text."""
    if citation.kind == "file":
        return {"type": "file_citation", "file_id": citation.id, "filename": citation.title, "index": length}
    start, end = (citation.start, citation.end) if citation.start >= 0 else (0, length)
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title,
        "start_index": start,
        "end_index": end,
    }


def thought_item(name: str, part: Thinking) -> dict[str, Any]:
    item: dict[str, Any] = {"id": name, "type": "reasoning", "summary": [], "status": "completed"}
    if not part.redacted:
        item["summary"].append({"type": "summary_text", "text": part.text})
    if part.signature:
        item["encrypted_content"] = shown(part.signature, "openai")
    return item


def sealed_item(name: str, signature: str) -> dict[str, Any]:
    """An item of its own for a call's signature, which the dialect has no field for (`dialects/seals.py`)."""
    return thought_item(name, Thinking(signature=signature, redacted=True))


def call_item(name: str, call: ToolCall, status: str = "completed") -> dict[str, Any]:
    return {
        "id": name,
        "type": "function_call",
        "status": status,
        "arguments": call.arguments,
        "call_id": call.id,
        "name": call.name,
    }


def image_item(name: str, data: str) -> dict[str, Any]:
    return {"id": name, "type": "image_generation_call", "status": "completed", "result": data}


class OpenPart:
    """A part that is growing: its item's place, its own place in that item, what it is, and its text so far."""

    __slots__ = ("beginning", "content", "item", "place", "texts")

    def __init__(self, beginning: Part, place: int, item: dict[str, Any], content: int = 0) -> None:
        self.beginning = beginning
        self.place = place
        self.item = item
        self.content = content
        self.texts: list[str] = []
