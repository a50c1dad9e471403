"""How much to think, as each maker's models take it, and what they refuse beside it.

Sources: Bedrock User Guide, "Extended thinking" and "Adaptive thinking" (Claude: `thinking` under
`additionalModelRequestFields`, the effort in `outputConfig`); Amazon Nova 2 User Guide, "Extended thinking"
(`reasoningConfig`; at high effort temperature, topP and maxTokens must not be set); "OpenAI models"
(`reasoning_effort`: low, medium, high).
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.core.conversation import CacheMark, ChatRequest, Reasoning
from gateway.dialects.anthropic import thinking as claude
from gateway.dialects.bedrock.makers import Maker, maker_of
from gateway.dialects.bedrock.messages import write_mark
from gateway.dialects.features import features
from gateway.dialects.fitting import Quirks

TIERS = frozenset({"priority", "default", "flex", "reserved"})
OPTIMIZED = "optimized"
_LABEL = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}", re.ASCII)
_MAX_LABELS = 16
_LEVELS: Mapping[str, str] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}


def adapt(request: ChatRequest, quirks: Quirks) -> tuple[ChatRequest, list[str]]:
    """The request without what this maker's models refuse, and the names of what that was."""
    maker = maker_of(request.model, quirks)
    names, dropped = request.names, list[str]()
    if request.top_k is not None and not maker.top_k:
        request = msgspec.structs.replace(request, top_k=None)
        dropped.append(names.get("top_k", "top_k"))
    if request.service_tier and request.service_tier not in TIERS | {"auto", OPTIMIZED}:
        request = msgspec.structs.replace(request, service_tier="")
        dropped.append(names.get("service_tier", "service_tier"))
    if request.metadata is not None and not _is_labels(request.metadata):
        request = msgspec.structs.replace(request, metadata=None)
        dropped.append(names.get("metadata", "metadata"))
    if not write_mark(CacheMark(), maker):
        dropped.extend(where for feature, where in features(request) if feature == "cache_marks")
    request, more = _adapt_thinking(request, quirks, maker)
    return request, dropped + more


def _is_labels(metadata: Mapping[str, Any]) -> bool:
    """Can be `requestMetadata`: a few short strings without unusual characters."""
    return 0 < len(metadata) <= _MAX_LABELS and all(
        name and _LABEL.fullmatch(name) and isinstance(value, str) and _LABEL.fullmatch(value)
        for name, value in metadata.items()
    )


def _adapt_thinking(request: ChatRequest, quirks: Quirks, maker: Maker) -> tuple[ChatRequest, list[str]]:
    reasoning, names = request.reasoning, request.names
    if maker.thinking == "claude":
        return claude.adapt(request, _claudes(quirks))
    if reasoning is None:
        return request, []
    off = reasoning.effort == "none" or reasoning.budget_tokens == 0
    if not maker.thinking or (off and maker.thinking == "openai"):
        return msgspec.structs.replace(request, reasoning=None), [names.get("reasoning", "reasoning")]
    if maker.thinking == "nova" and not off and _level(reasoning, quirks) == "high":
        if request.max_output_tokens is not None:  # the caller's limit stands, and bounds the effort
            return msgspec.structs.replace(request, reasoning=Reasoning(effort="medium")), []
        unset = [name for name in ("temperature", "top_p") if getattr(request, name) is not None]
        request = msgspec.structs.replace(request, **dict.fromkeys(unset))
        return request, [names.get(name, name) for name in unset]
    return request, []


def write_thinking(body: dict[str, Any], request: ChatRequest, quirks: Quirks, maker: Maker) -> None:
    """Put what is said of thinking into a body."""
    reasoning = request.reasoning
    if reasoning is None or not maker.thinking:
        return
    additional: dict[str, Any] = body.setdefault("additionalModelRequestFields", {})
    if maker.thinking == "claude":
        said: dict[str, Any] = {}
        claude.write_thinking(said, request, _claudes(quirks))
        if thinking := said.get("thinking"):
            additional["thinking"] = thinking
        if config := said.get("output_config"):
            body.setdefault("outputConfig", {})["effort"] = config["effort"]
        if limit := said.get("max_tokens"):
            body.setdefault("inferenceConfig", {})["maxTokens"] = limit
        return
    level = _level(reasoning, quirks)
    if maker.thinking == "openai" and level:
        additional["reasoning_effort"] = level
    elif maker.thinking == "nova":
        off = reasoning.effort == "none" or reasoning.budget_tokens == 0
        config = {"type": "enabled", "maxReasoningEffort": level} if level else {}
        if off or level:
            additional["reasoningConfig"] = {"type": "disabled"} if off else config


def _claudes(quirks: Quirks) -> Quirks:
    """Claude takes a budget where nobody says otherwise."""
    return quirks if quirks.thinking == "adaptive" else msgspec.structs.replace(quirks, thinking="budget")


def _level(reasoning: Reasoning, quirks: Quirks) -> str:
    """low, medium or high; empty if nothing is asked for. A budget is the word whose budget is the nearest."""
    if reasoning.effort:
        return _LEVELS.get(reasoning.effort, "")
    budget = reasoning.budget_tokens
    if not budget:
        return ""
    if budget < 0:
        return "medium"
    return min(("low", "medium", "high"), key=lambda word: abs(quirks.budgets.get(word, 0) - budget))
