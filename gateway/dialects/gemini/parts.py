"""An answer's parts as the parts of a candidate, for clients of this dialect.

Source: https://ai.google.dev/api/caching#Part.
"""

from collections.abc import Sequence
from typing import Any

from gateway.core.conversation import Audio, Citation, File, Image, Part, Refusal, Text, Thinking, ToolCall, Video
from gateway.core.faults import BadRequest
from gateway.core.generation import Finish
from gateway.dialects.gemini.finishing import encode_finish
from gateway.dialects.gemini.naming import set_fields
from gateway.dialects.gemini.signatures import shown
from gateway.dialects.gemini.sources import encode_media
from gateway.dialects.reading import json_object


def answer_part(part: Part) -> dict[str, Any] | None:
    """One part; None for a call whose arguments broke off, because half a call must not be made."""
    match part:
        case Text():
            return {"text": part.text, **_signature(part.signature)}
        case Refusal():
            return {"text": part.text}
        case Thinking():
            return {"text": part.text, "thought": True, **_signature(part.signature)}
        case ToolCall():
            try:
                arguments = json_object(part.arguments, part.name)
            except BadRequest:
                return None
            call = {**set_fields({"id": part.id}), "name": part.name, "args": arguments}
            return {"functionCall": call, **_signature(part.signature)}
        case Image() | File() | Audio() | Video():
            return encode_media(part)
        case _:
            return None


def _signature(sealed: str) -> dict[str, Any]:
    signature = shown(sealed)
    return {"thoughtSignature": signature} if signature else {}


def finish_word(finish: Finish | None, *, broken: bool) -> str:
    """Google's word for the end; a call that was left out is told where nothing else is."""
    word = encode_finish(finish)
    return "MALFORMED_FUNCTION_CALL" if broken and word == "STOP" else word


def text_of(parts: Sequence[Part]) -> tuple[str, list[tuple[int, Citation]]]:
    """The answer's text, and its citations, each with where the text of its part starts."""
    text = ""
    citations: list[tuple[int, Citation]] = []
    for part in parts:
        if isinstance(part, Text | Refusal):
            if isinstance(part, Text):
                citations.extend((len(text), citation) for citation in part.citations)
            text += part.text
    return text, citations
