"""`usageMetadata` as disjoint meters, and back.

Source: https://ai.google.dev/api/generate-content#UsageMetadata. What overlaps and what does not:
* `promptTokenCount` holds the cached tokens (`cachedContentTokenCount`) and every modality;
* `toolUsePromptTokenCount` (results of Google's own tools, put into the prompt) stands beside it: input too;
* `thoughtsTokenCount` stands beside `candidatesTokenCount`: output too;
* `totalTokenCount` is the sum of all four, and fills in for one that is missing;
* the details per modality count each total once more. They may leave cached tokens out, or be incomplete, so sound
  and images are taken from them and everything else stays with the text. Documents and video are priced as text.
* In a stream every chunk repeats the running total: the last one counts.
"""

from collections.abc import Iterable
from typing import Any

from gateway.core.conversation import Json
from gateway.core.generation import Statement
from gateway.core.usage import Usage
from gateway.dialects.reading import rows, whole, words
from gateway.dialects.statements import kept, tier_terms

# `enum-encoding=int` writes the enum's numbers.
_MODALITIES = {1: "TEXT", 2: "IMAGE", 3: "VIDEO", 4: "AUDIO", 5: "DOCUMENT"}
_TIERS = {
    "ON_DEMAND": "default",
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_PRIORITY": "priority",
    "PROVISIONED_THROUGHPUT": "provisioned_throughput",
}
_TRAFFIC = {tier: word for word, tier in _TIERS.items()}
_TOTALS = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount")


def has_counts(block: Json) -> bool:
    """Vertex sends `trafficType` alone until the last chunk."""
    return any(name.endswith("TokenCount") for name in block)


def service_tier(block: Json) -> str:
    """The tier that served: the Gemini API's `serviceTier`, Vertex's `trafficType`. "standard" is "default" to us."""
    tier = words(block, "serviceTier").lower()
    return "default" if tier == "standard" else tier or _TIERS.get(words(block, "trafficType"), "")


def read_usage(block: Json) -> Usage:
    """One usage object. Missing or mistyped counts are 0; parts never exceed the total they are part of."""
    prompt, candidates, thoughts, tool = _totals(block)
    into, cache, out = (_modalities(block, name) for name in ("promptTokens", "cacheTokens", "candidatesTokens"))
    tool_details = _modalities(block, "toolUsePromptTokens")
    cached = min(whole(block.get("cachedContentTokenCount")), prompt)
    rest = prompt - cached
    # Details that do not add up to more than the uncached tokens have left the cached ones out.
    cached_audio = min(cache.get("AUDIO", 0), cached)
    if sum(into.values()) <= rest:
        cache = {}
    audio_in = min(max(into.get("AUDIO", 0) - cache.get("AUDIO", 0), 0), rest)
    image_in = min(max(into.get("IMAGE", 0) - cache.get("IMAGE", 0), 0), rest - audio_in)
    tool_audio = min(tool_details.get("AUDIO", 0), tool)
    tool_image = min(tool_details.get("IMAGE", 0), tool - tool_audio)
    audio_out = min(out.get("AUDIO", 0), candidates)
    image_out = min(out.get("IMAGE", 0), candidates - audio_out)
    return Usage(
        input_tokens=rest - audio_in - image_in + tool - tool_audio - tool_image,
        cached_input_tokens=cached - cached_audio,
        cached_audio_tokens=cached_audio,
        input_audio_tokens=audio_in + tool_audio,
        input_image_tokens=image_in + tool_image,
        output_tokens=candidates - audio_out - image_out,
        reasoning_tokens=thoughts,
        output_audio_tokens=audio_out,
        output_image_tokens=image_out,
    )


def adds_up(block: Json, usage: Usage) -> bool:
    """Whether the meters agree with `totalTokenCount`, and nothing is larger than what it is part of."""
    total = block.get("totalTokenCount")
    if type(total) is int and total != usage.total_tokens:
        return False
    prompt = _total(block, "promptTokenCount")
    if whole(block.get("cachedContentTokenCount")) > prompt:
        return False
    wholes = {
        "promptTokens": prompt,
        "cacheTokens": whole(block.get("cachedContentTokenCount")),
        "candidatesTokens": _total(block, "candidatesTokenCount"),
        "toolUsePromptTokens": _total(block, "toolUsePromptTokenCount"),
    }
    return all(sum(_modalities(block, name).values()) <= most for name, most in wholes.items())


def statement_of(block: Json, usage: Usage, raw: Iterable[bytes]) -> Statement:
    """What a usage object says besides the counts."""
    return Statement(kept(*raw), tier_terms(service_tier(block)), adds_up(block, usage))


def _totals(block: Json) -> tuple[int, ...]:
    """The four disjoint totals. One that is absent is what its details sum up to, or what is missing to the sum."""
    found = {name: _total(block, name) for name in _TOTALS}
    absent = [name for name in ("promptTokenCount", "candidatesTokenCount") if name not in block and not found[name]]
    if absent:
        found[absent[0]] = max(0, whole(block.get("totalTokenCount")) - sum(found.values()))
    return tuple(found.values())


def _total(block: Json, name: str) -> int:
    if name in block:
        return whole(block[name])
    return sum(_modalities(block, name.replace("TokenCount", "Tokens")).values())


def _modalities(block: Json, name: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows(block, f"{name}Details"):
        said = row.get("modality")
        modality = _MODALITIES.get(said, "") if isinstance(said, int) else said
        if isinstance(modality, str):
            found[modality] = found.get(modality, 0) + whole(row.get("tokenCount"))
    return found


def write_usage(usage: Usage, service_tier: str = "") -> dict[str, Any]:
    """The totals as Google overlaps them. Cache writes have no word here and are part of the prompt."""
    audio_in = usage.input_audio_tokens + usage.cached_audio_tokens
    plain_in = usage.total_input - audio_in - usage.input_image_tokens
    out = usage.output_tokens + usage.output_audio_tokens + usage.output_image_tokens
    block: dict[str, Any] = {
        "promptTokenCount": usage.total_input,
        "candidatesTokenCount": out,
        "totalTokenCount": usage.total_tokens,
        "promptTokensDetails": _details(plain_in, audio_in, usage.input_image_tokens),
    }
    if out:
        block["candidatesTokensDetails"] = _details(
            usage.output_tokens, usage.output_audio_tokens, usage.output_image_tokens
        )
    if cached := usage.cached_input_tokens + usage.cached_audio_tokens:
        block["cachedContentTokenCount"] = cached
        block["cacheTokensDetails"] = _details(usage.cached_input_tokens, usage.cached_audio_tokens, 0)
    if usage.reasoning_tokens:
        block["thoughtsTokenCount"] = usage.reasoning_tokens
    if service_tier in _TRAFFIC:
        block["trafficType"] = _TRAFFIC[service_tier]  # Google's SDKs know no `serviceTier` here
    return block


def _details(text: int, audio: int, image: int) -> list[dict[str, Any]]:
    counts = (("TEXT", text), ("AUDIO", audio), ("IMAGE", image))
    return [{"modality": modality, "tokenCount": count} for modality, count in counts if count]
