"""`contents` and `systemInstruction` of a request, as messages.

Source: https://ai.google.dev/api/caching#Content. Clients that keep a stream's chunks send many small contents of the
model and many small parts: those are one message, and text that was cut is one text again. Calls need not have ids;
one that has none is given `call_<n>` by its place, and a result without an id answers the first open call of its name.
"""

from collections.abc import Iterator
from typing import Any, cast

from gateway.core.conversation import File, Image, Json, Message, Part, Text, Thinking, ToolCall, ToolResult
from gateway.core.faults import BadRequest
from gateway.dialects.gemini.code import as_text
from gateway.dialects.gemini.naming import plain
from gateway.dialects.gemini.signatures import returned
from gateway.dialects.gemini.sources import decode_file, decode_inline
from gateway.dialects.reading import field, json_text, needed, objects, unknown

_ROLES = {"user": "user", "model": "assistant", "function": "user", "": "user"}
_CODE = ("executableCode", "codeExecutionResult")
# Part fields that are no content of their own; what is read of them is read with the content.
_BESIDE = frozenset({"thought", "thoughtSignature"})
_READ = _BESIDE | {"text", "inlineData", "fileData", "functionCall", "functionResponse", *_CODE}


class Calls:
    """Ids of calls and of the results that belong to them."""

    __slots__ = ("_made", "_open", "_taken")

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken
        self._made = 0
        self._open: list[tuple[str, str]] = []

    def called(self, id: str, name: str) -> str:
        made = id or self._fresh()
        self._open.append((made, name))
        return made

    def answered(self, id: str, name: str) -> str:
        """The id of the call that a result belongs to: said, or the first open one of its name, or simply the first."""
        ranked = sorted(self._open, key=lambda call: (call[0] != id, call[1] != name)) if self._open else []
        if ranked and (not id or ranked[0][0] == id):
            self._open.remove(ranked[0])
            return ranked[0][0]
        return id or self._fresh()

    def _fresh(self) -> str:
        while f"call_{self._made}" in self._taken:
            self._made += 1
        self._made += 1
        return f"call_{self._made - 1}"


def decode_system(body: Json) -> list[Message]:
    """The system instruction, a content of texts; some clients write it as a bare string."""
    said = body.get("systemInstruction")
    if isinstance(said, str):
        return [Message(role="system", parts=(Text(said),), where="systemInstruction")]
    block = field(body, "systemInstruction", dict)
    if block is None:
        return []
    texts: list[Part] = []
    for index, part in enumerate(objects(block, "parts", "systemInstruction")):
        texts.append(Text(needed(plain(part), "text", str, f"systemInstruction.parts[{index}]")))
    return [Message(role="system", parts=tuple(texts), where="systemInstruction")] if texts else []


def decode_contents(contents: list[dict[str, Any]], unread: list[str]) -> list[Message]:
    """The turns of a conversation.

    Raises:
        BadRequest: an unknown role, or a part that cannot be read; the message names it.
    """
    calls = Calls(set(_call_ids(contents)))
    messages: list[Message] = []
    for index, content in enumerate(contents):
        where = f"contents[{index}]"
        said = field(content, "role", str, where) or ""
        if said not in _ROLES:
            raise unknown(f"{where}.role", said, ("user", "model"))
        parts: list[Part] = []
        for number, block in enumerate(objects(content, "parts", where)):
            said_fields = {name: value for name, value in plain(block).items() if value is not None}
            part = _part(said_fields, f"{where}.parts[{number}]", calls, unread)
            if part is not None:
                parts.append(part)
        if said == "model" and messages and messages[-1].role == "assistant":
            last = messages.pop()
            messages.append(Message(role="assistant", parts=joined([*last.parts, *parts]), where=last.where))
        elif said == "model":
            messages.append(Message(role="assistant", parts=joined(parts), where=where))
        else:
            messages.extend(_user_messages(parts, where))
    return messages


