"""Usage as responses tell it: totals that overlap. The tokens are read by `openai/usage.py`.

Hosted tools are billed by the piece: web searches and file searches by the call, code interpreters by the container,
images by the image. Source: OpenAI's API reference, "The response object", `usage` and `tool_usage`, and its page on
pricing, "Built-in tools"; xAI's, "Server-side tool usage".
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from gateway.core.attempt import Terms
from gateway.core.conversation import Json
from gateway.core.generation import Statement
from gateway.core.usage import Usage
from gateway.dialects.openai.usage import read_block
from gateway.dialects.reading import part, rows, whole
from gateway.dialects.statements import kept, term, tier_terms

# Output items that are billed by the piece.
BILLED_ITEMS = ("web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call")


def usage_of(response: Json, items: Sequence[Json] = ()) -> tuple[Usage, bool] | None:
    """A response's usage, with the hosted tools that are billed by the piece, and whether it adds up; None if it tells
    none.

    Args:
        items: its output items, where the response does not hold them itself.
    """
    block = part(response, "usage")
    if not block:
        return None
    usage, agrees = read_block(block)
    billed = [item for item in rows(response, "output") or items if item.get("type") in BILLED_ITEMS]
    if "server_side_tool_usage_details" in block:
        searches, files, sessions = usage.web_searches, usage.file_searches, usage.code_sessions
    else:
        searches = sum(part(one, "action").get("type", "search") == "search" for one in _of(billed, "web_search_call"))
        files = sum(1 for _ in _of(billed, "file_search_call"))
        sessions = len({one.get("container_id") for one in _of(billed, "code_interpreter_call")})
    counted = part(part(response, "tool_usage"), "web_search")
    if "num_requests" in counted:
        searches = whole(counted["num_requests"])
    images = sum(1 for _ in _of(billed, "image_generation_call"))
    if not (searches or files or sessions or images):
        return usage, agrees
    usage = msgspec.structs.replace(
        usage, web_searches=searches, file_searches=files, code_sessions=sessions, images=images
    )
    return usage, agrees


def statement_of(response: Json, raw: Iterable[bytes], agrees: bool, items: Sequence[Json] = ()) -> Statement:
    """What a response says of its usage besides the counts, which add up or not. Size and quality are the last
    image's."""
    terms = tier_terms(response.get("service_tier"))
    for item in _of(rows(response, "output") or items, "image_generation_call"):
        terms = Terms(tier=terms.tier, image_size=term(item, "size"), image_quality=term(item, "quality"))
    return Statement(kept(*raw), terms, agrees)


def _of(items: Iterable[Json], kind: str) -> Iterable[Json]:
    return (item for item in items if item.get("type") == kind)


def write_usage(usage: Usage) -> dict[str, Any]:
    """OpenAI's usage object. Cached tokens are part of the input's, reasoning of the output's."""
    into: dict[str, int] = {"cached_tokens": usage.cached_input_tokens + usage.cached_audio_tokens}
    into["cache_write_tokens"] = usage.cache_write_tokens + usage.cache_write_1h_tokens
    return {
        "input_tokens": usage.total_input,
        "input_tokens_details": into,
        "output_tokens": usage.total_output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }
