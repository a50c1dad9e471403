"""Messages, in the shape that dotprompt gives them, and how they come from a template's output.

A message begins at a `RoleMark`, or at the history; parts of one are separated by media and sections. What is blank
between two marks is left out, as upstream.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast, get_args

import msgspec

from gateway.prompts.handlebars.running import Output, RenderError

Role = Literal["system", "user", "model", "tool"]
ROLES: tuple[Role, ...] = get_args(Role)
Metadata: TypeAlias = Mapping[str, object]


class TextPart(msgspec.Struct, frozen=True, omit_defaults=True):
    text: str
    metadata: Metadata | None = None


class Media(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Attributes:
    url: of http(s), or `data:` with the bytes in it. content_type: such as image/png, where the URL does not tell.
    """

    url: str
    content_type: str | None = None


class MediaPart(msgspec.Struct, frozen=True, omit_defaults=True):
    media: Media
    metadata: Metadata | None = None


class DataPart(msgspec.Struct, frozen=True, omit_defaults=True):
    data: Mapping[str, object]
    metadata: Metadata | None = None


class ToolRequestPart(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    tool_request: Mapping[str, object]
    metadata: Metadata | None = None


class ToolResponsePart(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    tool_response: Mapping[str, object]
    metadata: Metadata | None = None


class PendingPart(msgspec.Struct, frozen=True):
    """Where a section begins: `metadata` is `{"purpose": its name, "pending": true}`."""

    metadata: Metadata


Part: TypeAlias = TextPart | MediaPart | DataPart | ToolRequestPart | ToolResponsePart | PendingPart


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    role: Role
    content: Sequence[Part]
    metadata: Metadata | None = None


class RoleMark(msgspec.Struct, frozen=True):
    role: Role
    metadata: Metadata | None = None


class HistoryMark(msgspec.Struct, frozen=True):
    pass


def split(output: Output, history: Sequence[Message]) -> tuple[Message, ...]:
    """The messages. History goes where the template says; else before a last message of the user's, else at the end.

    Raises:
        RenderError: the history stands twice.
    """
    pieces, start = output.pieces, 0
    found: list[Message] = []
    parts: list[Part] = []
    role: Role = "user"
    metadata: Metadata | None = None
    placed = False
    for place, mark in output.marks:
        text = "".join(pieces[start:place])
        start = place
        if text and not text.isspace():
            parts.append(TextPart(text))
        kind = type(mark)
        if kind is not RoleMark and kind is not HistoryMark:
            parts.append(cast("MediaPart | PendingPart", mark))
            continue
        if parts:
            found.append(Message(role, tuple(parts), metadata))
            parts = []
        if kind is RoleMark:
            role, metadata = cast(RoleMark, mark).role, cast(RoleMark, mark).metadata
        elif placed:
            raise RenderError("{{history}} was put in twice; take it out of the loop, or write it once")
        else:
            found += map(_past, history)
            role, metadata, placed = "model", None, True
    text = "".join(pieces[start:])
    if text and not text.isspace():
        parts.append(TextPart(text))
    if parts:
        found.append(Message(role, tuple(parts), metadata))
    if history and not placed:
        before = len(found) - 1 if found and found[-1].role == "user" else len(found)
        found[before:before] = history
    return tuple(found)


def _past(message: Message) -> Message:
    return msgspec.structs.replace(message, metadata={**(message.metadata or {}), "purpose": "history"})


def as_json(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """`{"role", "content": [{"text"}, …], "metadata"}`: messages in dotprompt's JSON."""
    return msgspec.json.decode(msgspec.json.encode(messages))
