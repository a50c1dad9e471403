"""What a prompt asks of a model, in the words of `core/`: its messages, and what its front matter sets."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import msgspec

from gateway.core.conversation import (
    Audio,
    ChatRequest,
    File,
    Format,
    Image,
    Inline,
    Source,
    Text,
    Tool,
    Url,
    Video,
)
from gateway.core.conversation import Message as Turn
from gateway.core.conversation import Part as TurnPart
from gateway.core.conversation import Role as TurnRole
from gateway.dialects.merging import OVERRIDABLE
from gateway.prompts.dotprompt import Media, MediaPart, Message, Prompt, TextPart
from gateway.prompts.dotprompt.picoschema import PicoschemaError, to_json_schema
from gateway.prompts.handlebars import Limits, RenderError
from gateway.prompts.options import options_of
from gateway.stores.wording import nearest

NAMESPACE = "gateway"
_ROLES: Mapping[str, TurnRole] = {"user": "user", "model": "assistant", "system": "system"}
# Stands for the caller's messages, so that what the template says before and after them can be told apart.
_CALLER = Message("user", (TextPart("…"),))


class Frame(msgspec.Struct, frozen=True):
    """What a prompt's front matter says of a request.

    Attributes:
        request: everything but messages. overridable: words of what a caller may say otherwise; `*` for all.
        size: bytes of its tools and of its answer's form, which are input too.
    """

    request: ChatRequest
    overridable: frozenset[str]
    size: int = 0


@lru_cache(maxsize=2_048)
def frame_of(prompt: Prompt) -> Frame:
    """The frame of a prompt that is served, made once."""
    return make_frame(prompt)


def make_frame(prompt: Prompt) -> Frame:
    """Raises:
    ValueError: an option, a tool or a word of `gateway.overridable` that is none; says which.
    """
    said = prompt.ext.get(NAMESPACE, {}).get("overridable", ())
    words = cast(list[object], [said] if isinstance(said, str) else said)
    if not isinstance(said, str | list | tuple):
        raise ValueError("gateway.overridable is a list of words")
    for word in words:
        if word not in ("*", *OVERRIDABLE):
            raise ValueError(f"gateway.overridable has no `{word}`{nearest(str(word), list(OVERRIDABLE))}")
    request = ChatRequest(
        model=prompt.model or "",
        messages=(),
        tools=_tools(prompt),
        format=_format(prompt),
        **options_of(prompt.config),
    )
    size = len(msgspec.json.encode((request.tools, request.format))) if request.tools or request.format else 0
    return Frame(request, frozenset(cast(list[str], words)), size)


def turns_of(prompt: Prompt, variables: Mapping[str, Any], limits: Limits) -> tuple[tuple[Turn, ...], tuple[Turn, ...]]:
    """The messages before those of the caller, and after them.

    Raises:
        RenderError: too long, a helper that cannot do with a variable, or a message that no request can hold.
    """
    rendered = prompt.render(variables, history=(_CALLER,), limits=limits)
    place = next(index for index, one in enumerate(rendered) if one.content is _CALLER.content)
    return _turns(rendered[:place]), _turns(rendered[place + 1 :])


def _turns(messages: Sequence[Message]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    for message in messages:
        parts = [_part(part) for part in message.content if isinstance(part, TextPart | MediaPart)]
        if parts and message.role == "tool":
            raise RenderError(
                'what {{role "tool"}} says answers a call, and a template holds none; let the user say it'
            )
        if parts:
            turns.append(Turn(role=_ROLES[message.role], parts=tuple(parts), where="prompt"))
    return tuple(turns)


def _part(part: TextPart | MediaPart) -> TurnPart:
    if isinstance(part, TextPart):
        return Text(part.text)
    source, kind = _source(part.media)
    if kind.startswith("audio/"):
        return Audio(source)
    if kind.startswith("video/"):
        return Video(source)
    if kind and not kind.startswith("image/"):
        return File(source=source)
    return Image(source)


def _source(media: Media) -> tuple[Source, str]:
    """Where the bytes are, and of which type they are; empty if nobody says."""
    said = media.content_type or ""
    head, comma, data = media.url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        kind = said or head.removeprefix("data:").removesuffix(";base64")
        return Inline(kind, data), kind
    return Url(media.url, said), said


def _tools(prompt: Prompt) -> tuple[Tool, ...]:
    """Those that the prompt names, as it defines them, and those it only defines."""
    defined: dict[str, Tool] = {}
    for definition in prompt.tool_defs:
        name = definition.get("name")
        if not isinstance(name, str) or not name:
            raise ValueError("a definition in toolDefs has no name")
        described = definition.get("description", "")
        schema = definition.get("inputSchema", definition.get("input_schema", definition.get("parameters")))
        try:
            parameters = None if schema is None else to_json_schema(schema, {})[0]
        except PicoschemaError as error:
            raise ValueError(f"the tool `{name}`: {error}") from None
        defined[name] = Tool(name=name, description=str(described), parameters=parameters)
    for name in prompt.tools:
        if name not in defined:
            raise ValueError(f"the tool `{name}` is not defined under toolDefs{nearest(name, list(defined))}")
    names = prompt.tools or tuple(defined)
    return tuple(defined[name] for name in names)


def _format(prompt: Prompt) -> Format | None:
    if prompt.output_format not in (None, "text", "json"):
        raise ValueError(f"output.format is text or json, and not `{prompt.output_format}`")
    if prompt.output_format == "text":
        return None
    if prompt.output_schema is None:
        return Format(kind="json_object") if prompt.output_format == "json" else None
    name = (prompt.name or "answer").rpartition("/")[2]
    plain = "".join(one if one.isascii() and (one.isalnum() or one in "_-") else "_" for one in name)[:64]
    return Format(kind="json_schema", name=plain or "answer", schema=prompt.output_schema)
