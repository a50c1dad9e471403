"""Whether a request insists that a tool is called, in the client's own words: a model that calls none cannot answer it.

What is said in words that are not known here, the provider judges.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

from gateway.core.fields import Fields

# OpenAI's word, and Mistral's; as a `type` every other than the free ones is a kind of tool.
_FORCED, _FREE = frozenset({"required", "any"}), frozenset({"auto", "none"})


def forced_tool(protocol: str, fields: Fields) -> str:
    """Where the request says that some tool, or this one, must be called: `tool_choice`; empty if it does not."""
    return next((where for where, forces in _FORCES.get(protocol, {}).items() if forces(fields.get(where))), "")


def _of_openai(value: object) -> bool:
    if not isinstance(value, Mapping):
        return value in _FORCED if isinstance(value, str) else False
    choice = cast(Mapping[str, Any], value)
    if choice.get("type") != "allowed_tools":
        return choice.get("type") not in _FREE
    inner = choice.get("allowed_tools")  # of chat completions; Responses say it beside
    mode = cast(Mapping[str, Any], inner).get("mode") if isinstance(inner, Mapping) else choice.get("mode")
    return mode == "required"


def _of_anthropic(value: object) -> bool:
    return isinstance(value, Mapping) and cast(Mapping[str, Any], value).get("type") in ("any", "tool")


def _of_google(value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    config = cast(Mapping[str, Any], value)
    calling = config.get("functionCallingConfig") or config.get("function_calling_config")
    return isinstance(calling, Mapping) and cast(Mapping[str, Any], calling).get("mode") == "ANY"


_GOOGLES = {"toolConfig": _of_google, "tool_config": _of_google}
_FORCES: Mapping[str, Mapping[str, Callable[[object], bool]]] = {
    "chat": {"tool_choice": _of_openai, "function_call": _of_openai},
    "responses": {"tool_choice": _of_openai},
    "messages": {"tool_choice": _of_anthropic},
    "generate": _GOOGLES,
    "generate-array": _GOOGLES,
}
