"""Requests for generated text, as this dialect's clients and upstreams write them.

Source: https://ai.google.dev/api/generate-content#request-body; Vertex's has the same fields and `labels` besides.
The model and whether to stream stand in the path; a stream always tells its usage.
"""

from typing import Any

from gateway.core.conversation import ChatRequest, Json
from gateway.core.faults import BadRequest
from gateway.dialects.fitting import Quirks
from gateway.dialects.gemini import settings
from gateway.dialects.gemini.contents import decode_contents, decode_system
from gateway.dialects.gemini.naming import plain, set_fields
from gateway.dialects.gemini.numbers import CATEGORIES, THRESHOLDS, word
from gateway.dialects.gemini.tools import decode_choice, decode_tools, encode_choice, encode_tools
from gateway.dialects.gemini.turns import encode_contents, encode_system
from gateway.dialects.reading import field, needed, objects

_NAMES = {
    **settings.NAMES,
    "messages": "contents",
    "tool_choice": "toolConfig.functionCallingConfig",
    "metadata": "labels",
    "safety_settings": "safetySettings",
    "service_tier": "serviceTier",
}
_READ = frozenset(
    {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "serviceTier",
     "labels", "model"}
)  # fmt: skip
# Google's "standard" is what the vocabulary, after OpenAI, calls "default"; "auto" is to say nothing.
_TIERS_IN = {"standard": "default", "unspecified": "", "service_tier_unspecified": ""}
_TIERS_OUT = {"default": "standard", "standard": "standard", "flex": "flex", "priority": "priority"}


def decode_request(body: Json, model: str, stream: bool) -> ChatRequest:
    """A client's request.

    Raises:
        BadRequest: a field is missing or of the wrong kind; it names the field.
    """
    body = plain(body)
    unread = [name for name in body if name not in _READ]
    contents = objects(body, "contents")
    if not contents:
        raise BadRequest("`contents` must hold at least one content", param="contents")
    tools = decode_tools(body, unread)
    choice, tools = decode_choice(body, tools, unread)
    tier = (field(body, "serviceTier", str) or "").lower()
    return ChatRequest(
        model=model,
        messages=(*decode_system(body), *decode_contents(contents, unread)),
        tools=tools,
        tool_choice=choice,
        metadata=field(body, "labels", dict),
        safety_settings=_decode_safety(body, unread),
        service_tier=_TIERS_IN.get(tier, tier),
        stream=stream,
        stream_usage=stream,
        **settings.decode_settings(body, unread),
        unread=tuple(dict.fromkeys(unread)),
        names=_NAMES,
    )


def _decode_safety(body: Json, unread: list[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for index, said in enumerate(objects(body, "safetySettings")):
        where, block = f"safetySettings[{index}]", plain(said)
        unread.extend(f"{where}.{name}" for name in block if name not in ("category", "threshold"))
        category, threshold = word(block, "category", CATEGORIES, where), word(block, "threshold", THRESHOLDS, where)
        found[category or needed(block, "category", str, where)] = threshold or needed(block, "threshold", str, where)
    return found or None


def encode_request(request: ChatRequest, quirks: Quirks) -> dict[str, Any]:
    """The body for an upstream.

    Raises:
        BadRequest: something in the request cannot be said to Google: see `turns` and `tools`.
    """
    older = settings.before_three(request.model, quirks)
    safety = [{"category": name, "threshold": value} for name, value in (request.safety_settings or {}).items()]
    fields = {
        "systemInstruction": encode_system(request.messages),
        "tools": encode_tools(request.tools, quirks.unwanted_keywords),
        "toolConfig": encode_choice(
            request.tool_choice, request.tools, request.names.get("tool_choice", "tool_choice")
        ),
        "generationConfig": settings.encode_settings(request, quirks) or None,
        "safetySettings": safety,
        "serviceTier": _TIERS_OUT.get(request.service_tier),
    }
    return {"contents": encode_contents(request.messages, before_three=older), **set_fields(fields)}
