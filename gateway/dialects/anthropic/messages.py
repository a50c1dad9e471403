"""Messages and their content blocks, from the client's and for the upstream.

A user's turn here may hold tool results beside text; in the vocabulary those are two messages, `tool` and `user`, and
on the way back neighbours with one role become one turn.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gateway.core.conversation import (
    CacheMark,
    File,
    FileId,
    Image,
    Inline,
    Json,
    Message,
    Part,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Url,
)
from gateway.core.faults import BadRequest
from gateway.dialects.anthropic.citations import read_citation, write_citation
from gateway.dialects.reading import field, json_object, json_text, needed, objects, unknown
from gateway.dialects.seals import opened, rejoined, returned
from gateway.dialects.sources import inline

_KNOWN = (
    "text",
    "image",
    "document",
    "tool_use",
    "tool_result",
    "thinking",
    "redacted_thinking",
    "search_result",
)


def decode_messages(body: Json) -> tuple[Message, ...]:
    """`system` and `messages`.

    Raises:
        BadRequest: with the path of what is wrong.
    """
    messages: list[Message] = []
    if body.get("system"):
        messages.append(Message(role="system", parts=tuple(_content(body, "system", "")), where="system"))
    blocks = objects(body, "messages")
    if not blocks:
        raise BadRequest("`messages` must hold at least one message", param="messages")
    for index, block in enumerate(blocks):
        messages.extend(_turn(block, f"messages[{index}]"))
    return tuple(messages)


def _turn(block: Json, where: str) -> Iterator[Message]:
    role = needed(block, "role", str, where)
    parts = tuple(_content(block, "content", where))
    if role in ("assistant", "system"):
        yield Message(role=role, parts=rejoined(parts), where=where)  # type: ignore[arg-type]  one of two
        return
    if role != "user":
        raise unknown(f"{where}.role", role, ("user", "assistant"))
    results = tuple(part for part in parts if isinstance(part, ToolResult))
    others = tuple(part for part in parts if not isinstance(part, ToolResult))
    if results:
        yield Message(role="tool", parts=results, where=where)
    if others:
        yield Message(role="user", parts=others, where=where)


def _content(block: Json, name: str, where: str) -> Iterator[Part]:
    content = block.get(name)
    inner = f"{where}.{name}" if where else name
    if content is None:
        raise BadRequest(f"`{inner}` is missing", param=inner)
    if isinstance(content, str):
        if content:
            yield Text(content)
        return
    for index, one in enumerate(objects(block, name, where)):
        yield _part(one, f"{inner}[{index}]")


def _part(block: Json, where: str) -> Part:
    cache = read_cache(block, where)
    match needed(block, "type", str, where):
        case "text":
            cited = tuple(read_citation(one) for one in objects(block, "citations", where))
            return Text(needed(block, "text", str, where), cache, cited)
        case "image":
            return Image(_source(needed(block, "source", dict, where), f"{where}.source"), cache=cache)
        case "document":
            return _document(block, where, cache)
        case "tool_use":
            return ToolCall(
                id=needed(block, "id", str, where),
                name=needed(block, "name", str, where),
                arguments=json_text(needed(block, "input", dict, where)),
                cache=cache,
            )
        case "tool_result":
            return ToolResult(
                call_id=needed(block, "tool_use_id", str, where),
                parts=tuple(_content(block, "content", where)) if block.get("content") is not None else (),
                is_error=field(block, "is_error", bool, where) or False,
                cache=cache,
            )
        case "thinking":
            signature = returned(field(block, "signature", str, where) or "", "anthropic")
            return Thinking(text=needed(block, "thinking", str, where), signature=signature)
        case "redacted_thinking":
            return Thinking(signature=returned(needed(block, "data", str, where), "anthropic"), redacted=True)
        case "search_result":
            return _search_result(block, where)
        case kind:
            raise unknown(f"{where}.type", kind, _KNOWN)


def _search_result(block: Json, where: str) -> Text:
    """Text that says where it is from: the only form that every other dialect has for it."""
    text = "\n".join(one.text for one in _content(block, "content", where) if isinstance(one, Text))
    title, source = needed(block, "title", str, where), needed(block, "source", str, where)
    return Text(f'<search_result title="{title}" source="{source}">\n{text}\n</search_result>')


def read_cache(block: Json, where: str) -> CacheMark | None:
    mark = field(block, "cache_control", dict, where)
    if mark is None:
        return None
    return CacheMark("1h" if mark.get("ttl") == "1h" else "5m")


def _source(block: Json, where: str) -> Source:
    match needed(block, "type", str, where):
        case "base64":
            return inline(needed(block, "media_type", str, where), needed(block, "data", str, where), f"{where}.data")
        case "url":
            return Url(needed(block, "url", str, where))
        case "file":
            return FileId(needed(block, "file_id", str, where))
        case kind:
            raise unknown(f"{where}.type", kind, ("base64", "url", "file", "text"))


def _document(block: Json, where: str, cache: CacheMark | None) -> File:
    source = needed(block, "source", dict, where)
    inner = f"{where}.source"
    if source.get("type") == "text":
        text = needed(source, "data", str, inner)
        found: Source = Inline("text/plain", base64.b64encode(text.encode()).decode())
    elif source.get("type") == "content":
        texts = [part.text for part in _content(source, "content", inner) if isinstance(part, Text)]
        found = Inline("text/plain", base64.b64encode("\n\n".join(texts).encode()).decode())
    else:
        found = _source(source, inner)
    citations = field(block, "citations", dict, where) or {}
    return File(
        source=found,
        name=field(block, "title", str, where) or "",
        context=field(block, "context", str, where) or "",
        citations=field(citations, "enabled", bool, f"{where}.citations") or False,
        cache=cache,
    )


def encode_system(messages: Iterable[Message]) -> str | list[dict[str, Any]]:
    """All instructions, wherever they stood: the dialect has one place for them."""
    texts = [part for message in messages if message.role in ("system", "developer") for part in message.parts]
    if len(texts) == 1 and isinstance(texts[0], Text) and texts[0].cache is None:
        return texts[0].text
    return [_write_part(part, "system") for part in texts]


def encode_messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Turns of user and assistant, neighbours of one role joined."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role in ("system", "developer"):
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message.parts, message.where)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    for turn in turns:
        blocks = turn["content"]
        if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
            turn["content"] = blocks[0]["text"]
    return turns


def _blocks(parts: Sequence[Part], where: str) -> list[dict[str, Any]]:
    """Empty texts are refused by the upstream, thoughts that are not signed by it as well."""
    return [
        _write_part(part, where)
        for part in parts
        if not (isinstance(part, Text) and not part.text)
        and not (isinstance(part, Thinking) and not opened(part.signature, "anthropic"))
    ]


def _write_part(part: Part, where: str) -> dict[str, Any]:
    match part:
        case Text():
            block: dict[str, Any] = {"type": "text", "text": part.text}
            if part.citations:
                block["citations"] = [write_citation(citation) for citation in part.citations]
            return write_cache(block, part.cache)
        case Image():
            return write_cache({"type": "image", "source": _write_source(part.source, where)}, part.cache)
        case File():
            return write_cache(_write_document(part, where), part.cache)
        case ToolCall():
            arguments = json_object(part.arguments, f"{where}.tool_calls")
            return write_cache({"type": "tool_use", "id": part.id, "name": part.name, "input": arguments}, part.cache)
        case ToolResult():
            return _write_result(part, where)
        case Thinking() if part.redacted:
            return {"type": "redacted_thinking", "data": opened(part.signature, "anthropic")}
        case Thinking():
            return {"type": "thinking", "thinking": part.text, "signature": opened(part.signature, "anthropic")}
        case Refusal():
            return {"type": "text", "text": part.text}
        case _:
            raise BadRequest(f"`{where}` holds what cannot be sent to this model", param=where)


def _write_result(part: ToolResult, where: str) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": part.call_id}
    if len(part.parts) == 1 and isinstance(part.parts[0], Text) and part.parts[0].cache is None:
        block["content"] = part.parts[0].text
    elif part.parts:
        block["content"] = _blocks(part.parts, where)
    if part.is_error:
        block["is_error"] = True
    return write_cache(block, part.cache)


def write_cache(block: dict[str, Any], cache: CacheMark | None) -> dict[str, Any]:
    if cache is not None:
        block["cache_control"] = {"type": "ephemeral", **({"ttl": "1h"} if cache.ttl == "1h" else {})}
    return block


def _write_source(source: Source, where: str) -> dict[str, Any]:
    if isinstance(source, Inline):
        return {"type": "base64", "media_type": source.media_type, "data": source.data}
    if isinstance(source, Url):
        return {"type": "url", "url": source.url}
    raise BadRequest(f"`{where}` names a file uploaded elsewhere; send its bytes", param=where)


def _write_document(part: File, where: str) -> dict[str, Any]:
    source = part.source
    if isinstance(source, Inline) and source.media_type.startswith("text/"):
        try:
            text = base64.b64decode(source.data).decode()
        except ValueError:  # binascii.Error and UnicodeDecodeError are both
            raise BadRequest(f"`{where}` holds a text document that is not base64 of UTF-8", param=where) from None
        written: dict[str, Any] = {"type": "text", "media_type": "text/plain", "data": text}
    else:
        written = _write_source(source, where)
    block: dict[str, Any] = {"type": "document", "source": written}
    if part.name:
        block["title"] = part.name
    if part.context:
        block["context"] = part.context
    if part.citations:
        block["citations"] = {"enabled": True}
    return block
