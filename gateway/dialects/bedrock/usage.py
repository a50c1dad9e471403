"""Usage: `inputTokens` leaves out what was read from the cache and written to it; `outputTokens` holds the thinking.

Source: Bedrock Runtime API Reference, "TokenUsage" and "CacheDetail"; User Guide, "Prompt caching".
"""

from typing import Any

from gateway.core.conversation import Json
from gateway.core.usage import Usage
from gateway.dialects.reading import rows, whole


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


def write_usage(usage: Usage) -> dict[str, Any]:
    """The usage object an upstream of the dialect would have sent. Sound and images count as plain input here."""
    hour, minutes = usage.cache_write_1h_tokens, usage.cache_write_tokens
    kept = (("1h", hour), ("5m", minutes))
    return {
        "inputTokens": usage.total_input - usage.cached_input_tokens - hour - minutes,
        "outputTokens": usage.total_output,
        "totalTokens": usage.total_tokens,
        "cacheReadInputTokens": usage.cached_input_tokens,
        "cacheWriteInputTokens": hour + minutes,
        "cacheDetails": [{"ttl": ttl, "inputTokens": tokens} for ttl, tokens in kept if tokens],
    }
