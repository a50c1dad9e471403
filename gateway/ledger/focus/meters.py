"""What our meters are called in a FOCUS dataset, as a table, and their quantities in its units."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

import msgspec

_NONE: Mapping[str, str] = MappingProxyType({})


class Meter(msgspec.Struct, frozen=True):
    """`name`: its SkuMeter. `unit`: what is counted, plural; `scale`: how many of the ledger's units make one.
    `details`: what SkuPriceDetails says of it, in the words of version 1.5 with the `x_` of what comes before it."""

    name: str
    unit: str = "Tokens"
    details: Mapping[str, str] = _NONE
    scale: int = 1


def _input(name: str, cache: str, **more: str) -> Meter:
    return Meter(name, details={"x_TokenDirection": "Input", "x_TokenCacheAction": cache, **more})


def _output(name: str, **more: str) -> Meter:
    return Meter(name, details={"x_TokenDirection": "Output", **more})


METERS: Mapping[str, Meter] = {
    "input_tokens": _input("Input Tokens", "Uncached"),
    "cached_input_tokens": _input("Cache Read Input Tokens", "Read"),
    "cache_write_tokens": _input("Cache Write Input Tokens", "Write"),
    "cache_write_1h_tokens": _input("Cache Write Input Tokens, 1 Hour", "Write", x_CacheTtl="1h"),
    "input_audio_tokens": _input("Audio Input Tokens", "Uncached", x_Modality="Audio"),
    "cached_audio_tokens": _input("Cache Read Audio Input Tokens", "Read", x_Modality="Audio"),
    "input_image_tokens": _input("Image Input Tokens", "Uncached", x_Modality="Image"),
    "output_tokens": _output("Output Tokens"),
    "reasoning_tokens": _output("Reasoning Output Tokens", x_Reasoning="true"),
    "output_audio_tokens": _output("Audio Output Tokens", x_Modality="Audio"),
    "output_image_tokens": _output("Image Output Tokens", x_Modality="Image"),
    "images": Meter("Images", "Images"),
    "audio_ms": Meter("Audio", "Seconds", scale=1000),
    "characters": Meter("Characters", "Characters"),
    "search_units": Meter("Search Units", "Units"),
    "web_searches": Meter("Web Searches", "Requests"),
    "file_searches": Meter("File Searches", "Requests"),
    "code_sessions": Meter("Code Sessions", "Units"),
    "gpu_us": Meter("GPU Time", "Seconds", scale=1_000_000),
    "requests": Meter("Requests", "Requests"),
    # The provider's own figure for everything that one attempt cost.
    "reported": Meter("Requests at the Provider's Own Figure", "Requests"),
}


def meter_of(word: str) -> Meter:
    """Of a meter this page does not know, its own word is the name."""
    return METERS.get(word) or Meter(word.replace("_", " ").title(), "Units")


def consumed(meter: Meter, quantity: int) -> Decimal:
    """In the meter's unit; exact."""
    return Decimal(quantity) / meter.scale


def pricing_unit(meter: Meter, per: int) -> str:
    """What a price is for, such as `1000000 Tokens` or `Hours`: a whole number of units, or it is no unit of FOCUS."""
    count, rest = divmod(per, meter.scale)
    if rest:
        return f"{per} {_PARTS[meter.scale]}"
    unit = meter.unit
    if unit == "Seconds":
        size, unit = next(one for one in _TIMES if count % one[0] == 0)
        count //= size
    return unit if count == 1 else f"{count} {unit}"


_TIMES = ((3600, "Hours"), (60, "Minutes"), (1, "Seconds"))
_PARTS = {1000: "Milliseconds", 1_000_000: "Microseconds"}
