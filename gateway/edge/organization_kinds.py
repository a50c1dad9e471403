"""What OpenAI's usage API tells of each kind of usage, and from which of our numbers."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Object = dict[str, Any]


class Kind(msgspec.Struct, frozen=True):
    """A kind of usage: `operations` that it is about (none: all), what may be grouped by, and the numbers of a row."""

    operations: tuple[str, ...]
    groups: tuple[str, ...]
    result: str
    numbers: Callable[[Mapping[str, int]], Object]
    none: Callable[[Mapping[str, int]], bool] = lambda row: not row["calls"]


def _completions(row: Mapping[str, int]) -> Object:
    cached = row["cached_input_tokens"] + row["cached_audio_tokens"]
    written = row["cache_write_tokens"] + row["cache_write_1h_tokens"]
    uncached = row["input_tokens"] - cached - written
    sounds, pictures = row["input_audio_tokens"], row["input_image_tokens"]
    return {
        "input_tokens": row["input_tokens"],
        "output_tokens": row["output_tokens"],
        "num_model_requests": _requests(row),
        "input_cached_tokens": cached,
        "input_cache_write_tokens": written,
        "input_uncached_tokens": uncached,
        "input_text_tokens": uncached - sounds - pictures,
        "input_audio_tokens": sounds,
        "input_image_tokens": pictures,
        "input_cached_audio_tokens": row["cached_audio_tokens"],
        "output_text_tokens": row["output_tokens"] - row["output_audio_tokens"] - row["output_image_tokens"],
        "output_audio_tokens": row["output_audio_tokens"],
        "output_image_tokens": row["output_image_tokens"],
    }


def _requests(row: Mapping[str, int]) -> int:
    """Requests made to a model: what was refused was not."""
    return row["calls"] - row["refused"]


def _tokens(row: Mapping[str, int]) -> Object:
    return {"input_tokens": row["input_tokens"], "num_model_requests": _requests(row)}


_WHO = ("project_id", "user_id", "api_key_id", "model")
# Vector stores are kept by providers, not by this gateway: there is never anything to tell.
KINDS: Mapping[str, Kind] = {
    "completions": Kind(
        ("chat", "completions", "responses", "messages", "generate"),
        (*_WHO, "batch", "service_tier", "api_source"),
        "completions",
        _completions,
    ),
    "embeddings": Kind(("embeddings",), _WHO, "embeddings", _tokens),
    "moderations": Kind(("moderations",), _WHO, "moderations", _tokens),
    "images": Kind(
        ("images",),
        (*_WHO, "size", "source"),
        "images",
        lambda row: {"images": row["images"], "num_model_requests": _requests(row)},
    ),
    "audio_speeches": Kind(
        ("speech",),
        _WHO,
        "audio_speeches",
        lambda row: {"characters": row["characters"], "num_model_requests": _requests(row)},
    ),
    "audio_transcriptions": Kind(
        ("transcriptions", "translations"),
        _WHO,
        "audio_transcriptions",
        lambda row: {"seconds": round(row["audio_ms"] / 1000), "num_model_requests": _requests(row)},
    ),
    "vector_stores": Kind((), ("project_id",), "vector_stores", lambda _: {"usage_bytes": 0}, lambda _: True),
    "code_interpreter_sessions": Kind(
        (),
        ("project_id",),
        "code_interpreter_sessions",
        lambda row: {"num_sessions": row["code_sessions"]},
        lambda row: not row["code_sessions"],
    ),
}
