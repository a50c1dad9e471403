"""`generationConfig`: sampling, limits, the form of the answer, thinking.

Source: https://ai.google.dev/api/generate-content#generationconfig and
https://ai.google.dev/gemini-api/docs/thinking. Gemini 2.5 is told how much to think in tokens (`thinkingBudget`), later
models by a level; both at once are refused.
"""

import re
from collections.abc import Mapping
from typing import Any

from gateway.core.conversation import ChatRequest, Format, Json, Reasoning
from gateway.core.faults import BadRequest
from gateway.dialects.fitting import Quirks
from gateway.dialects.gemini.naming import plain, set_fields
from gateway.dialects.gemini.schemas import from_subset, to_json_schema
from gateway.dialects.reading import field, strings

WHERE = "generationConfig"
_PLAIN: Mapping[str, tuple[str, type]] = {
    "maxOutputTokens": ("max_output_tokens", int),
    "temperature": ("temperature", float),
    "topP": ("top_p", float),
    "topK": ("top_k", int),
    "frequencyPenalty": ("frequency_penalty", float),
    "presencePenalty": ("presence_penalty", float),
    "seed": ("seed", int),
}
NAMES: Mapping[str, str] = {
    **{ours: f"{WHERE}.{theirs}" for theirs, (ours, _) in _PLAIN.items()},
    "stop": f"{WHERE}.stopSequences",
    "n": f"{WHERE}.candidateCount",
    "logprobs": f"{WHERE}.responseLogprobs",
    "format": f"{WHERE}.responseMimeType",
    "reasoning": f"{WHERE}.thinkingConfig",
    "modalities": f"{WHERE}.responseModalities",
}
_SCHEMAS = ("responseJsonSchema", "_responseJsonSchema", "responseSchema")
_READ = frozenset(
    {*_PLAIN, *_SCHEMAS, "stopSequences", "candidateCount", "responseLogprobs", "logprobs", "responseMimeType",
     "responseModalities", "thinkingConfig"}
)  # fmt: skip
_TEXT_TYPES = ("", "text/plain", "application/json")
_LEVELS = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_BEFORE_THREE = re.compile(r"gemini-[12]\b", re.IGNORECASE)


def before_three(model: str, quirks: Quirks) -> bool:
    """Whether the model is older than Gemini 3, as its profile says or else its name."""
    if quirks.thinking in ("budget", "level"):
        return quirks.thinking == "budget"
    return _BEFORE_THREE.search(model) is not None


def decode_settings(body: Json, unread: list[str]) -> dict[str, Any]:
    """The request's fields that stand in `generationConfig`.

    Raises:
        BadRequest: a field of the wrong type.
    """
    config = plain(field(body, WHERE, dict) or {})
    unread.extend(f"{WHERE}.{name}" for name in config if name not in _READ)
    found: dict[str, Any] = {ours: field(config, theirs, kind, WHERE) for theirs, (ours, kind) in _PLAIN.items()}
    found["stop"] = strings(config, "stopSequences", WHERE)
    count = field(config, "candidateCount", int, WHERE)
    if count is not None and count < 1:
        raise BadRequest(f"`{NAMES['n']}` must be at least 1", param=NAMES["n"])
    found["n"] = count or 1
    wanted = field(config, "logprobs", int, WHERE)
    if field(config, "responseLogprobs", bool, WHERE):
        found["logprobs"] = max(wanted or 0, 0)
    modalities = tuple(one.lower() for one in strings(config, "responseModalities", WHERE))
    found["modalities"] = () if modalities == ("text",) else modalities
    found["format"] = _decode_format(config, unread)
    found["reasoning"] = _decode_thinking(config, unread)
    return found


def _decode_format(config: Json, unread: list[str]) -> Format | None:
    said = field(config, "responseMimeType", str, WHERE) or ""
    if said not in _TEXT_TYPES:
        unread.append(f"{WHERE}.responseMimeType")
        return None
    if said != "application/json":
        return None
    for name in _SCHEMAS:
        schema = field(config, name, dict, WHERE)
        if schema is not None:
            full = from_subset(schema) if name == "responseSchema" else schema
            return Format(kind="json_schema", schema=full)
    return Format(kind="json_object")


def _decode_thinking(config: Json, unread: list[str]) -> Reasoning | None:
    where = f"{WHERE}.thinkingConfig"
    said = field(config, "thinkingConfig", dict, WHERE)
    if said is None:
        return None
    block = plain(said)
    unread.extend(
        f"{where}.{name}" for name in block if name not in ("thinkingLevel", "thinkingBudget", "includeThoughts")
    )
    level = (field(block, "thinkingLevel", str, where) or "").lower()
    return Reasoning(
        effort="" if level == "thinking_level_unspecified" else level,
        budget_tokens=field(block, "thinkingBudget", int, where),
        show=field(block, "includeThoughts", bool, where),
    )


def encode_settings(request: ChatRequest, quirks: Quirks) -> dict[str, Any]:
    """The `generationConfig`."""
    found: dict[str, Any] = {theirs: getattr(request, ours) for theirs, (ours, _) in _PLAIN.items()}
    found["stopSequences"] = list(request.stop)
    found["candidateCount"] = request.n if request.n > 1 else None
    if request.logprobs is not None:
        found["responseLogprobs"] = True
        found["logprobs"] = request.logprobs or None
    if request.format is not None:
        found["responseMimeType"] = "application/json"
        if request.format.kind == "json_schema" and request.format.schema is not None:
            found["responseJsonSchema"] = to_json_schema(request.format.schema, quirks.unwanted_keywords)
    found["responseModalities"] = _encode_modalities(request.modalities)
    if request.reasoning is not None:
        older = before_three(request.model, quirks)
        found["thinkingConfig"] = _encode_thinking(request.reasoning, quirks.budgets, older=older) or None
    return set_fields(found)


def _encode_modalities(modalities: tuple[str, ...]) -> list[str]:
    """Text goes without saying in other dialects; models that draw want it said, those that speak refuse it."""
    wanted = ("text", *modalities) if "image" in modalities and "text" not in modalities else modalities
    return [one.upper() for one in wanted]


def _encode_thinking(reasoning: Reasoning, budgets: Mapping[str, int], *, older: bool) -> dict[str, Any]:
    block: dict[str, Any] = {}
    if reasoning.effort == "none" or reasoning.budget_tokens == 0:
        block["thinkingBudget"] = 0
    elif reasoning.effort and not older:
        block["thinkingLevel"] = _LEVELS.get(reasoning.effort, reasoning.effort)
    elif reasoning.budget_tokens is not None:
        block["thinkingBudget"] = reasoning.budget_tokens
    elif reasoning.effort in budgets:
        block["thinkingBudget"] = budgets[reasoning.effort]
    if reasoning.show is not None or reasoning.summary:
        block["includeThoughts"] = reasoning.show is not False
    return block
