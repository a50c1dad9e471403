"""Usage as chat answers tell it: totals that overlap."""

from typing import Any

from gateway.core.usage import Usage


def write_usage(usage: Usage) -> dict[str, Any]:
    """OpenAI's usage object. Cached and written tokens are part of the prompt's, reasoning of the completion's."""
    written = usage.cache_write_tokens + usage.cache_write_1h_tokens
    into: dict[str, int] = {
        "cached_tokens": usage.cached_input_tokens + usage.cached_audio_tokens,
        "audio_tokens": usage.input_audio_tokens + usage.cached_audio_tokens,
    }
    if written:
        into["cache_write_tokens"] = written
    return {
        "prompt_tokens": usage.total_input,
        "completion_tokens": usage.total_output,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": into,
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.output_audio_tokens,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
