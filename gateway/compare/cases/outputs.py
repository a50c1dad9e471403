"""Answers that stand in files: a text, or a message with tool calls as chat completions have it."""

from typing import Any, cast

import msgspec

from gateway.compare.grading.sample import Sample, ToolCall
from gateway.compare.grading.values import Wrong, text_of

_TEXTS = ("output_text", "content", "text", "output")


def sample_of(value: Any, key: str) -> Sample:
    """The answer that the value of `key` is: a text; a message (`content`, `tool_calls`, `refusal`); OpenAI's sample
    (`output_text`, `output_tools`, `choices`); or any other value, whose JSON is the text.

    Raises:
        Wrong: its tool calls are none.
    """
    if isinstance(value, str):
        return Sample(text=value)
    if not isinstance(value, dict):
        return Sample(text=text_of(value))
    found = cast(dict[str, Any], value)
    choices = found.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        first = cast(dict[str, Any], choices[0])
        message = first.get("message")
        if isinstance(message, dict):
            reason = first.get("finish_reason")
            made = sample_of(message, key)
            return msgspec.structs.replace(made, finish_reason=reason) if isinstance(reason, str) else made
    calls = found.get("tool_calls", found.get("output_tools"))
    text = next((found[name] for name in _TEXTS if isinstance(found.get(name), str)), None)
    if text is None and calls is None and "refusal" not in found:
        return Sample(text=text_of(found))
    refused = found.get("refusal")
    return Sample(
        text=text or (refused if isinstance(refused, str) else ""),
        tool_calls=_calls(calls, key),
        refusal=bool(refused),
        finish_reason=found["finish_reason"] if isinstance(found.get("finish_reason"), str) else "",
    )


def _calls(value: Any, key: str) -> tuple[ToolCall, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Wrong((key,), "expected `tool_calls` to be a list")
    return tuple(_call(one, key) for one in cast(list[Any], value))


def _call(value: Any, key: str) -> ToolCall:
    outer = cast(dict[str, Any], value) if isinstance(value, dict) else {}
    function = outer.get("function", outer)
    inner = cast(dict[str, Any], function) if isinstance(function, dict) else {}
    name, arguments = inner.get("name"), inner.get("arguments", "{}")
    if not isinstance(name, str):
        raise Wrong((key,), "expected tool calls such as `{function: {name: …, arguments: …}}`")
    identity = outer.get("id")
    return ToolCall(name, text_of(arguments), identity if isinstance(identity, str) else "")
