"""Usage objects of OpenAI-compatible providers, as disjoint meters.

What differs between them, and how it is told apart (from recorded traffic and the providers' pages):
* cached tokens are part of `prompt_tokens`/`input_tokens` (OpenAI, "Prompt caching"); DeepSeek also reports
  `prompt_cache_hit_tokens`, Together and Moonshot a bare `cached_tokens`, Mistral `num_cached_tokens`; how many of them
  are sound stands in `cached_tokens_details`, and those are part of `audio_tokens` too;
* reasoning tokens are part of `completion_tokens` with everybody but xAI's chat completions, where
  `total = prompt + completion + reasoning`, and Google's chat completions, which leave the thoughts out of everything
  but the total: the sum itself says which, so no table of providers is needed. More reasoning than completion is
  beside it, whatever the total says: Vercel bills Gemini's thoughts so;
* Perplexity's deep research puts `citation_tokens` (billed as input) and `reasoning_tokens` beside everything, the
  total included;
* image answers report `output_tokens` that are all image tokens, speech such that are all sound; transcriptions report
  tokens or `seconds`;
* Cohere bills `billed_units` (its `tokens` are what the model saw), Voyage and Jina `total_tokens` alone;
* web searches are counted by Perplexity (`num_search_queries`), xAI (`server_side_tool_usage_details`, before that
  the sources of its live search) and OpenRouter (`server_tool_use…`). OpenAI's are in `responses/usage.py`.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, cast

import msgspec

from gateway.core.conversation import Json
from gateway.core.usage import Usage
from gateway.dialects.reading import ABSURD, part, whole

# What few providers count besides.
_UNUSUAL = frozenset(
    {
        *("citation_tokens", "reasoning_tokens", "num_search_queries", "num_sources_used"),
        *("server_side_tool_usage_details", "server_tool_use", "server_tool_use_details"),
        *("prompt_cache_hit_tokens", "billed_units"),
    }
)


_Count = Annotated[int, msgspec.Meta(ge=0, lt=ABSURD)]
_None = Literal[0]


class _Into(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    cached_tokens: _Count = 0
    audio_tokens: _None = 0


class _Out(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    reasoning_tokens: _Count = 0
    audio_tokens: _None = 0
    accepted_prediction_tokens: _None = 0
    rejected_prediction_tokens: _None = 0


class _Usual(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A usage object that is nothing but what OpenAI itself writes with chat completions."""

    prompt_tokens: _Count = 0
    completion_tokens: _Count = 0
    total_tokens: _Count = 0
    prompt_tokens_details: _Into | None = None
    completion_tokens_details: _Out | None = None


_decode_usual = msgspec.json.Decoder(_Usual).decode
_NO_INTO, _NO_OUT = _Into(), _Out()


