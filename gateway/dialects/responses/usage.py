"""Usage as responses tell it: totals that overlap. The tokens are read by `openai/usage.py`.

Source: OpenAI's API reference, "The response object", `usage` and `tool_usage`; xAI's, "Server-side tool usage".
"""

from typing import Any

import msgspec

from gateway.core.conversation import Json
from gateway.core.usage import Usage
from gateway.dialects.openai.usage import read_usage
from gateway.dialects.reading import part, rows, whole


def usage_of(response: Json) -> Usage | None:
    """A response's usage, with the hosted web searches that are billed by the call; None if it tells none."""
    block = part(response, "usage")
    if not block:
        return None
    return msgspec.structs.replace(read_usage(block), web_searches=_web_searches(response, block))


def _web_searches(response: Json, usage: Json) -> int:
    """As the upstream counts them; else its calls that searched, for opening a page that was found costs nothing."""
    for block, name in (
        (part(part(response, "tool_usage"), "web_search"), "num_requests"),
        (part(usage, "server_side_tool_usage_details"), "web_search_calls"),
    ):
        if name in block:
            return whole(block[name])
    calls = [item for item in rows(response, "output") if item.get("type") == "web_search_call"]
    return sum(part(call, "action").get("type", "search") == "search" for call in calls)


def write_usage(usage: Usage) -> dict[str, Any]:
    """OpenAI's usage object. Cached tokens are part of the input's, reasoning of the output's."""
    into: dict[str, int] = {"cached_tokens": usage.cached_input_tokens}
    into["cache_write_tokens"] = usage.cache_write_tokens + usage.cache_write_1h_tokens
    return {
        "input_tokens": usage.total_input,
        "input_tokens_details": into,
        "output_tokens": usage.total_output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }
