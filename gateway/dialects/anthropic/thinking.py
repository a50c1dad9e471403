"""Extended thinking: an effort or a budget as Claude's models take it, and what cannot stand beside it.

Source: Anthropic's pages "Extended thinking" and "Adaptive thinking": a budget is at least 1,024 tokens and less than
`max_tokens`; with thinking, temperature and top_k may not be set, top_p only near 1, and no tool may be forced; inside
a tool loop the turn's own signed thought must come back with the call.
"""

from typing import Any

import msgspec

from gateway.core.conversation import ChatRequest, Thinking, ToolCall
from gateway.dialects.fitting import Quirks
from gateway.dialects.seals import opened

MIN_BUDGET = 1_024


def adapt(request: ChatRequest, quirks: Quirks) -> tuple[ChatRequest, list[str]]:
    """The request without what Claude refuses, alone or beside thinking, and the names of what that was.

    What steers the answer stays (a forced tool, a tool loop whose thoughts are unknown): then thinking goes.
    """
    names, dropped = request.names, list[str]()
    if request.temperature is not None and request.temperature > 1.0:  # OpenAI's scale ends at 2, Claude's at 1
        request = msgspec.structs.replace(request, temperature=1.0)
        dropped.append(names.get("temperature", "temperature"))
    if not _thinks(request):
        return request, dropped
    forced = request.tool_choice is not None and request.tool_choice.mode == "required"
    unproven = quirks.thinking == "budget" and _in_unproven_loop(request)
    small = quirks.thinking == "budget" and 0 < (request.max_output_tokens or 0) <= MIN_BUDGET
    if forced or unproven or small:
        return msgspec.structs.replace(request, reasoning=None), [*dropped, names.get("reasoning", "reasoning")]
    changes: dict[str, None] = {}
    if request.temperature is not None and request.temperature != 1.0:  # 1 is the only value there is
        changes["temperature"] = None
        dropped.append(names.get("temperature", "temperature"))
    if request.top_k is not None:
        changes["top_k"] = None
        dropped.append(names.get("top_k", "top_k"))
    if request.top_p is not None and request.top_p < 0.95:
        changes["top_p"] = None
        dropped.append(names.get("top_p", "top_p"))
    return (msgspec.structs.replace(request, **changes) if changes else request), dropped


def _thinks(request: ChatRequest) -> bool:
    reasoning = request.reasoning
    if reasoning is None or reasoning.effort == "none" or reasoning.budget_tokens == 0:
        return False
    return bool(reasoning.effort or reasoning.budget_tokens)


def _in_unproven_loop(request: ChatRequest) -> bool:
    """The conversation ends in a tool's result, and the call before it has no thought that Claude signed."""
    messages = request.messages
    if not messages or messages[-1].role != "tool":
        return False
    caller = next((message for message in reversed(messages) if message.role == "assistant"), None)
    if caller is None or not any(isinstance(part, ToolCall) for part in caller.parts):
        return False
    return not any(isinstance(part, Thinking) and opened(part.signature, "anthropic") for part in caller.parts)


def write_thinking(body: dict[str, Any], request: ChatRequest, quirks: Quirks) -> None:
    """Put `thinking` and `output_config.effort` into a body."""
    reasoning = request.reasoning
    if reasoning is None:
        return
    if reasoning.effort == "none" or reasoning.budget_tokens == 0:
        body["thinking"] = {"type": "disabled"}
        return
    thinking: dict[str, Any] | None = None
    if quirks.thinking == "adaptive":
        thinking = {"type": "adaptive"}
        if effort := _effort(request, quirks):
            body.setdefault("output_config", {})["effort"] = effort
    elif budget := _budget(request, quirks):
        # A budget must be less than max_tokens; a limit that the client set stands, and bounds the budget.
        if request.max_output_tokens is None:
            body["max_tokens"] = quirks.max_output_tokens + budget
        else:
            budget = max(MIN_BUDGET, min(budget, request.max_output_tokens - 1))
        thinking = {"type": "enabled", "budget_tokens": budget}
    if thinking is not None:
        if reasoning.show is not None and quirks.thinking == "adaptive":
            thinking["display"] = "summarized" if reasoning.show else "omitted"
        body["thinking"] = thinking


def _effort(request: ChatRequest, quirks: Quirks) -> str:
    """`minimal` is not one of Claude's words; a budget is the word whose budget is the nearest."""
    reasoning = request.reasoning
    assert reasoning is not None, "only asked for requests that think"
    if reasoning.effort:
        return "low" if reasoning.effort == "minimal" else reasoning.effort
    budget = reasoning.budget_tokens or 0
    words = [word for word in quirks.budgets if word != "minimal"]
    return min(words, key=lambda word: abs(quirks.budgets[word] - budget)) if budget > 0 else ""


def _budget(request: ChatRequest, quirks: Quirks) -> int:
    reasoning = request.reasoning
    assert reasoning is not None, "only asked for requests that think"
    if reasoning.budget_tokens is not None and reasoning.budget_tokens > 0:
        return max(MIN_BUDGET, reasoning.budget_tokens)
    if reasoning.budget_tokens == -1 or reasoning.effort:
        return quirks.budgets.get(reasoning.effort or "medium", 8192)
    return 0
