"""What a request uses, as words: one table for the check, the header that names what was dropped, and the docs."""

from collections.abc import Iterator, Mapping

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


def features(request: ChatRequest) -> Iterator[tuple[str, str]]:
    """(feature, where it stands in the client's words) of everything the request uses; the first place of each."""
    names = request.names
    for feature in PLAIN:
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
PLAIN = (
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
