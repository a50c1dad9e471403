"""Usage: `inputTokens` leaves out what was read from the cache and written to it; `outputTokens` holds the thinking.

Source: Bedrock Runtime API Reference, "TokenUsage" and "CacheDetail"; User Guide, "Prompt caching".
"""

from collections.abc import Iterable
from typing import Any

from gateway.core.conversation import Json
from gateway.core.generation import Statement
from gateway.core.usage import Usage
from gateway.dialects.reading import rows, whole
from gateway.dialects.statements import kept, tier_terms


def read_usage(block: Json) -> Usage:
    """A usage object. `cacheDetails` says for how long; what it does not name is kept five minutes."""
    details = rows(block, "cacheDetails")
    by_detail = sum(whole(one.get("inputTokens")) for one in details)
    written = max(whole(block.get("cacheWriteInputTokens")), by_detail)
    hour = sum(whole(one.get("inputTokens")) for one in details if one.get("ttl") == "1h")
    return Usage(
        input_tokens=whole(block.get("inputTokens")),
        cached_input_tokens=whole(block.get("cacheReadInputTokens")),
        cache_write_tokens=written - hour,
        cache_write_1h_tokens=hour,
        output_tokens=whole(block.get("outputTokens")),
    )


def adds_up(block: Json, usage: Usage) -> bool:
    """Whether the meters agree with `totalTokens`, which some models tell without what the cache gave and took."""
    total = block.get("totalTokens")
    written = usage.cache_write_tokens + usage.cache_write_1h_tokens
    if whole(block.get("cacheWriteInputTokens")) != written:
        return "cacheWriteInputTokens" not in block
    if type(total) is not int:
        return True
    return total in (usage.total_tokens, usage.total_tokens - usage.cached_input_tokens - written)


def statement_of(block: Json, usage: Usage, tier: str, raw: Iterable[bytes]) -> Statement:
    """What a usage object says besides the counts."""
    return Statement(kept(*raw), tier_terms(tier), adds_up(block, usage))


def write_usage(usage: Usage) -> dict[str, Any]:
    """The usage object an upstream of the dialect would have sent. Sound and images count as plain input here."""
    hour, minutes = usage.cache_write_1h_tokens, usage.cache_write_tokens
    cached = usage.cached_input_tokens + usage.cached_audio_tokens
    lasting = (("1h", hour), ("5m", minutes))
    return {
        "inputTokens": usage.total_input - cached - hour - minutes,
        "outputTokens": usage.total_output,
        "totalTokens": usage.total_tokens,
        "cacheReadInputTokens": cached,
        "cacheWriteInputTokens": hour + minutes,
        "cacheDetails": [{"ttl": ttl, "inputTokens": tokens} for ttl, tokens in lasting if tokens],
    }
