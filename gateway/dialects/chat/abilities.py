"""What an upstream of this dialect can express."""

from gateway.dialects.fitting import Abilities

ABILITIES = Abilities(
    supports=frozenset(
        {
            "max_output_tokens",
            "temperature",
            "top_p",
            "frequency_penalty",
            "presence_penalty",
            "logit_bias",
            "seed",
            "stop",
            "n",
            "logprobs",
            "json_object",
            "json_schema",
            "tools",
            "strict_tools",
            "tool_choice_none",
            "tool_choice_required",
            "tool_choice_named",
            "tool_choice_among",
            "no_parallel_tool_calls",
            "reasoning_effort",
            "reasoning_off",
            "thinking_budget",
            "verbosity",
            "service_tier",
            "user",
            "cache_key",
            "image_inline",
            "image_url",
            "file_inline",
            "audio_inline",
            "tool_result_images",
            "message_names",
            "prefill",
        }
    ),
    drops=frozenset(
        {"top_k", "metadata", "reasoning_summary", "safety_settings", "cache_marks", "thinking_history", "*"}
    ),
)
