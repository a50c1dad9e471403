"""Usage: `input_tokens` leaves cached and written tokens out; `output_tokens` holds the thinking.

Source: Anthropic's pages "Prompt caching" (tracking cache performance) and "Extended thinking" (billing).
"""

from collections.abc import Mapping
from typing import Any

from gateway.core.conversation import Json
from gateway.core.usage import Usage
from gateway.dialects.reading import part, whole, words

# The tier that served, in OpenAI's words, which are the vocabulary's.
_TIERS: Mapping[str, str] = {"standard": "default", "priority": "priority", "batch": "batch"}


def read_tier(block: Json) -> str:
    return _TIERS.get(words(block, "service_tier"), "")


def read_usage(block: Json) -> Usage:
    """A usage object; of a stream, the merge of `message_start`'s and the last `message_delta`'s."""
    written = whole(block.get("cache_creation_input_tokens"))
    hour = min(whole(part(block, "cache_creation").get("ephemeral_1h_input_tokens")), written)
    output = whole(block.get("output_tokens"))
    thought = min(whole(part(block, "output_tokens_details").get("thinking_tokens")), output)
    return Usage(
        input_tokens=whole(block.get("input_tokens")),
        cached_input_tokens=whole(block.get("cache_read_input_tokens")),
        cache_write_tokens=written - hour,
        cache_write_1h_tokens=hour,
        output_tokens=output - thought,
        reasoning_tokens=thought,
        web_searches=whole(part(block, "server_tool_use").get("web_search_requests")),
    )


def write_usage(usage: Usage) -> dict[str, Any]:
    """The usage object of a message. Sound and images count as plain input here."""
    hour, minutes = usage.cache_write_1h_tokens, usage.cache_write_tokens
    block: dict[str, Any] = {
        "input_tokens": usage.total_input - usage.cached_input_tokens - hour - minutes,
        "cache_creation_input_tokens": hour + minutes,
        "cache_read_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.total_output,
    }
    if hour + minutes:
        block["cache_creation"] = {"ephemeral_5m_input_tokens": minutes, "ephemeral_1h_input_tokens": hour}
    if usage.reasoning_tokens:
        block["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    if usage.web_searches:
        block["server_tool_use"] = {"web_search_requests": usage.web_searches, "web_fetch_requests": 0}
    return block
