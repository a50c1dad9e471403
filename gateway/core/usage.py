"""What a call used, in disjoint meters.

Providers report overlapping totals (cached tokens inside or beside input tokens, reasoning inside or beside output).
A dialect turns those into this shape once; from here on adding meters never counts a token twice.
"""

from collections.abc import Iterator
from itertools import compress
from typing import Annotated

import msgspec
from msgspec.structs import astuple

# No count, duration or cost of one call is larger. More can only be an upstream's nonsense; in the ledger it would
# overflow 64 bits when a report adds it up (9,000 rows of this size still fit). Checked where a record is read.
LARGEST = 10**15
Whole = Annotated[int, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
UnixNs = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Usage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """Disjoint meters, all >= 0. Units are in the names; audio time is in milliseconds so that it stays whole.

    Attributes:
        cached_input_tokens: read from a cache, sound excepted: cached_audio_tokens.
        cache_write_tokens: written for the usual few minutes. cache_write_1h_tokens: for an hour, at another price.
        web_searches, file_searches, code_sessions: hosted tools that a provider bills by the piece.
    """

    input_tokens: Whole = 0
    cached_input_tokens: Whole = 0
    cache_write_tokens: Whole = 0
    cache_write_1h_tokens: Whole = 0
    input_audio_tokens: Whole = 0
    input_image_tokens: Whole = 0
    output_tokens: Whole = 0
    reasoning_tokens: Whole = 0
    output_audio_tokens: Whole = 0
    output_image_tokens: Whole = 0
    images: Whole = 0
    audio_ms: Whole = 0
    characters: Whole = 0
    search_units: Whole = 0
    web_searches: Whole = 0
    cached_audio_tokens: Whole = 0
    file_searches: Whole = 0
    code_sessions: Whole = 0

    @property
    def total_input(self) -> int:
        """Every token that went in, cached or not, of any modality."""
        return (
            self.input_tokens
            + self.cached_input_tokens
            + self.cache_write_tokens
            + self.cache_write_1h_tokens
            + self.input_audio_tokens
            + self.input_image_tokens
            + self.cached_audio_tokens
        )

    @property
    def total_output(self) -> int:
        """Every token that came out, reasoning included."""
        return self.output_tokens + self.reasoning_tokens + self.output_audio_tokens + self.output_image_tokens

    @property
    def total_tokens(self) -> int:
        return self.total_input + self.total_output


METERS: tuple[str, ...] = Usage.__struct_fields__
TOKEN_METERS: tuple[str, ...] = tuple(name for name in METERS if name.endswith("_tokens"))


def meters_used(usage: Usage) -> Iterator[tuple[str, int]]:
    """The meters that are not 0, and what they say. Of two dozen a call uses two or three: the others are passed over
    without a step of the interpreter."""
    counts = astuple(usage)
    return compress(zip(METERS, counts, strict=True), counts)


def sum_of(one: Usage, other: Usage) -> Usage:
    """Both together, meter by meter."""
    return Usage(**{name: getattr(one, name) + getattr(other, name) for name in METERS})