def read_usual(text: bytes | msgspec.Raw) -> Usage | None:
    """What `read_block` makes of a usage object in which there is nothing to find out: most are such. None for all
    others, text that adds up to no object included."""
    try:
        block: _Usual = _decode_usual(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    prompt, completion = block.prompt_tokens, block.completion_tokens
    into, out = block.prompt_tokens_details or _NO_INTO, block.completion_tokens_details or _NO_OUT
    cached, reasoning = into.cached_tokens, out.reasoning_tokens
    total = block.total_tokens
    if not total or total != prompt + completion or cached > prompt or reasoning > completion:
        return None
    return Usage(
        input_tokens=prompt - cached,
        cached_input_tokens=cached,
        output_tokens=completion - reasoning,
        reasoning_tokens=reasoning,
    )


def read_usage(block: Json, *, images_out: bool = False, audio_out: bool = False) -> Usage:
    """One usage object. Missing, null or mistyped counts are 0; parts never exceed the total they are part of.

    Args:
        images_out, audio_out: what came out is images, or sound, where the object does not say itself.
    """
    return read_block(block, images_out=images_out, audio_out=audio_out)[0]


def read_block(block: Json, *, images_out: bool = False, audio_out: bool = False) -> tuple[Usage, bool]:
    """The same, and whether it adds up: the meters agree with what it claims (`total_tokens`), and no part is larger
    than its whole. Two parts may overlap, for an image or a sound can have been cached."""
    if block.get("type") == "duration":
        return Usage(audio_ms=_milliseconds(block.get("seconds"))), True
    unusual = not _UNUSUAL.isdisjoint(block)
    if unusual and (billed := part(block, "billed_units")):
        return _billed(billed), True
    into, out = _details(block)
    prompt, completion, total = _totals(block)
    reasoning = whole(out.get("reasoning_tokens"))
    if total != prompt + completion or reasoning > completion:
        if reasoning > completion or (reasoning and total == prompt + completion + reasoning):
            completion += reasoning
        elif not reasoning and completion and total > prompt + completion:
            reasoning = total - prompt - completion
            completion += reasoning
    claim = block.get("total_tokens")
    agrees = (type(claim) is not int or claim == prompt + completion) and _parts_fit(into, out, prompt, completion)
    cached = min(whole(into.get("cached_tokens")) or _cached_beside(block), prompt)
    prompt -= cached
    sound = min(whole(part(into, "cached_tokens_details").get("audio_tokens")), cached) if cached else 0
    # Nearly always most of these are 0, and not asked further: this is on every call's way.
    written = min(whole(said), prompt) if (said := into.get("cache_write_tokens")) else 0
    prompt -= written
    audio_in = min(max(0, whole(said) - sound), prompt) if (said := into.get("audio_tokens")) else 0
    prompt -= audio_in
    image_in = min(whole(said), prompt) if (said := into.get("image_tokens")) else 0
    completion -= reasoning
    audio = min(whole(said), completion) if (said := out.get("audio_tokens")) else 0
    images = min(whole(said), completion - audio) if (said := out.get("image_tokens")) else 0
    if audio_out:
        audio, images = completion, 0
    elif images_out and not out:
        images = completion
    completion -= audio
    usage = Usage(
        input_tokens=prompt - image_in,
        cached_input_tokens=cached - sound,
        cache_write_tokens=written,
        input_audio_tokens=audio_in,
        input_image_tokens=image_in,
        output_tokens=completion - images,
        reasoning_tokens=reasoning,
        output_audio_tokens=audio,
        output_image_tokens=images,
        cached_audio_tokens=sound,
    )
    return _with_unusual(block, usage, agrees) if unusual else (usage, agrees)


def _parts_fit(into: Json, out: Json, prompt: int, completion: int) -> bool:
    for details, most in ((into, prompt), (out, completion)):
        for value in details.values():
            if type(value) is int and value > most:
                return False
    return True


def _billed(units: Json) -> Usage:
    return Usage(
        search_units=whole(units.get("search_units")),
        input_tokens=whole(units.get("input_tokens")),
        output_tokens=whole(units.get("output_tokens")),
        input_image_tokens=whole(units.get("image_tokens")),
    )


def _with_unusual(block: Json, usage: Usage, agrees: bool) -> tuple[Usage, bool]:
    """Hosted tools, and tokens beside the totals."""
    if "prompt_cache_hit_tokens" in block:
        hit, miss = whole(block["prompt_cache_hit_tokens"]), whole(block.get("prompt_cache_miss_tokens"))
        agrees = agrees and hit + miss == whole(block.get("prompt_tokens"))
    searches, files, sessions = _hosted(block)
    usage = msgspec.structs.replace(
        usage,
        input_tokens=usage.input_tokens + whole(block.get("citation_tokens")),
        reasoning_tokens=usage.reasoning_tokens + whole(block.get("reasoning_tokens")),
        web_searches=searches,
        file_searches=files,
        code_sessions=sessions,
    )
    return usage, agrees


def _details(block: Json) -> tuple[Json, Json]:
    into = (
        part(block, "prompt_tokens_details")
        or part(block, "input_tokens_details")
        or part(block, "input_token_details")
    )
    out = (
        part(block, "completion_tokens_details")
        or part(block, "output_tokens_details")
        or part(block, "output_token_details")
    )
    return into, out


def _totals(block: Json) -> tuple[int, int, int]:
    """What went in, what came out, and both, as said."""
    get = block.get
    prompt = whole(get("prompt_tokens")) or whole(get("input_tokens"))
    completion = whole(get("completion_tokens")) or whole(get("output_tokens"))
    total = whole(get("total_tokens"))
    if not prompt and not completion:
        prompt = total
    return prompt, completion, total


def _cached_beside(block: Json) -> int:
    get = block.get
    return whole(get("prompt_cache_hit_tokens") or get("cached_tokens") or get("num_cached_tokens"))


def _hosted(block: Json) -> tuple[int, int, int]:
    """Web searches, file searches and code sessions that a usage object counts."""
    used = part(block, "server_side_tool_usage_details")
    if used:
        searches = whole(used.get("web_search_calls")) + whole(used.get("x_search_calls"))
        files = whole(used.get("file_search_calls")) + whole(used.get("document_search_calls"))
        return searches, files, whole(used.get("code_interpreter_calls"))
    hosted = part(block, "server_tool_use_details") or part(block, "server_tool_use")
    searches = whole(block.get("num_search_queries")) or whole(hosted.get("web_search_requests"))
    return searches or whole(block.get("num_sources_used")), 0, 0


def _milliseconds(seconds: object) -> int:
    """Seconds as whole milliseconds, rounded up: a started millisecond was used."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < 1e9:
        return 0
    return -int(-seconds * 1000 // 1)


def used_units(operation: str, answer: Json, request: Mapping[str, object]) -> Usage | None:
    """What an answer without a usage object used, where its content tells: images, seconds, characters. Else None."""
    if operation == "images" and isinstance(data := answer.get("data"), list):
        return Usage(images=len(cast(list[object], data)))
    if operation in ("transcriptions", "translations") and "duration" in answer:
        duration = answer["duration"]
        return Usage(audio_ms=_milliseconds(float(duration) if _is_number(duration) else 0))
    if operation == "speech" and isinstance(text := request.get("input"), str):
        return Usage(characters=len(text))
    if operation == "moderations":
        return Usage()
    if operation == "rerank":
        meta = part(answer, "meta")
        return read_usage(meta) if part(meta, "billed_units") else None
    return None


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return value.replace(".", "", 1).isdecimal()
    return isinstance(value, (int, float))
