"""The objects a client gets: responses and their output items, each with an id made from the gateway's own."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

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
    "frequency_penalty": 0.0,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
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
    reason = unfinished(finish) if finish is not None else None
    status = "in_progress" if finish is None else "incomplete" if reason else "completed"
    return {
        "id": response_id(caption),
        "object": "response",
        "created_at": caption.created,
        "status": "failed" if error else status,
        "completed_at": caption.created if status == "completed" else None,
        "error": error,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": model or caption.model,
        "output": output,
        **{name: _echo(asked.get(name), default) for name, default in _ECHOED.items()},
        "service_tier": service_tier if service_tier in SERVICE_TIERS else "default",  # the one that served
        "usage": None if usage is None else write_usage(usage),
    }


def _echo(value: object, default: object) -> object:
    """What was asked; of an object, what was not asked is as it would be by itself."""
    if value is None:
        return default
    if not isinstance(value, dict) or not isinstance(default, dict):
        return cast(object, value)
    given = {name: one for name, one in cast(Json, value).items() if one is not None}
    return {**cast(Json, default), **given}


def unfinished(finish: Finish) -> str | None:
    """Why a response is incomplete, or None if it is not."""
    return _INCOMPLETE.get(finish.reason)


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
            output.append(image_item(item_id("ig", caption, len(output)), source))
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


def thought_item(name: str, part: Thinking, status: str = "completed") -> dict[str, Any]:
    """A thought without a summary is a redacted one: an empty summary tells the others apart when they come back."""
    item: dict[str, Any] = {"id": name, "type": "reasoning", "summary": [], "status": status}
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


def image_item(name: str, source: Inline, status: str = "completed") -> dict[str, Any]:
    return {
        "id": name,
        "type": "image_generation_call",
        "status": status,
        "output_format": source.media_type.removeprefix("image/"),
        "result": source.data,
    }


def write_logprobs(entries: Iterable[Json], output: list[dict[str, Any]]) -> None:
    """Give the logprobs to the last text; without any, nobody can tell what they are of."""
    texts = [block for item in output if item["type"] == "message" for block in item["content"]]
    if texts and texts[-1]["type"] == "output_text":
        texts[-1]["logprobs"].extend(logprob_entry(entry) for entry in entries)


def logprob_entry(entry: Json) -> dict[str, Any]:
    """A token's entry with its bytes and its alternatives, which other dialects may leave out."""
    alternatives = [_token(other) for other in entry.get("top_logprobs") or ()]
    return {**_token(entry), "top_logprobs": alternatives}


def _token(entry: Json) -> dict[str, Any]:
    token = str(entry.get("token", ""))
    written = entry.get("bytes")
    known = list(token.encode("utf-8", "replace")) if written is None else written
    return {"token": token, "bytes": known, "logprob": entry.get("logprob", 0.0)}
