"""Thoughts in chat messages. OpenAI's reference has no field for them; these are the ones that clients give back:

    reasoning_details   OpenRouter's: `reasoning.text` (text, signature), `.summary`, `.encrypted`
    thinking_blocks     LiteLLM's list of Anthropic's own blocks
    reasoning_content   DeepSeek's plain text, `reasoning` with some; no signature

Answers carry `reasoning_content`, for eyes, and `reasoning_details`, for the next turn.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from gateway.core.conversation import Json, Part, Thinking
from gateway.dialects.reading import field, objects
from gateway.dialects.seals import returned, shown


def read_thoughts(block: Json, where: str) -> Iterator[Thinking]:
    """The thoughts of an assistant's message; of several forms the one that keeps most."""
    if details := objects(block, "reasoning_details", where):
        for index, one in enumerate(details):
            yield _detail(one, f"{where}.reasoning_details[{index}]")
    elif blocks := objects(block, "thinking_blocks", where):
        for index, one in enumerate(blocks):
            inner = f"{where}.thinking_blocks[{index}]"
            data = field(one, "data", str, inner)
            signature = data or field(one, "signature", str, inner) or ""
            text = field(one, "thinking", str, inner) or ""
            yield Thinking(text=text, signature=returned(signature, "anthropic"), redacted=data is not None)
    else:
        text = block.get("reasoning_content") or block.get("reasoning")
        if isinstance(text, str):
            yield Thinking(text=text)


def _detail(block: Json, where: str) -> Thinking:
    name = field(block, "id", str, where) or ""
    if block.get("type") == "reasoning.encrypted":
        data = field(block, "data", str, where) or ""
        return Thinking(signature=returned(data, "openai"), redacted=True, id=name)
    text = field(block, "text", str, where) or field(block, "summary", str, where) or ""
    return Thinking(text=text, signature=returned(field(block, "signature", str, where) or "", "openai"), id=name)


def write_thoughts(parts: Iterable[Part]) -> dict[str, Any]:
    """The fields of a message that hold its thoughts; none if there are none."""
    details: list[dict[str, Any]] = []
    texts: list[str] = []
    for part in parts:
        if isinstance(part, Thinking):
            texts.append(part.text)
            details.append(write_detail(part, len(details)))
    if not details:
        return {}
    fields: dict[str, Any] = {"reasoning_details": details}
    if text := "".join(texts):
        fields["reasoning_content"] = text
    return fields


def write_detail(part: Thinking, index: int) -> dict[str, Any]:
    """One entry of `reasoning_details`. A foreign signature stays opaque: it is for the next turn alone."""
    signature = shown(part.signature, "openai")
    if part.redacted:
        return {"type": "reasoning.encrypted", "data": signature, "id": part.id or None, "index": index}
    detail: dict[str, Any] = {"type": "reasoning.text", "text": part.text, "index": index, "id": part.id or None}
    if signature:
        detail["signature"] = signature
    return detail
