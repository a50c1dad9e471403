"""Messages as `contents` and `systemInstruction`.

Source: https://ai.google.dev/api/caching#Content, https://ai.google.dev/gemini-api/docs/function-calling and
https://ai.google.dev/gemini-api/docs/thought-signatures. Google wants the results of all calls of a turn in the one
content after it, in the calls' order; and from Gemini 3 on, for each step of the current turn, a signature on its
first call. A turn begins with what the user says and goes on as long as only results follow.
"""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import msgspec

from gateway.core.conversation import (
    Audio,
    File,
    Image,
    Json,
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
from gateway.dialects.gemini.naming import set_fields
from gateway.dialects.gemini.signatures import UNSIGNED
from gateway.dialects.gemini.sources import encode_media
from gateway.dialects.reading import json_object
from gateway.dialects.seals import opened

_decode = msgspec.json.Decoder().decode
_INSTRUCTIONS = ("system", "developer")


class _Turn:
    """A content under construction. `kind`: `model`, `user`, or `results`, which are the user's too."""

    __slots__ = ("kind", "parts")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.parts: list[dict[str, Any]] = []


def encode_system(messages: Sequence[Message]) -> Json | None:
    """All instructions, wherever they stand: there is one place for them."""
    if all(message.role in _INSTRUCTIONS for message in messages):
        return None  # a request needs a turn, so they are the turn
    parts = [{"text": text} for message in messages if message.role in _INSTRUCTIONS for text in _texts(message.parts)]
    return {"parts": parts} if parts else None


def _texts(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Text | Refusal) and part.text:
            yield part.text


def encode_contents(messages: Sequence[Message], *, before_three: bool) -> list[dict[str, Any]]:
    """The turns.

    Args:
        before_three: the model is older than Gemini 3: it takes media beside a result instead of inside, and calls
            without signatures.

    Raises:
        BadRequest: a call's arguments are no JSON object, or a result belongs to no call.
    """
    only_instructions = all(message.role in _INSTRUCTIONS for message in messages)
    turns: list[_Turn] = []
    names: dict[str, str] = {}
    for message in messages:
        if message.role in _INSTRUCTIONS and not only_instructions:
            continue
        kind = {"assistant": "model", "tool": "results"}.get(message.role, "user")
        if not turns or turns[-1].kind != kind:
            turns.append(_Turn(kind))
        for part in message.parts:
            turns[-1].parts.extend(_encode_part(part, message.where, names, before_three=before_three))
    turns = [turn for turn in turns if turn.parts]
    for index, turn in enumerate(turns):
        if turn.kind == "results" and index:
            _in_order(turn, turns[index - 1])
    if not before_three:
        _sign_current(turns)
    return [{"role": "model" if turn.kind == "model" else "user", "parts": turn.parts} for turn in turns]


def _in_order(results: _Turn, step: _Turn) -> None:
    """The results in the order of their calls; what is no result goes with the one before it."""
    order = {part["functionCall"].get("id"): place for place, part in enumerate(step.parts) if "functionCall" in part}
    ranks: list[int] = []
    for part in results.parts:
        if "functionResponse" in part:
            ranks.append(order.get(part["functionResponse"].get("id"), len(order)))
        else:
            ranks.append(ranks[-1] if ranks else 0)
    ranked = sorted(zip(ranks, results.parts, strict=True), key=lambda pair: pair[0])
    results.parts = [part for _, part in ranked]


def _sign_current(turns: list[_Turn]) -> None:
    """Every step of the current turn gets a signature on its first call."""
    for turn in reversed(turns):
        if turn.kind == "user":
            return
        first = next((part for part in turn.parts if "functionCall" in part), None)
        if first is not None:
            first.setdefault("thoughtSignature", UNSIGNED)


def _encode_part(part: Part, where: str, names: dict[str, str], *, before_three: bool) -> Iterator[dict[str, Any]]:
    """The parts that one part becomes; `names` remembers which function each call called."""
    match part:
        case Text():
            signature = opened(part.signature, "gemini")
            if part.text or signature:
                yield _signed({"text": part.text}, signature)
        case Refusal():
            yield from ({"text": text} for text in _texts([part]))
        case Thinking():
            yield from _encode_thinking(part)
        case ToolCall():
            names[part.id] = part.name
            arguments = json_object(part.arguments, f"{where}.tool_calls")
            call = {**set_fields({"id": part.id, "name": part.name}), "args": arguments}
            yield _signed({"functionCall": call}, opened(part.signature, "gemini"))
        case ToolResult():
            yield from _encode_result(part, where, names, before_three=before_three)
        case File():
            if part.context:
                yield {"text": part.context}
            yield encode_media(part)
        case Image() | Audio() | Video():
            yield encode_media(part)


def _signed(block: dict[str, Any], signature: str) -> dict[str, Any]:
    return {**block, "thoughtSignature": signature} if signature else block


def _encode_thinking(part: Thinking) -> Iterator[dict[str, Any]]:
    """Google's own thoughts come back as they were, which is mostly unsigned; another's are nothing to it."""
    signature = opened(part.signature, "gemini")
    if signature or (part.text and not part.signature):
        yield _signed({"text": part.text, "thought": True}, signature)


def _encode_result(
    part: ToolResult, where: str, names: dict[str, str], *, before_three: bool
) -> Iterator[dict[str, Any]]:
    name = names.get(part.call_id) or part.name
    if not name:
        raise BadRequest(f"`{where}` answers the tool call {part.call_id!r:.80}, which nobody made", param=where)
    media = [encode_media(one) for one in part.parts if isinstance(one, Image | File)]
    result: dict[str, Any] = {
        **set_fields({"id": part.call_id, "name": name}),
        "response": _response("".join(_texts(part.parts)), failed=part.is_error),
    }
    if media and not before_three:
        result["parts"] = media
    yield {"functionResponse": result}
    if before_three:
        yield from media


def _response(text: str, *, failed: bool) -> dict[str, Any]:
    """An object is the response itself; other text is its `output` or, from a call that failed, its `error`."""
    if failed:
        return {"error": text}
    if text.lstrip().startswith("{"):
        try:
            said = _decode(text)
        except (msgspec.DecodeError, RecursionError):
            said = None
        if isinstance(said, dict) and said:
            return cast(dict[str, Any], said)
    return {"output": text}
