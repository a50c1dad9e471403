"""Does a request fit a target? What the target cannot express is refused by name, or dropped where its profile says so.

`features` lists what a request uses, as words; a target's `Abilities` say which of those it `supports` and which it
`drops`. What is in neither is refused. One table of words serves the check, the header that names what was dropped,
and the page of documentation.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from gateway.core.conversation import (
    ChatRequest,
)
from gateway.core.faults import BadRequest
from gateway.dialects.features import FEATURES, PLAIN, features


class Abilities(msgspec.Struct, frozen=True):
    """What a target can express, and what it may leave out without changing what the caller relies on. `*` in `drops`
    stands for fields the vocabulary has no word for."""

    supports: frozenset[str]
    drops: frozenset[str] = frozenset()

    def without(self, dropped: frozenset[str] = frozenset(), refused: frozenset[str] = frozenset()) -> "Abilities":
        """A family of models that cannot do all its dialect can say."""
        return Abilities(self.supports - dropped - refused, (self.drops | dropped) - refused)


_BUDGETS: Mapping[str, int] = MappingProxyType(
    {
        "minimal": 1024,
        "low": 2048,
        "medium": 8192,
        "high": 16384,
        "xhigh": 24576,
        "max": 32768,
    }
)


class Quirks(msgspec.Struct, frozen=True, kw_only=True):
    """How a target wants said what it can express. A dialect looks only at those that concern it.

    Attributes:
        max_output_field: OpenAI chat: `max_completion_tokens` (reasoning models refuse the old name) or `max_tokens`.
        system_role: OpenAI: the role that instructions stand under.
        max_output_tokens: Anthropic: what to ask for where the client sets no limit, because one must be set.
        thinking: how effort is said: a word (`effort`), a token `budget`, Gemini 3's `level`, Claude's `adaptive`.
        budgets: tokens that stand for each effort, where a budget is wanted.
        always_thinks: OpenAI Responses: the model thinks unasked, and can be asked for its thoughts, encrypted.
        thinking_field: OpenAI chat: where earlier thoughts go back; empty leaves them out.
        unwanted_keywords: JSON Schema keywords the target refuses, taken out of schemas.
    """

    max_output_field: str = "max_completion_tokens"
    system_role: Literal["system", "developer"] = "system"
    max_output_tokens: int = 8192
    thinking: Literal["effort", "budget", "level", "adaptive"] = "effort"
    budgets: Mapping[str, int] = _BUDGETS
    always_thinks: bool = False
    thinking_field: str = ""
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
    **{name: _unset(name) for name in PLAIN},
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
