"""Input items.

Source: OpenAI's API reference, "Create a model response", `input`.

What an assistant did in one turn stands in several items (thoughts, calls, messages): they are one
message in the vocabulary, as are the outputs of several calls.

A tool call has no field for a signature here. The one of Gemini's stands before it as a reasoning item without summary,
whose `encrypted_content` is the signature, sealed (`dialects/seals.py`); given back, it is the call's again.
"""

from collections.abc import Iterable, Iterator
from typing import Any, get_args

from gateway.core.conversation import (
    File,
    FileId,
    Image,
    Inline,
    Json,
    Message,
    Part,
    Refusal,
    Role,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Url,
)
from gateway.core.faults import BadRequest
from gateway.dialects.fitting import Quirks
from gateway.dialects.reading import field, needed, objects, unknown, wrong
from gateway.dialects.seals import opened, rejoined, returned
from gateway.dialects.sources import data_url, inline, source_of

_ROLES = frozenset(get_args(Role)) - {"tool"}
_KNOWN = ("message", "function_call", "function_call_output", "reasoning", "image_generation_call")


def decode_input(body: Json) -> tuple[Message, ...]:
    """`instructions` and `input`.

    Raises:
        BadRequest: with the path of what is wrong.
    """
    messages: list[Message] = []
    if instructions := field(body, "instructions", str):
        messages.append(Message(role="system", parts=(Text(instructions),), where="instructions"))
    given = body.get("input")
    if isinstance(given, str):
        messages.append(Message(role="user", parts=(Text(given),), where="input"))
    elif given is None:
        raise BadRequest("`input` is missing", param="input")
    else:
        for index, item in enumerate(objects(body, "input")):
            _append(messages, _item(item, f"input[{index}]"))
    if not messages:
        raise BadRequest("`input` must hold at least one item", param="input")
    return tuple(
        Message(role=one.role, parts=rejoined(one.parts), name=one.name, where=one.where)
        if one.role == "assistant"
        else one
        for one in messages
    )


def _append(messages: list[Message], message: Message) -> None:
    """Neighbouring items of one assistant's turn, or of tools' outputs, are one message."""
    last = messages[-1] if messages else None
    if last is not None and last.role == message.role and message.role in ("assistant", "tool"):
        messages[-1] = Message(role=last.role, parts=(*last.parts, *message.parts), where=last.where)
    else:
        messages.append(message)


def _item(item: Json, where: str) -> Message:
    match item.get("type") or ("message" if "role" in item else "item_reference"):
        case "message":
            role = needed(item, "role", str, where)
            if role not in _ROLES:
                raise unknown(f"{where}.role", role, _ROLES)
            parts = tuple(_content(item, "content", where))
            return Message(role=role, parts=parts, where=where)  # type: ignore[arg-type]  checked above
        case "function_call":
            call = ToolCall(
                id=needed(item, "call_id", str, where),
                name=needed(item, "name", str, where),
                arguments=field(item, "arguments", str, where) or "",
            )
            return Message(role="assistant", parts=(call,), where=where)
        case "function_call_output":
            parts = tuple(_content(item, "output", where))
            result = ToolResult(call_id=needed(item, "call_id", str, where), parts=parts)
            return Message(role="tool", parts=(result,), where=where)
        case "reasoning":
            return Message(role="assistant", parts=(_thought(item, where),), where=where)
        case "image_generation_call":
            media_type = f"image/{field(item, 'output_format', str, where) or 'png'}"
            made = Image(inline(media_type, needed(item, "result", str, where), f"{where}.result"))
            return Message(role="assistant", parts=(made,), where=where)
        case kind:
            raise unknown(f"{where}.type", kind, _KNOWN)


def _thought(item: Json, where: str) -> Thinking:
    signature = returned(field(item, "encrypted_content", str, where) or "", "openai")
    summary = objects(item, "summary", where)
    texts = [*summary, *objects(item, "content", where)]
    text = "\n\n".join(filter(None, (field(one, "text", str, where) for one in texts)))
    redacted = bool(signature) and not texts
    return Thinking(text=text, signature=signature, redacted=redacted, id=field(item, "id", str, where) or "")


