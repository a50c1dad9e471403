"""Messages, from the client's and for the upstream."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

from gateway.core.conversation import (
    Audio,
    CacheMark,
    File,
    FileId,
    Image,
    Inline,
    Json,
    Message,
    Part,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Url,
    Video,
)
from gateway.core.faults import BadRequest
from gateway.dialects.chat.thoughts import read_thoughts
from gateway.dialects.fitting import Quirks
from gateway.dialects.reading import field, needed, objects, unknown
from gateway.dialects.seals import returned
from gateway.dialects.sources import AUDIO_FORMATS, AUDIO_TYPES, data_url, inline, source_of

_ROLES = frozenset(get_args(Role))


def decode_messages(body: Json) -> tuple[Message, ...]:
    """`messages`, at least one.

    Raises:
        BadRequest: with the path of what is wrong.
    """
    blocks = objects(body, "messages")
    if not blocks:
        raise BadRequest("`messages` must hold at least one message", param="messages")
    return tuple(_message(block, f"messages[{index}]") for index, block in enumerate(blocks))


def _message(block: Json, where: str) -> Message:
    role = needed(block, "role", str, where)
    if role not in _ROLES:
        raise unknown(f"{where}.role", role, _ROLES)
    if role == "tool":
        result = ToolResult(
            call_id=needed(block, "tool_call_id", str, where),
            name=field(block, "name", str, where) or "",
            parts=tuple(_content(block, where)),
            cache=_cache(block),
        )
        return Message(role="tool", parts=(result,), where=where)
    parts: list[Part] = []
    if role == "assistant":
        parts.extend(read_thoughts(block, where))
    parts.extend(_content(block, where))
    if role == "assistant":
        if refusal := field(block, "refusal", str, where):
            parts.append(Refusal(refusal))
        calls = objects(block, "tool_calls", where)
        parts.extend(_call(call, f"{where}.tool_calls[{index}]") for index, call in enumerate(calls))
    elif not parts:
        raise BadRequest(f"`{where}.content` is missing", param=f"{where}.content")
    name = field(block, "name", str, where) or ""
    return Message(role=role, parts=tuple(parts), name=name, where=where)  # type: ignore[arg-type]  checked above


def _content(block: Json, where: str) -> Iterator[Part]:
    content = block.get("content")
    if content is None:
        return
    if isinstance(content, str):
        if content or block.get("role") != "assistant":
            yield Text(content, _cache(block))
        return
    for index, one in enumerate(objects(block, "content", where)):
        yield _part(one, f"{where}.content[{index}]")


def _cache(block: Json) -> CacheMark | None:
    mark = block.get("cache_control")
    if not isinstance(mark, dict):
        return None
    return CacheMark("1h" if mark.get("ttl") == "1h" else "5m")  # pyright: ignore[reportUnknownMemberType]


def _part(block: Json, where: str) -> Part:
    kind = needed(block, "type", str, where)
    match kind:
        case "text":
            return Text(needed(block, "text", str, where), _cache(block))
        case "refusal":
            return Refusal(needed(block, "refusal", str, where))
        case "image_url":
            image = needed(block, "image_url", dict, where)
            url = needed(image, "url", str, f"{where}.image_url")
            detail = field(image, "detail", str, f"{where}.image_url") or ""
            return Image(source_of(url, f"{where}.image_url.url"), detail, _cache(block))
        case "video_url":
            video = needed(block, "video_url", dict, where)
            return Video(source_of(needed(video, "url", str, f"{where}.video_url"), f"{where}.video_url.url"))
        case "input_audio":
            return _audio(needed(block, "input_audio", dict, where), f"{where}.input_audio")
        case "file":
            return _file(needed(block, "file", dict, where), f"{where}.file", _cache(block))
        case _:
            raise unknown(f"{where}.type", kind, ("text", "image_url", "input_audio", "file", "refusal", "video_url"))


def _audio(block: Json, where: str) -> Audio:
    name = needed(block, "format", str, where)
    if name not in AUDIO_TYPES:
        raise unknown(f"{where}.format", name, AUDIO_TYPES)
    return Audio(inline(AUDIO_TYPES[name], needed(block, "data", str, where), f"{where}.data"))


def _file(block: Json, where: str, cache: CacheMark | None) -> File:
    name = field(block, "filename", str, where) or ""
    if (data := field(block, "file_data", str, where)) is not None:
        if not data.startswith("data:"):
            data = f"data:application/pdf;base64,{data}"
        return File(source=source_of(data, f"{where}.file_data"), name=name, cache=cache)
    return File(source=FileId(needed(block, "file_id", str, where)), name=name, cache=cache)


def _call(block: Json, where: str) -> ToolCall:
    kind = block.get("type", "function")
    if kind != "function":
        raise unknown(f"{where}.type", kind, ("function",))
    function = needed(block, "function", dict, where)
    return ToolCall(
        id=needed(block, "id", str, where),
        name=needed(function, "name", str, f"{where}.function"),
        arguments=field(function, "arguments", str, f"{where}.function") or "",
        signature=_call_signature(block, where),
    )


def _call_signature(block: Json, where: str) -> str:
    extra = field(block, "extra_content", dict, where) or {}
    google = field(extra, "google", dict, f"{where}.extra_content") or {}
    signature = field(google, "thought_signature", str, f"{where}.extra_content.google") or ""
    return returned(signature, "gemini")


def encode_messages(messages: Iterable[Message], quirks: Quirks) -> list[dict[str, Any]]:
    """Messages for the upstream. A tool's images go into a user message after it: `tool` messages hold text alone."""
    written: list[dict[str, Any]] = []
    pictures: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "tool":
            for part in message.parts:
                if isinstance(part, ToolResult):
                    written.append(_write_result(part))
                    pictures.extend(_pictures(part))
            continue
        if pictures:
            written.append({"role": "user", "content": pictures})
            pictures = []
        written.append(_write_message(message, quirks))
    if pictures:
        written.append({"role": "user", "content": pictures})
    return written


