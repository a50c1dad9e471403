"""Usage as responses tell it: totals that overlap. It is read by `openai/usage.py`."""

from typing import Any

from gateway.core.usage import Usage


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
