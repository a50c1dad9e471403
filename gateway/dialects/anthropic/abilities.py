"""What an upstream of this dialect can express."""

from gateway.dialects.fitting import Abilities

ABILITIES = Abilities(
    supports=frozenset(
        {
            "max_output_tokens",
            "temperature",
            "top_p",
            "top_k",
            "stop",
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
            "reasoning_summary",
            "user",
            "image_inline",
            "image_url",
            "file_inline",
            "file_url",
            "citations",
            "cache_marks",
            "tool_result_images",
            "tool_result_files",
            "prefill",
            "thinking_history",
        }
    ),
    drops=frozenset(
        {
            "frequency_penalty",
            "presence_penalty",
            "logit_bias",
            "seed",
            "verbosity",
            "service_tier",
            "metadata",
            "cache_key",
            "safety_settings",
            "message_names",
            "*",
        }
    ),
)