def _write_result(result: ToolResult) -> dict[str, Any]:
    """The dialect has no flag for a failed call: the text says it."""
    text = "\n".join(part.text for part in result.parts if isinstance(part, Text))
    if not text and _pictures(result):
        text = "The result is the image that follows."
    return {"role": "tool", "tool_call_id": result.call_id, "content": f"Error: {text}" if result.is_error else text}


def _pictures(result: ToolResult) -> list[dict[str, Any]]:
    return [_write_part(part, result.call_id) for part in result.parts if isinstance(part, Image)]


def _write_message(message: Message, quirks: Quirks) -> dict[str, Any]:
    role = quirks.system_role if message.role in ("system", "developer") else message.role
    block: dict[str, Any] = {"role": role}
    if message.name:
        block["name"] = message.name
    if role == "assistant":
        block.update(_write_assistant(message.parts, quirks))
        return block
    parts = message.parts
    if all(isinstance(part, Text) for part in parts) and (len(parts) == 1 or role != "user"):
        block["content"] = "\n\n".join(part.text for part in parts if isinstance(part, Text))
    else:
        block["content"] = [_write_part(part, message.where) for part in parts]
    return block


def _write_assistant(parts: Sequence[Part], quirks: Quirks) -> dict[str, Any]:
    text = "".join(part.text for part in parts if isinstance(part, Text))
    calls = [part for part in parts if isinstance(part, ToolCall)]
    block: dict[str, Any] = {"content": text or (None if calls else "")}
    if calls:
        block["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
            for call in calls
        ]
    if refusal := "".join(part.text for part in parts if isinstance(part, Refusal)):
        block["refusal"] = refusal
    if quirks.thinking_field:
        thought = "".join(part.text for part in parts if isinstance(part, Thinking))
        if thought:
            block[quirks.thinking_field] = thought
    return block


def _write_part(part: Part, where: str) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image(source=Inline() | Url() as source):
            url = source.url if isinstance(source, Url) else data_url(source)
            return {"type": "image_url", "image_url": {"url": url, **({"detail": part.detail} if part.detail else {})}}
        case Audio(source=Inline() as source) if source.media_type in AUDIO_FORMATS:
            return {
                "type": "input_audio",
                "input_audio": {"data": source.data, "format": AUDIO_FORMATS[source.media_type]},
            }
        case File(source=Inline() as source) if source.media_type.startswith("text/"):
            return {"type": "text", "text": _document_text(part, source, where)}
        case File(source=Inline() as source):
            return {"type": "file", "file": {"filename": part.name or "document", "file_data": data_url(source)}}
        case _:
            raise BadRequest(f"`{where}` holds what cannot be sent to this model", param=where)


def _document_text(part: File, source: Inline, where: str) -> str:
    """A text document as text: chat upstreams take PDFs as files, and nothing else."""
    import base64
    import binascii

    try:
        text = base64.b64decode(source.data, validate=False).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise BadRequest(f"`{where}` holds a text document that is not base64 of UTF-8", param=where) from None
    title = f' title="{part.name}"' if part.name else ""
    return f"<document{title}>\n{text}\n</document>"
