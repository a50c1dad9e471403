"""Usage: `input_tokens` leaves cached and written tokens out; `output_tokens` holds the thinking.

Source: Anthropic's pages "Prompt caching" (tracking cache performance) and "Extended thinking" (billing).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.core.attempt import Terms
from gateway.core.conversation import Json
from gateway.core.generation import Statement
from gateway.core.usage import Usage, sum_of
from gateway.dialects.reading import part, rows, whole, words
from gateway.dialects.statements import kept, term, tier_word

# The tier that served, in OpenAI's words, which are the vocabulary's.
_TIERS: Mapping[str, str] = {"standard": "default", "priority": "priority", "batch": "batch"}
# Where inference may run anywhere, it costs what the list says ("Data residency": pricing).
_ANYWHERE = frozenset({"global", "not_available"})


def read_tier(block: Json) -> str:
    return _TIERS.get(words(block, "service_tier"), "")


def read_usage(block: Json) -> Usage:
    """A usage object; of a stream, the merge of `message_start`'s and the last `message_delta`'s.

    `iterations` are the turns of a loop at Anthropic. Those that compact the conversation are billed but are no part
    of the totals ("Compaction": understanding usage).
    """
    written = whole(block.get("cache_creation_input_tokens"))
    hour = min(whole(part(block, "cache_creation").get("ephemeral_1h_input_tokens")), written)
    output = whole(block.get("output_tokens"))
    thought = min(whole(part(block, "output_tokens_details").get("thinking_tokens")), output)
    usage = Usage(
        input_tokens=whole(block.get("input_tokens")),
        cached_input_tokens=whole(block.get("cache_read_input_tokens")),
        cache_write_tokens=written - hour,
        cache_write_1h_tokens=hour,
        output_tokens=output - thought,
        reasoning_tokens=thought,
        web_searches=whole(part(block, "server_tool_use").get("web_search_requests")),
    )
    for turn in _beside(block):
        usage = sum_of(usage, read_usage({**turn, "iterations": None}))
    return usage


def adds_up(block: Json, usage: Usage) -> bool:
    """Whether no part is larger than its whole, and every turn at Anthropic is counted: another model's (an advisor's,
    or one that was fallen back from) has a price of its own, which these meters cannot tell."""
    written = part(block, "cache_creation")
    if sum(map(whole, written.values())) > usage.cache_write_tokens + usage.cache_write_1h_tokens:
        return False
    if whole(part(block, "output_tokens_details").get("thinking_tokens")) > usage.total_output:
        return False
    turns = rows(block, "iterations")
    return not turns or sum(read_usage({**one, "iterations": None}).total_tokens for one in turns) == usage.total_tokens


def statement_of(block: Json, usage: Usage, raw: Iterable[bytes]) -> Statement:
    """What usage objects say besides the counts. `speed` is a tier too: what is answered fast has another price."""
    fast = words(block, "speed") == "fast"
    place = term(block, "inference_geo")
    terms = Terms(
        tier="fast" if fast else tier_word(block.get("service_tier")), region="" if place in _ANYWHERE else place
    )
    return Statement(kept(*raw), terms, adds_up(block, usage))


def _beside(block: Json) -> list[dict[str, Any]]:
    return [turn for turn in rows(block, "iterations") if turn.get("type") == "compaction"]


def write_usage(usage: Usage) -> dict[str, Any]:
    """The usage object of a message. Sound and images count as plain input here."""
    hour, minutes = usage.cache_write_1h_tokens, usage.cache_write_tokens
    cached = usage.cached_input_tokens + usage.cached_audio_tokens
    block: dict[str, Any] = {
        "input_tokens": usage.total_input - cached - hour - minutes,
        "cache_creation_input_tokens": hour + minutes,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.total_output,
    }
    if hour + minutes:
        block["cache_creation"] = {"ephemeral_5m_input_tokens": minutes, "ephemeral_1h_input_tokens": hour}
    if usage.reasoning_tokens:
        block["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    if usage.web_searches:
        block["server_tool_use"] = {"web_search_requests": usage.web_searches, "web_fetch_requests": 0}
    return block
