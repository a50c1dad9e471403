"""What an upstream of this dialect can express. What single makers' models cannot take of it, `adapt` takes out."""

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
            "reasoning_effort",
            "reasoning_off",
            "thinking_budget",
            "reasoning_summary",
            "service_tier",
            "metadata",
            "image_inline",
            "image_url",
            "file_inline",
            "file_url",
            "audio_inline",
            "audio_url",
            "video_inline",
            "video_url",
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
            "no_parallel_tool_calls",
            "verbosity",
            "user",
            "cache_key",
            "safety_settings",
            "message_names",
            "*",
        }
    ),
)
