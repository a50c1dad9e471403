"""Usage objects of OpenAI-compatible providers, as disjoint meters.

What differs between them, and how it is told apart (from recorded traffic and the providers' pages):
* cached tokens are part of `prompt_tokens`/`input_tokens` (OpenAI, "Prompt caching"); DeepSeek also reports
  `prompt_cache_hit_tokens`, Together and Moonshot a bare `cached_tokens`, Mistral `num_cached_tokens`;
* reasoning tokens are part of `completion_tokens` with everybody but xAI's chat completions, where
  `total = prompt + completion + reasoning`: the sum itself says which, so no table of providers is needed;
* image answers report `output_tokens` that are all image tokens; transcriptions report tokens or `seconds`;
* Cohere bills `billed_units.search_units`, Voyage and Jina `total_tokens` alone.
"""

from collections.abc import Mapping
from typing import cast

from gateway.core.conversation import Json
from gateway.core.usage import Usage
from gateway.dialects.reading import part, whole


def read_usage(block: Json, *, images_out: bool = False) -> Usage:
    """One usage object. Missing, null or mistyped counts are 0; parts never exceed the total they are part of."""
    if block.get("type") == "duration":
        return Usage(audio_ms=_milliseconds(block.get("seconds")))
    billed = part(block, "billed_units")
    if billed:
        return Usage(
            search_units=whole(billed.get("search_units")),
            input_tokens=whole(billed.get("input_tokens")),
            output_tokens=whole(billed.get("output_tokens")),
        )
    into = (
        part(block, "prompt_tokens_details")
        or part(block, "input_tokens_details")
        or part(block, "input_token_details")
    )
    out = part(block, "completion_tokens_details") or part(block, "output_tokens_details")
    prompt = whole(block.get("prompt_tokens")) or whole(block.get("input_tokens"))
    completion = whole(block.get("completion_tokens")) or whole(block.get("output_tokens"))
    total = whole(block.get("total_tokens"))
    if not prompt and not completion:
        prompt = total
    reasoning = whole(out.get("reasoning_tokens"))
    if reasoning and total == prompt + completion + reasoning:
        completion += reasoning
    return _disjoint(block, into, out, prompt, completion, reasoning, images_out=images_out)


def _disjoint(
    block: Json, into: Json, out: Json, prompt: int, completion: int, reasoning: int, *, images_out: bool
) -> Usage:
    cached = min(
        whole(into.get("cached_tokens"))
        or whole(block.get("prompt_cache_hit_tokens"))
        or whole(block.get("cached_tokens"))
        or whole(block.get("num_cached_tokens")),
        prompt,
    )
    prompt -= cached
    written = min(whole(into.get("cache_write_tokens")), prompt)
    prompt -= written
    audio_in = min(whole(into.get("audio_tokens")), prompt)
    prompt -= audio_in
    image_in = min(whole(into.get("image_tokens")), prompt)
    prompt -= image_in
    reasoning = min(reasoning, completion)
    completion -= reasoning
    audio_out = min(whole(out.get("audio_tokens")), completion)
    completion -= audio_out
    image_out = completion if images_out and not out else min(whole(out.get("image_tokens")), completion)
    completion -= image_out
    return Usage(
        input_tokens=prompt,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        input_audio_tokens=audio_in,
        input_image_tokens=image_in,
        output_tokens=completion,
        reasoning_tokens=reasoning,
        output_audio_tokens=audio_out,
        output_image_tokens=image_out,
    )


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
