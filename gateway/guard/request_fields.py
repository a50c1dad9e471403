"""Which top-level fields of requests hold text.

What is said comes first, in this order. Of tools and forms of answers a model reads what describes them. `SETTINGS` are
words and numbers for the server. A field that is none of these may be anything (a chat template, a grammar), and some
upstream puts it before its model: it is looked at.
"""

from gateway.core.fields import Fields
from gateway.guard.walking import Place, places

SAID = (
    *("messages", "input", "instructions", "prompt", "suffix", "system", "prediction"),
    *("contents", "content", "systemInstruction", "system_instruction"),
    *("requests", "generateContentRequest", "generate_content_request"),
    *("query", "documents", "texts"),
)
DESCRIBED = (
    *("tools", "functions", "response_format", "text", "output_format", "output_config"),
    *("generationConfig", "generation_config"),
)
_DESCRIBING = frozenset(
    {
        *("description", "server_description", "title", "enum", "const", "default", "example", "examples"),
        *("input_examples", "definition"),
    }
)
# What its keys mean is for whoever wrote them to say.
_FREE = frozenset({"documents", "chat_template_kwargs", "chat_template_args"})
SETTINGS = frozenset(
    {
        # whom to ask, and for whom
        *("model", "models", "route", "provider", "preset", "user", "safety_identifier", "metadata", "labels"),
        *("service_tier", "serviceTier", "speed", "inference_geo", "store", "background", "conversation"),
        *("previous_response_id", "prompt_cache_key", "prompt_cache_retention", "cachedContent", "cached_content"),
        *("container", "mcp_servers", "plugins", "data_sources", "betas", "anthropic_beta", "anthropic_version"),
        # how to answer
        *("stream", "stream_options", "stream_format", "stop", "stop_sequences", "temperature", "top_p", "top_k"),
        *("max_tokens", "max_completion_tokens", "max_output_tokens", "n", "best_of", "seed", "logit_bias"),
        *("frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "echo", "include", "truncation"),
        *("truncate", "reasoning", "reasoning_effort", "thinking", "verbosity", "modalities", "audio", "voice"),
        *("tool_choice", "toolConfig", "tool_config", "function_call", "parallel_tool_calls", "max_tool_calls"),
        *("web_search_options", "search_parameters", "safetySettings", "safety_settings", "moderation"),
        *("context_management", "cache_control", "transforms", "guided_decoding_backend"),
        # of embeddings, pictures and sound
        *("encoding_format", "embedding_types", "dimensions", "outputDimensionality", "taskType", "task_type"),
        *("input_type", "task", "rank_fields", "language", "timestamp_granularities", "timestamp_granularities[]"),
        *("include[]", "chunking_strategy", "size", "quality", "style", "input_fidelity", "image", "image[]"),
        *("mask", "file"),
    }
)
_IN_ORDER = {name: number for number, name in enumerate((*SAID, *DESCRIBED))}
_LOOKED_AT = frozenset(_IN_ORDER)
KNOWN = SETTINGS | _LOOKED_AT


def looked_at(fields: Fields) -> list[str]:
    """The names of a request's fields that hold text, or that nobody here knows."""
    known = sorted(fields.among(_LOOKED_AT), key=_IN_ORDER.__getitem__)
    return [*known, *sorted(fields.besides(KNOWN))]


def request_places(name: str, value: object) -> list[Place]:
    """The texts of one of a request's fields, by the field's name."""
    if name in DESCRIBED and not isinstance(value, str):
        return [place for place in places(value) if not _DESCRIBING.isdisjoint(place.path)]
    return list(places(value, name, free=name in _FREE))
