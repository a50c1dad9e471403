"""Which top-level fields of requests hold text.

What is said comes first, in this order. Of tools and forms of answers a model reads what describes them. `SETTINGS` are
words and numbers for the server. A field that is none of these may be anything (a chat template, a grammar), and some
upstream puts it before its model: it is looked at.
"""

from typing import Any

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


def looked_at(fields: Fields) -> list[str]:
    """The names of a request's fields that hold text, or that nobody here knows."""
    names = fields.besides(SETTINGS)
    if len(names) == 1:  # nearly always
        return [*names]
    return [*sorted(names & _LOOKED_AT, key=_IN_ORDER.__getitem__), *sorted(names - _LOOKED_AT)]


def request_places(name: str, value: object) -> list[Place]:
    """The texts of one of a request's fields, by the field's name."""
    if name == "messages" and (turns := plain_turns(value)) is not None:
        return turns
    if name in DESCRIBED and not isinstance(value, str):
        return [place for place in places(value) if not _DESCRIBING.isdisjoint(place.path)]
    return list(places(value, name, free=name in _FREE))


def plain_turns(value: Any) -> list[Place] | None:
    """The texts of a conversation in which everybody just says something, as most are: what `places` finds in it. None:
    it is another one."""
    if plain_texts(value) is None:
        return None
    turns: list[dict[str, str]] = value
    return [Place((number, "content"), text) for number, turn in enumerate(turns) if (text := turn["content"])]


def plain_texts(value: Any) -> list[str] | None:
    """The same without the way to each."""
    if value.__class__ is not list:
        return None
    texts: list[str] = []
    for turn in value:
        if turn.__class__ is not dict or len(turn) != 2:
            return None
        text = turn.get("content")
        if text.__class__ is not str or turn.get("role").__class__ is not str:
            return None
        if text:
            texts.append(text)
    return texts
