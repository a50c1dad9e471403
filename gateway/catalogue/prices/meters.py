"""Meters, and what each is called where prices are written."""

from collections.abc import Mapping

from gateway.core.money import MILLION
from gateway.core.usage import METERS

# Besides what a provider counts: a fee for each call, what the provider itself says that it costs, time on machines
# of one's own.
REQUESTS, REPORTED, GPU_TIME = "requests", "reported", "gpu_us"
ROWS: tuple[str, ...] = (*METERS, REQUESTS, GPU_TIME)

# How many of a meter its shown rate is for.
PER: Mapping[str, int] = {
    **{meter: MILLION for meter in METERS if meter.endswith("_tokens")},
    "images": 1,
    "audio_ms": 60_000,
    "characters": MILLION,
    "search_units": 1_000,
    "web_searches": 1_000,
    "file_searches": 1_000,
    "code_sessions": 1,
    REQUESTS: 1,
    REPORTED: 1,
    GPU_TIME: 3_600_000_000,
}
UNIT: Mapping[str, str] = {
    **{meter: "million" for meter in METERS if meter.endswith("_tokens")},
    "images": "image",
    "audio_ms": "minute",
    "characters": "million",
    "search_units": "thousand",
    "web_searches": "thousand",
    "file_searches": "thousand",
    "code_sessions": "session",
    REQUESTS: "request",
    REPORTED: "call",
    GPU_TIME: "GPU-hour",
}

# Meter → the fields of TokenPrices that price it, the first that is there.
TOKENS: Mapping[str, tuple[str, ...]] = {
    "input_tokens": ("input",),
    "cached_input_tokens": ("cached_input", "input"),
    "cache_write_tokens": ("cache_write", "input"),
    "cache_write_1h_tokens": ("cache_write_1h",),
    "input_audio_tokens": ("input_audio", "input"),
    "cached_audio_tokens": ("cached_audio", "input_audio", "cached_input", "input"),
    "input_image_tokens": ("input_image", "input"),
    "output_tokens": ("output",),
    "reasoning_tokens": ("reasoning", "output"),
    "output_audio_tokens": ("output_audio", "output"),
    "output_image_tokens": ("output_image", "output"),
}
# Field of UnitPrices → its meter, and how many of that the price is for.
UNITS: Mapping[str, tuple[str, int]] = {
    "image": ("images", 1),
    "audio_second": ("audio_ms", 1_000),
    "audio_minute": ("audio_ms", 60_000),
    "audio_hour": ("audio_ms", 3_600_000),
    "million_characters": ("characters", MILLION),
    "thousand_search_units": ("search_units", 1_000),
    "thousand_web_searches": ("web_searches", 1_000),
    "thousand_file_searches": ("file_searches", 1_000),
    "code_session": ("code_sessions", 1),
    "request": (REQUESTS, 1),
}

# Meter → the published prices that it falls under, the most special first. genai-prices keeps its units as a
# hierarchy: a price holds for all of its kind that no more special price claims.
PUBLISHED: Mapping[str, tuple[str, ...]] = {
    "input_tokens": ("input_text_mtok", "input_mtok"),
    "cached_input_tokens": ("cache_text_read_mtok", "cache_read_mtok", "input_text_mtok", "input_mtok"),
    "cache_write_tokens": (
        *("cache_text_write_5m_mtok", "cache_write_5m_mtok", "cache_text_write_mtok", "cache_write_mtok"),
        *("input_text_mtok", "input_mtok"),
    ),
    "cache_write_1h_tokens": (
        *("cache_text_write_1h_mtok", "cache_write_1h_mtok", "cache_text_write_mtok", "cache_write_mtok"),
        *("input_text_mtok", "input_mtok"),
    ),
    "input_audio_tokens": ("input_audio_mtok", "input_mtok"),
    "cached_audio_tokens": ("cache_audio_read_mtok", "cache_read_mtok", "input_audio_mtok", "input_mtok"),
    "input_image_tokens": ("input_image_mtok", "input_mtok"),
    "output_tokens": ("output_text_mtok", "output_mtok"),
    "reasoning_tokens": (*("output_text_reasoning_mtok", "output_reasoning_mtok", "output_text_mtok", "output_mtok"),),
    "output_audio_tokens": ("output_audio_mtok", "output_mtok"),
    "output_image_tokens": ("output_image_mtok", "output_mtok"),
    "audio_ms": ("input_audio_hours", "audio_hours"),
    "characters": ("input_mchars",),
    "search_units": ("rerank_searches_kcount",),
    "web_searches": ("web_searches_kcount",),
    "file_searches": ("storage_searches_kcount",),
    REQUESTS: ("requests_kcount",),
}
# How many of the meter a published price is for, where that is not a million.
PUBLISHED_PER: Mapping[str, int] = {
    "audio_ms": 3_600_000,
    "search_units": 1_000,
    "web_searches": 1_000,
    "file_searches": 1_000,
    REQUESTS: 1_000,
}

# A count that needs no price of its own where these were counted: it says of the same sound or picture how much it
# was.
COUNTED_BY: Mapping[str, tuple[str, ...]] = {
    "images": ("output_image_tokens",),
    "audio_ms": ("input_audio_tokens", "cached_audio_tokens", "output_audio_tokens"),
    "characters": ("output_audio_tokens",),
}

# Meter → what its price is called in prices.yaml, for telling that it is missing.
PRICE_OF: Mapping[str, str] = {
    **{meter: fields[0] for meter, fields in TOKENS.items()},
    **{meter: field for field, (meter, _) in reversed(UNITS.items())},
    "audio_ms": "audio_minute",
    GPU_TIME: "per_gpu_hour",
}
