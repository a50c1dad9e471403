"""Messages and their content blocks, for the upstream.

Source: Bedrock Runtime API Reference, "Message", "ContentBlock", "ToolResultBlock", "ReasoningContentBlock",
"SystemContentBlock", "CachePointBlock". Turns of user and assistant take turns; a tool's results are a user's; blank
texts are refused; a mark to cache is a block of its own, after what it marks.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gateway.core.conversation import (
    Audio,
    CacheMark,
    File,
    Image,
    Message,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Video,
)
from gateway.core.faults import BadRequest
from gateway.dialects.bedrock.makers import Maker
from gateway.dialects.bedrock.media import DocumentNames, write_audio, write_document, write_image, write_video
from gateway.dialects.bedrock.signatures import opened_bytes, opened_text
from gateway.dialects.reading import json_object

_CALL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}", re.ASCII)
# A turn with a document must have a text, a tool's result must have something in it, and neither may be blank.
_BESIDE_DOCUMENT = "See the document."
_EMPTY_RESULT = "(empty)"


def write_mark(mark: CacheMark | None, maker: Maker, *, tools: bool = False) -> list[dict[str, Any]]:
    """The block that marks what stands before it, or none where the model takes no marks."""
    if mark is None or not maker.caches or (tools and maker.caches != "all"):
        return []
    kept = {"ttl": "1h"} if mark.ttl == "1h" and maker.caches == "all" else {}
    return [{"cachePoint": {"type": "default", **kept}}]


def encode_system(messages: Iterable[Message], maker: Maker) -> list[dict[str, Any]]:
    """All instructions, wherever they stood: the dialect has one place for them."""
    blocks: list[dict[str, Any]] = []
    for message in messages:
        if message.role in ("system", "developer"):
            for part in message.parts:
                if not isinstance(part, Text):
                    raise BadRequest(f"`{message.where}` may hold text only", param=message.where)
                if part.text.strip():
                    blocks += [{"text": part.text}, *write_mark(part.cache, maker)]
    return blocks


def encode_messages(messages: Iterable[Message], maker: Maker) -> list[dict[str, Any]]:
    """Turns of user and assistant, neighbours of one role joined."""
    turns: list[dict[str, Any]] = []
    names = DocumentNames()
    for message in messages:
        if message.role in ("system", "developer"):
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = list(_blocks(message.parts, maker, names, message.where))
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    for turn in turns:
        content = turn["content"]
        if any("document" in block for block in content) and not any("text" in block for block in content):
            content.append({"text": _BESIDE_DOCUMENT})
    return turns


def _blocks(parts: Sequence[Part], maker: Maker, names: DocumentNames, where: str) -> Iterator[dict[str, Any]]:
    for part in parts:
        block = _write_part(part, maker, names, where)
        if block is not None:
            yield block
            yield from write_mark(getattr(part, "cache", None), maker)


def _write_part(part: Part, maker: Maker, names: DocumentNames, where: str) -> dict[str, Any] | None:
    match part:
        case Text() | Refusal():
            return {"text": part.text} if part.text.strip() else None
        case ToolCall():
            arguments = json_object(part.arguments, f"{where}.tool_calls")
            return {"toolUse": {"toolUseId": call_id(part.id), "name": part.name, "input": arguments}}
        case ToolResult():
            return {"toolResult": _write_result(part, maker, names, where)}
        case Thinking():
            return _write_thought(part, maker)
        case Image():
            return write_image(part, where)
        case File():
            return write_document(part, names, where)
        case Video():
            return write_video(part, where)
        case Audio():
            return write_audio(part, where)


def _write_result(part: ToolResult, maker: Maker, names: DocumentNames, where: str) -> dict[str, Any]:
    """Marks inside a result have no place there: its own stands after it."""
    written = (_write_part(one, maker, names, where) for one in part.parts)
    content = [block for block in written if block is not None] or [{"text": _EMPTY_RESULT}]
    status = {"status": "error"} if part.is_error else {}
    return {"toolUseId": call_id(part.call_id), "content": content, **status}


def _write_thought(part: Thinking, maker: Maker) -> dict[str, Any] | None:
    """A thought with its signature. One without is refused by models that sign theirs, and useless to the others."""
    if part.redacted:
        data = opened_bytes(part.signature, maker)
        return {"reasoningContent": {"redactedContent": data}} if data else None
    signature = opened_text(part.signature, maker)
    if not signature:
        return None
    return {"reasoningContent": {"reasoningText": {"text": part.text, "signature": signature}}}


def call_id(said: str) -> str:
    """A call's id as Bedrock allows it; another dialect's may be longer, and is replaced by its digest."""
    return said if _CALL_ID.fullmatch(said) else f"call_{hashlib.sha256(said.encode()).hexdigest()[:40]}"
