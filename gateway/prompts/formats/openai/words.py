"""Keys of hosted prompts, of what was copied from the dashboard, and of answers of the Responses API
(github.com/openai/openai-openapi, `Prompt`, `Response`)."""

from collections.abc import Mapping
from typing import Any

# What the model is told, in the order in which it sees it, and whose text it is where it is one.
TEMPLATES: Mapping[str, str] = {
    "instructions": "system", "developer_message": "system", "system": "system", "messages": "user", "input": "user",
}  # fmt: skip
# Which version answers calls that name none.
VERSION_KEYS = ("production_version", "default_version", "published_version", "version")
TELLING_NOTHING = frozenset({
    "object", "created_at", "updated_at", "created_by", "updated_by", "project_id", "organization_id", "is_default",
    "default", "status",
})  # fmt: skip
OF_PROMPTS = frozenset({
    "id", "openai_prompt_id", "prompt_id", "name", "title", "description", "versions", "draft", "variables", "config",
    "tags", *VERSION_KEYS,
})  # fmt: skip
# What an answer has besides the settings of its call.
OF_ANSWERS = frozenset({
    "id", "object", "created_at", "completed_at", "status", "background", "billing", "error", "incomplete_details",
    "output", "output_text", "usage", "previous_response_id", "store", "conversation", "user", "safety_identifier",
    "prompt", "prompt_cache_key", "prompt_cache_retention", "max_tool_calls", "moderation",
})  # fmt: skip
# An answer tells all settings; these are those that nobody has to set.
UNSET: Mapping[str, tuple[Any, ...]] = {
    "temperature": (1,), "top_p": (1,), "tool_choice": ("auto",), "tools": ([],), "truncation": ("disabled",),
    "parallel_tool_calls": (True,), "service_tier": ("default", "auto"), "top_logprobs": (0,), "metadata": ({},),
    "presence_penalty": (0,), "frequency_penalty": (0,), "reasoning": ({"effort": None, "summary": None}, {}),
    "text": ({"format": {"type": "text"}, "verbosity": "medium"}, {"format": {"type": "text"}}),
}  # fmt: skip
