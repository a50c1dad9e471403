"""What an upstream of this dialect can express.

Source: https://ai.google.dev/api/generate-content. There is no word for "at most one call a turn", nor for a bias of
single tokens: both are dropped by name; nor for "cite this document": who relies on that is refused. Families that can
do less (no thinking, no thinking off, text only) are rows of `providers/families.py`.
"""

from gateway.dialects.fitting import Abilities

ABILITIES = Abilities(
    supports=frozenset(
        {
            "max_output_tokens", "temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed",
            "stop", "n", "logprobs", "json_object", "json_schema", "tools", "strict_tools", "tool_choice_none",
            "tool_choice_required", "tool_choice_named", "tool_choice_among", "reasoning_effort", "reasoning_off",
            "thinking_budget", "reasoning_summary", "modalities", "service_tier", "safety_settings", "image_inline",
            "image_url", "image_file", "file_inline", "file_url", "file_id", "audio_inline", "audio_url", "audio_file",
            "video_inline", "video_url", "video_file", "tool_result_images", "tool_result_files", "prefill",
            "thinking_history",
        }
    ),
    drops=frozenset(
        {
            "verbosity", "logit_bias", "user", "metadata", "cache_key", "cache_marks", "message_names",
            "no_parallel_tool_calls", "*",
        }
    ),
)  # fmt: skip
