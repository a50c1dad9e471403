"""Does a request fit a target? What the target cannot express is refused by name, or dropped where its profile says so.

`features` lists what a request uses, as words; a target's `Abilities` say which of those it `supports` and which it
`drops`. What is in neither is refused. One table of words serves the check, the header that names what was dropped,
and the page of documentation.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from gateway.core.conversation import (
    Audio,
    ChatRequest,
    File,
    FileId,
    Image,
    Inline,
    Message,
    Part,
    Source,
    Thinking,
    ToolCall,
    ToolResult,
    Video,
)
from gateway.core.faults import BadRequest

# What a request may use, and what it means to leave it out.
FEATURES: Mapping[str, str] = {
    "max_output_tokens": "a limit on the answer's length",
    "temperature": "sampling temperature",
    "top_p": "nucleus sampling",
    "top_k": "sampling from the k likeliest tokens",
    "frequency_penalty": "penalty by frequency",
    "presence_penalty": "penalty by presence",
    "logit_bias": "bias of single tokens",
    "seed": "reproducible sampling",
    "stop": "stop sequences",
    "n": "several answers to one request",
    "logprobs": "log probabilities of the answer's tokens",
    "json_object": "an answer that is a JSON object",
    "json_schema": "an answer that a JSON Schema accepts",
    "tools": "functions the model may call",
    "strict_tools": "arguments that are sure to fit the function's schema",
    "tool_choice_none": "tools declared, but not to be called now",
    "tool_choice_required": "some tool must be called",
    "tool_choice_named": "this tool must be called",
    "tool_choice_among": "only some of the tools may be called",
    "no_parallel_tool_calls": "at most one tool call a turn",
    "reasoning_effort": "how much to think, by word",
    "reasoning_off": "no thinking at all",
    "thinking_budget": "how much to think, in tokens",
    "reasoning_summary": "whether and how thoughts are shown",
    "verbosity": "how long-winded the answer is",
    "modalities": "an answer of sound or images",
    "service_tier": "which tier of service",
    "user": "the end user's id",
    "metadata": "labels kept with the request",
    "cache_key": "which requests share a cached prompt",
    "safety_settings": "thresholds of safety filters",
    "image_inline": "images in the request",
    "image_url": "images by URL",
    "image_file": "images by uploaded file",
    "file_inline": "documents in the request",
    "file_url": "documents by URL",
    "file_id": "documents by uploaded file",
    "audio_inline": "sound in the request",
    "audio_url": "sound by URL",
    "audio_file": "sound by uploaded file",
    "video_inline": "video in the request",
    "video_url": "video by URL",
    "video_file": "video by uploaded file",
    "citations": "documents that the answer cites",
    "cache_marks": "marks up to where a prompt is cached",
    "tool_result_images": "images in a tool's result",
    "tool_result_files": "documents in a tool's result",
    "message_names": "names of the people who speak",
    "prefill": "an answer that begins as given",
    "thinking_history": "what the model thought in earlier turns",
}


class Abilities(msgspec.Struct, frozen=True):
    """What a target can express, and what it may leave out without changing what the caller relies on. `*` in `drops`
    stands for fields the vocabulary has no word for."""

    supports: frozenset[str]
    drops: frozenset[str] = frozenset()

    def without(self, dropped: frozenset[str] = frozenset(), refused: frozenset[str] = frozenset()) -> "Abilities":
        """A family of models that cannot do all its dialect can say."""
        return Abilities(self.supports - dropped - refused, (self.drops | dropped) - refused)


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """How a target wants said what it can express. A dialect looks only at those that concern it.

    Attributes:
        max_output_field: OpenAI chat: `max_completion_tokens` (reasoning models refuse the old name) or `max_tokens`.
        system_role: OpenAI: the role that instructions stand under.
        max_output_tokens: Anthropic: what to ask for where the client sets no limit, because one must be set.
        thinking: how effort is said: a word (`effort`), a token `budget`, Gemini 3's `level`, Claude's `adaptive`.
        budgets: tokens that stand for each effort, where a budget is wanted.
        unwanted_keywords: JSON Schema keywords the target refuses, taken out of schemas.
    """

    max_output_field: str = "max_completion_tokens"
    system_role: Literal["system", "developer"] = "system"
    max_output_tokens: int = 8192
    thinking: Literal["effort", "budget", "level", "adaptive"] = "effort"
    budgets: Mapping[str, int] = {
        "minimal": 1024,
        "low": 2048,
        "medium": 8192,
        "high": 16384,
        "xhigh": 24576,
        "max": 32768,
    }
    unwanted_keywords: frozenset[str] = frozenset()


class Caption(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer is called where the upstream does not say: an id without prefix, Unix seconds, a model."""

    id: str
    created: int
    model: str


def fit(request: ChatRequest, abilities: Abilities, *, strict: bool = False) -> tuple[ChatRequest, list[str]]:
    """The request as the target can take it, and the names (in the client's words) of what was dropped.

    Raises:
        BadRequest: it uses what the target can neither express nor leave out; in `strict`, nothing is left out.
    """
    used = dict(features(request))
    lacking = [feature for feature in used if feature not in abilities.supports]
    dropped: list[str] = []
    for feature in lacking:
        if strict or feature not in abilities.drops:
            where = used[feature]
            raise BadRequest(
                f"`{where}` cannot be sent to `{request.model}`: it does not offer {FEATURES[feature]}",
                code="unsupported_parameter",
                param=where,
            )
        request = _DROP[feature](request)
        dropped.append(used[feature])
    for name in request.unread:
        if strict or "*" not in abilities.drops:
            raise BadRequest(
                f"`{name}` cannot be translated for `{request.model}`", code="unsupported_parameter", param=name
            )
        dropped.append(name)
    return request, dropped