def _call_ids(contents: list[dict[str, Any]]) -> Iterator[str]:
    for content in contents:
        parts = content.get("parts")
        for block in cast(list[Any], parts) if isinstance(parts, list) else []:
            if isinstance(block, dict):
                call = plain(cast(Json, block)).get("functionCall")
                said = cast(Json, call).get("id") if isinstance(call, dict) else None
                if isinstance(said, str):
                    yield said


def _user_messages(parts: list[Part], where: str) -> Iterator[Message]:
    """Results of calls stand in messages of their own."""
    run: list[Part] = []
    for part in [*parts, None]:
        if run and (part is None or isinstance(part, ToolResult) != isinstance(run[0], ToolResult)):
            yield Message(role="tool" if isinstance(run[0], ToolResult) else "user", parts=tuple(run), where=where)
            run = []
        if part is not None:
            run.append(part)


def joined(parts: list[Part]) -> tuple[Part, ...]:
    """A model's parts with the cuts of a stream undone: unsigned neighbours of a kind are one, and a signature that
    came with no text belongs to what stands before it."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        match last, part:
            case Text(signature="") as before, Text() if not (before.text and part.text and part.signature):
                found[-1] = Text(before.text + part.text, signature=part.signature)
            case Thinking(signature="") as before, Thinking():
                found[-1] = Thinking(text=before.text + part.text, signature=part.signature)
            case _:
                found.append(part)
    return tuple(part for part in found if not (isinstance(part, Text) and not part.text and not part.signature))


def _part(block: Json, where: str, calls: Calls, unread: list[str]) -> Part | None:
    """One part; None for a kind that the vocabulary has no word for, which is noted in `unread`."""
    signature = returned(field(block, "thoughtSignature", str, where) or "")
    unread.extend(f"{where}.{name}" for name in block if name not in _READ)
    if "functionCall" in block:
        call = plain(needed(block, "functionCall", dict, where))
        return _call(call, f"{where}.functionCall", signature, calls)
    if "functionResponse" in block:
        result = plain(needed(block, "functionResponse", dict, where))
        return _result(result, f"{where}.functionResponse", calls)
    if "inlineData" in block:
        return decode_inline(needed(block, "inlineData", dict, where), f"{where}.inlineData")
    if "fileData" in block:
        return decode_file(needed(block, "fileData", dict, where), f"{where}.fileData")
    for name in _CODE:
        if name in block:
            return Text(as_text(name, plain(needed(block, name, dict, where))), signature=signature)
    text = field(block, "text", str, where)
    if field(block, "thought", bool, where):
        return Thinking(text=text or "", signature=signature, redacted=bool(signature) and not text)
    if text is None and not block.keys() <= _READ:
        return None
    if text is None and not signature:
        raise BadRequest(f"`{where}` has no content: give it `text`, `inlineData`, …", param=where)
    return Text(text or "", signature=signature)


def _call(call: Json, where: str, signature: str, calls: Calls) -> ToolCall:
    name = needed(call, "name", str, where)
    arguments = field(call, "args", dict, where) or {}
    called = calls.called(field(call, "id", str, where) or "", name)
    return ToolCall(id=called, name=name, arguments=json_text(arguments), signature=signature)


def _result(result: Json, where: str, calls: Calls) -> ToolResult:
    """ "Use `output` for the output and `error` for error details; else the whole response is the output." """
    name = needed(result, "name", str, where)
    response = field(result, "response", dict, where) or {}
    keys = [key for key in response if isinstance(response[key], str)] if len(response) == 1 else []
    text = response[keys[0]] if keys in (["output"], ["error"]) else json_text(response) if response else ""
    parts: list[Part] = [Text(text)] if text else []
    for index, block in enumerate(objects(result, "parts", where)):
        inner, place = plain(block), f"{where}.parts[{index}]"
        if "fileData" in inner:
            found = decode_file(needed(inner, "fileData", dict, place), f"{place}.fileData")
        else:
            found = decode_inline(needed(inner, "inlineData", dict, place), f"{place}.inlineData")
        parts.append(found if isinstance(found, Image | File) else File(source=found.source))
    answered = calls.answered(field(result, "id", str, where) or "", name)
    return ToolResult(call_id=answered, name=name, parts=tuple(parts), is_error=keys == ["error"])
