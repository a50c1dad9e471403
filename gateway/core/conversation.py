"""The closed vocabulary of a request for generated text: what every dialect's request is decoded to and encoded from.

A `ChatRequest` holds what at least two dialects can say. What only one can say is `unread` here, and never silently:
`dialects/fitting.py` drops it by name or refuses it. JSON that is data to all of us (tool schemas, metadata) stays the
plain value it was decoded to; a tool call's arguments stay the JSON text a model wrote.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

DialectName = Literal["openai", "anthropic", "gemini", "bedrock"]
Json = Mapping[str, Any]


class Inline(msgspec.Struct, frozen=True, gc=False):
    """Bytes in the request itself. `data` is base64, padded, standard alphabet."""

    media_type: str
    data: str


class Url(msgspec.Struct, frozen=True, gc=False):
    """Bytes somewhere else; the upstream fetches them, never the gateway. `media_type` is empty where unknown."""

    url: str
    media_type: str = ""


class FileId(msgspec.Struct, frozen=True, gc=False):
    """Bytes uploaded to the upstream before; means something to that upstream alone."""

    id: str
    media_type: str = ""


Source = Inline | Url | FileId


class CacheMark(msgspec.Struct, frozen=True, gc=False):
    """ "Cache the prompt up to here." `ttl`: how long it is worth keeping."""

    ttl: Literal["5m", "1h"] = "5m"


class Citation(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Where a piece of generated text comes from.

    Attributes:
        kind: `url` a page on the web; `document` one of the request's own documents; `file` an uploaded file.
        start, end: what of the generated text it supports, in characters of its part; -1 if not said.
        unit: what `source_start` and `source_end` (end exclusive) count in the source; empty if not said.
        document: the document's index among the request's documents, or -1. id: the file's or encrypted index.
    """

    kind: Literal["url", "document", "file"]
    url: str = ""
    title: str = ""
    quote: str = ""
    start: int = -1
    end: int = -1
    document: int = -1
    unit: Literal["", "char", "page", "block"] = ""
    source_start: int = -1
    source_end: int = -1
    id: str = ""


class Text(msgspec.Struct, frozen=True):
    text: str
    cache: CacheMark | None = None
    citations: tuple[Citation, ...] = ()
    signature: str = ""


class Image(msgspec.Struct, frozen=True):
    """`detail`: OpenAI's `low`, `high`, `auto`, or empty."""

    source: Source
    detail: str = ""
    cache: CacheMark | None = None


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A document: a PDF, a text. `citations`: the answer shall cite it. `context`: said about it, not part of it."""

    source: Source
    name: str = ""
    context: str = ""
    citations: bool = False
    cache: CacheMark | None = None


class Audio(msgspec.Struct, frozen=True):
    source: Source


class Video(msgspec.Struct, frozen=True):
    source: Source


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """`arguments`: JSON text. `signature`: what the upstream wants back with it, sealed (`dialects/seals.py`)."""

    id: str
    name: str
    arguments: str = ""
    signature: str = ""
    cache: CacheMark | None = None


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool call gave: `parts` are Text, Image or File. `name` may be empty: some dialects give the id alone."""

    call_id: str
    name: str = ""
    parts: tuple["Part", ...] = ()
    is_error: bool = False
    cache: CacheMark | None = None


class Thinking(msgspec.Struct, frozen=True, kw_only=True):
    """What a model thought before it answered.

    Attributes:
        text: readable, a summary or empty. signature: proves it to the upstream it came from, sealed.
        redacted: the thought is only in the signature, encrypted.
        id: the dialect's own id of the item, if it has one.
    """

    text: str = ""
    signature: str = ""
    redacted: bool = False
    id: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """The model's own words for "no", where a dialect keeps them apart from text."""

    text: str


Part = Text | Image | File | Audio | Video | ToolCall | ToolResult | Thinking | Refusal

Role = Literal["system", "developer", "user", "assistant", "tool"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One turn. A `tool` message holds ToolResults and nothing else; `where` is its place in the client's own words,
    such as `messages[2]`, for messages about it."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""
    where: str = ""


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function the model may call. `parameters` is a JSON Schema, or None for a function without any."""

    name: str
    description: str = ""
    parameters: Json | None = None
    strict: bool | None = None
    cache: CacheMark | None = None


class ToolChoice(msgspec.Struct, frozen=True):
    """`required`: at least one call. With `names`, only among those; `required` and one name is "call this one"."""

    mode: Literal["auto", "none", "required"]
    names: tuple[str, ...] = ()


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """What the text must be: any JSON object, or JSON that a schema accepts."""

    kind: Literal["json_object", "json_schema"]
    name: str = ""
    description: str = ""
    schema: Json | None = None
    strict: bool | None = None


class Reasoning(msgspec.Struct, frozen=True, kw_only=True):
    """How much to think first, by word or by tokens, and what of it to show.

    Attributes:
        effort: none, minimal, low, medium, high, xhigh, max; empty if not said.
        budget_tokens: -1 leaves it to the model; None if not said.
        summary: auto, concise, detailed; empty if not said. show: whether thoughts are returned; None if not said.
    """

    effort: str = ""
    budget_tokens: int | None = None
    summary: str = ""
    show: bool | None = None


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to go on with a conversation.

    Attributes:
        model: what the upstream shall be asked for. stream_usage: the client wants usage in its stream.
        logprobs: how many alternatives per token; 0 the chosen token's own only; None no logprobs.
        modalities: what the answer may be made of, if not text alone.
        safety_settings: Gemini's, category to threshold.
        unread: fields this vocabulary has no word for, in the client's words.
        names: this request's fields in the client's words, where they differ: `max_output_tokens` → `max_tokens`.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: Json | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    logprobs: int | None = None
    format: Format | None = None
    reasoning: Reasoning | None = None
    verbosity: str = ""
    modalities: tuple[str, ...] = ()
    service_tier: str = ""
    user: str = ""
    metadata: Json | None = None
    cache_key: str = ""
    safety_settings: Json | None = None
    stream: bool = False
    stream_usage: bool = False
    unread: tuple[str, ...] = ()
    names: Mapping[str, str] = {}