def features(request: ChatRequest) -> Iterator[tuple[str, str]]:
    """(feature, where it stands in the client's words) of everything the request uses; the first place of each."""
    names = request.names
    for feature in _PLAIN:
        if getattr(request, feature) not in _UNSET:
            yield feature, names.get(feature, feature)
    if request.n > 1:
        yield "n", names.get("n", "n")
    if request.format is not None:
        yield request.format.kind, names.get("format", "format")
    yield from _tool_features(request, names)
    yield from _reasoning_features(request, names)
    seen: set[str] = set()
    for message in request.messages:
        for feature, where in _message_features(message):
            if feature not in seen:
                seen.add(feature)
                yield feature, where
    last = request.messages[-1] if request.messages else None
    if last is not None and last.role == "assistant" and not any(isinstance(one, ToolCall) for one in last.parts):
        yield "prefill", last.where


_UNSET: tuple[object, ...] = (None, "", ())
_PLAIN = (
    "max_output_tokens",
    "temperature",
    "top_p",
    "top_k",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "seed",
    "stop",
    "logprobs",
    "verbosity",
    "modalities",
    "service_tier",
    "user",
    "metadata",
    "cache_key",
    "safety_settings",
)


def _tool_features(request: ChatRequest, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if request.tools:
        where = names.get("tools", "tools")
        yield "tools", where
        if any(tool.strict for tool in request.tools):
            yield "strict_tools", f"{where}[].strict"
        if any(tool.cache for tool in request.tools):
            yield "cache_marks", where
    choice = request.tool_choice
    if choice is not None:
        where = names.get("tool_choice", "tool_choice")
        if choice.mode == "none":
            yield "tool_choice_none", where
        elif choice.mode == "required" and len(choice.names) == 1:
            yield "tool_choice_named", where
        elif choice.names:
            yield "tool_choice_among", where
        elif choice.mode == "required":
            yield "tool_choice_required", where
    if request.parallel_tool_calls is False and request.tools:
        yield "no_parallel_tool_calls", names.get("parallel_tool_calls", "parallel_tool_calls")


def _reasoning_features(request: ChatRequest, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    reasoning = request.reasoning
    if reasoning is None:
        return
    where = names.get("reasoning", "reasoning")
    if reasoning.effort == "none" or reasoning.budget_tokens == 0:
        yield "reasoning_off", where
    elif reasoning.effort:
        yield "reasoning_effort", where
    if reasoning.budget_tokens:
        yield "thinking_budget", where
    if reasoning.summary or reasoning.show is not None:
        yield "reasoning_summary", where


_KINDS: Mapping[type, str] = {Image: "image", File: "file", Audio: "audio", Video: "video"}


def _message_features(message: Message) -> Iterator[tuple[str, str]]:
    if message.name:
        yield "message_names", f"{message.where}.name"
    for part in message.parts:
        yield from _part_features(part, message.where)


def _part_features(part: Part, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(part, Image | File | Audio | Video):
        yield _source_feature(_KINDS[type(part)], part.source), where
        if isinstance(part, File) and part.citations:
            yield "citations", where
    elif isinstance(part, ToolResult):
        for inner in part.parts:
            if isinstance(inner, Image):
                yield "tool_result_images", where
            elif isinstance(inner, File):
                yield "tool_result_files", where
    elif isinstance(part, Thinking):
        yield "thinking_history", where
    if getattr(part, "cache", None) is not None:
        yield "cache_marks", where


def _source_feature(kind: str, source: Source) -> str:
    if isinstance(source, Inline):
        return f"{kind}_inline"
    if isinstance(source, FileId):
        return "file_id" if kind == "file" else f"{kind}_file"
    return f"{kind}_url"


_DEFAULTS: Mapping[str, Any] = {
    one.name: one.default for one in msgspec.structs.fields(ChatRequest) if one.default is not msgspec.NODEFAULT
}


def _unset(name: str) -> Callable[[ChatRequest], ChatRequest]:
    return lambda request: msgspec.structs.replace(request, **{name: _DEFAULTS[name]})


def _quieter(**changes: Any) -> Callable[[ChatRequest], ChatRequest]:
    def changed(request: ChatRequest) -> ChatRequest:
        assert request.reasoning is not None, "only what is used is dropped"
        return msgspec.structs.replace(request, reasoning=msgspec.structs.replace(request.reasoning, **changes))

    return changed


def _loose(request: ChatRequest) -> ChatRequest:
    tools = tuple(msgspec.structs.replace(tool, strict=None) for tool in request.tools)
    return msgspec.structs.replace(request, tools=tools)


def _as_it_is(request: ChatRequest) -> ChatRequest:
    """Stands on messages or tools, and a dialect without a word for it does not write it."""
    return request


# What dropping a feature does. A feature that is not here can only be supported or refused.
_DROP: Mapping[str, Callable[[ChatRequest], ChatRequest]] = {
    **{name: _unset(name) for name in _PLAIN},
    "n": _unset("n"),
    "no_parallel_tool_calls": _unset("parallel_tool_calls"),
    "tool_choice_none": _unset("tool_choice"),
    "strict_tools": _loose,
    "reasoning_off": _unset("reasoning"),
    "reasoning_effort": _quieter(effort=""),
    "thinking_budget": _quieter(budget_tokens=None),
    "reasoning_summary": _quieter(summary="", show=None),
    "cache_marks": _as_it_is,
    "citations": _as_it_is,
    "message_names": _as_it_is,
    "thinking_history": _as_it_is,
}
DROPPABLE: frozenset[str] = frozenset(_DROP)