def _content(item: Json, name: str, where: str) -> Iterator[Part]:
    content = item.get(name)
    if isinstance(content, str):
        yield Text(content)
        return
    if content is None:
        raise BadRequest(f"`{where}.{name}` is missing", param=f"{where}.{name}")
    for index, one in enumerate(objects(item, name, where)):
        yield _part(one, f"{where}.{name}[{index}]")


def _part(block: Json, where: str) -> Part:
    match needed(block, "type", str, where):
        case "input_text" | "output_text" | "text":
            return Text(needed(block, "text", str, where))
        case "refusal":
            return Refusal(needed(block, "refusal", str, where))
        case "input_image":
            if (url := field(block, "image_url", str, where)) is not None:
                source = source_of(url, f"{where}.image_url")
            else:
                source = FileId(needed(block, "file_id", str, where))
            return Image(source, field(block, "detail", str, where) or "")
        case "input_file":
            return File(source=_file_source(block, where), name=field(block, "filename", str, where) or "")
        case kind:
            raise unknown(f"{where}.type", kind, ("input_text", "input_image", "input_file", "output_text", "refusal"))


def _file_source(block: Json, where: str) -> Source:
    if (data := field(block, "file_data", str, where)) is not None:
        url = data if data.startswith("data:") else f"data:application/pdf;base64,{data}"
        return source_of(url, f"{where}.file_data")
    if (url := field(block, "file_url", str, where)) is not None:
        return source_of(url, f"{where}.file_url")
    if (name := field(block, "file_id", str, where)) is not None:
        return FileId(name)
    raise wrong(where, "a file with `file_data`, `file_url` or `file_id`")


def encode_input(messages: Iterable[Message], quirks: Quirks) -> list[dict[str, Any]]:
    """Items for the upstream."""
    items: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "assistant":
            items.extend(_without_last_thoughts(_assistant(message)))
        elif message.role == "tool":
            items.extend(_output(part, message.where) for part in message.parts if isinstance(part, ToolResult))
        else:
            role = message.role if message.role == "user" else quirks.system_role
            content = [_write_part(part, message.where) for part in message.parts]
            items.append({"type": "message", "role": role, "content": content})
    return items


def _without_last_thoughts(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A thought that nothing follows (the answer was cut in it) is refused."""
    kept = list(items)
    while kept and kept[-1]["type"] == "reasoning":
        kept.pop()
    return kept


def _assistant(message: Message) -> Iterator[dict[str, Any]]:
    for part in message.parts:
        match part:
            case Text():
                said: dict[str, Any] = {"type": "output_text", "text": part.text, "annotations": []}
                yield {"type": "message", "role": "assistant", "content": [said]}
            case Refusal():
                said = {"type": "refusal", "refusal": part.text}
                yield {"type": "message", "role": "assistant", "content": [said]}
            case ToolCall():
                call = {"type": "function_call", "call_id": part.id, "name": part.name}
                yield {**call, "arguments": part.arguments or "{}"}
            case Thinking() if signature := opened(part.signature, "openai"):
                summary = [{"type": "summary_text", "text": part.text}] if part.text else []
                yield {"type": "reasoning", "summary": summary, "encrypted_content": signature}
            case Thinking():
                continue  # another provider's are refused
            case _:
                raise _unsayable(message.where)


def _output(result: ToolResult, where: str) -> dict[str, Any]:
    """The dialect has no flag for a failed call: the text says it."""
    text = "\n".join(part.text for part in result.parts if isinstance(part, Text))
    output: object = f"Error: {text}" if result.is_error else text
    if not all(isinstance(part, Text) for part in result.parts):
        failed = [Text("Error:")] if result.is_error else []
        output = [_write_part(part, where) for part in (*failed, *result.parts)]
    return {"type": "function_call_output", "call_id": result.call_id, "output": output}


def _write_part(part: Part, where: str) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "input_text", "text": part.text}
        case Image(source=Inline() | Url() as source):
            url = source.url if isinstance(source, Url) else data_url(source)
            return {"type": "input_image", "image_url": url, "detail": part.detail or "auto"}
        case File(source=Inline() as source):
            return {"type": "input_file", "filename": part.name or "document", "file_data": data_url(source)}
        case File(source=Url() as source):
            return {"type": "input_file", "file_url": source.url}
        case _:
            raise _unsayable(where)


def _unsayable(where: str) -> BadRequest:
    return BadRequest(f"`{where}` holds what cannot be sent to this model", param=where)
