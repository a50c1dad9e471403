"""What a call will use, from its own fields: for reservations, and for records of calls that were cut."""

import math
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import cast

import msgspec

from gateway.core.call import Call
from gateway.core.fields import Fields
from gateway.core.record import UsageSource
from gateway.core.usage import Usage
from gateway.limits.estimate import estimate_output, input_tokens

# The dialects' own, and those by which engines that speak them are told besides (llama.cpp, TGI): there they count
# before the dialect's.
OUTPUT_FIELDS = (
    *("max_completion_tokens", "max_tokens", "max_output_tokens", "maxOutputTokens"),
    *("n_predict", "max_new_tokens"),
)
CONFIGS = ("generationConfig", "generation_config")
# No answer is as long; larger numbers fit into nothing that keeps or compares them.
MOST = 2**53
MAX_DIGITS = 32
IMAGE_TOKENS = 6_240  # OpenAI's for 1024x1536 in high quality
AUDIO_MS_PER_TOKEN = 50  # twice as many as OpenAI's models make of sound
AUDIO_TOKENS_PER_CHARACTER = 2
SOUND_BYTES_PER_MS = 2  # 16 kbit/s
CHOICE_FIELDS = ("n", "best_of", "candidateCount", "candidate_count")
_OUTPUT, _CHOICES = frozenset((*OUTPUT_FIELDS, *CONFIGS)), frozenset((*CHOICE_FIELDS, *CONFIGS))
SIZES = _OUTPUT | _CHOICES
_WITHOUT_TEXT_OUTPUT = frozenset(
    {"count_tokens", "embeddings", "moderations", "rerank", "speech", "transcriptions", "translations", "images"}
)


def estimated_usage(call: Call, default_output: int) -> Usage:
    """What the request and the longest answer that it allows may use."""
    into, out = estimated_tokens(call, default_output)
    meters = _MEASURED.get(call.operation.name)
    return Usage(input_tokens=into, output_tokens=out, **(meters(call) if meters is not None else {}))


def estimated_tokens(call: Call, default_output: int) -> tuple[int, int]:
    """The same as far as it is tokens: of the request, and of its answer."""
    if call.operation.name in _WITHOUT_TEXT_OUTPUT:
        return input_tokens(call), 0
    sizes = call.sizes
    if sizes is None or sizes[0] is not call.fields:
        output, choices = _asked_for(call.fields, call.fields.among(SIZES))
    else:
        _, output, choices = sizes
    return input_tokens(call), estimate_output(output, choices, default_output)


def _spoken(call: Call) -> int:
    text = call.fields.get("input")
    return len(text) if isinstance(text, str) else call.record.bytes_in


# What is not priced by tokens, by operation. Sound is taken to be packed as closely as speech ever is.
_MEASURED: Mapping[str, Callable[[Call], dict[str, int]]] = {
    "images": lambda call: {"images": most_choices(call)},
    "speech": lambda call: {"characters": _spoken(call)},
    "transcriptions": lambda call: {"audio_ms": call.record.bytes_in // SOUND_BYTES_PER_MS},
    "translations": lambda call: {"audio_ms": call.record.bytes_in // SOUND_BYTES_PER_MS},
    "rerank": lambda call: {"search_units": 1},  # noqa: ARG005
}


def counted_in_tokens(usage: Usage) -> Usage:
    """The same for a model whose images and sound are priced by their tokens: as many as they ever are."""
    return Usage(
        input_tokens=usage.input_tokens,
        input_audio_tokens=usage.audio_ms // AUDIO_MS_PER_TOKEN,
        output_audio_tokens=usage.characters * AUDIO_TOKENS_PER_CHARACTER,
        output_image_tokens=usage.images * IMAGE_TOKENS,
    )


def most_output(call: Call, named: AbstractSet[str] | None = None) -> int:
    """The most tokens that the request asks for, or 0 if it does not say. Which of two fields counts, the upstream
    decides: the larger is taken. `named`: the fields of SIZES that it has, where that is known."""
    fields = call.fields
    if named is None:
        named = fields.among(SIZES)
    if not named.isdisjoint(CHOICE_FIELDS):  # they are somebody else's to read, and to find wrong
        return _asked_for(fields, named & _OUTPUT)[0]
    output, choices = _asked_for(fields, named)
    call.sizes = (fields, output, choices)
    return output


def most_choices(call: Call) -> int:
    """How many answers to one question the request asks for; 1 if it does not say."""
    return max(1, _asked_for(call.fields, call.fields.among(_CHOICES))[1])


def _asked_for(fields: Fields, named: AbstractSet[str]) -> tuple[int, int]:
    """How long an answer the request asks for, and how many: the largest numbers that these of the fields for that
    hold, at the top or where Gemini keeps them; or 0."""
    output, choices, get = 0, 0, fields.get
    for name in named:
        value = get(name)
        if name in CONFIGS:
            inner = cast(dict[str, object], value) if isinstance(value, dict) else {}
            output = max(output, *(_number(inner.get(field)) for field in OUTPUT_FIELDS))
            choices = max(choices, *(_number(inner.get(field)) for field in CHOICE_FIELDS))
            continue
        number = value if type(value) is int and 0 <= value <= MOST else _number(value)
        if name in CHOICE_FIELDS:
            choices = max(choices, number)
        elif number > output:
            output = number
    return output, choices


def _number(value: object) -> int:
    """What an upstream may take the value for: many read `"100"` and `100.0` as well. 0 for what is no number, and for
    less, which some take for `no limit`."""
    if type(value) is int:  # nearly always
        return value if 0 <= value <= MOST else 0 if value < 0 else MOST
    if isinstance(value, bool) or not isinstance(value, (float, str)):
        return 0
    try:
        found = float(value[:MAX_DIGITS] if isinstance(value, str) else value)
        return min(MOST, max(0, math.ceil(found)))
    except (ValueError, OverflowError):
        return 0


def known_usage(call: Call) -> tuple[Usage | None, UsageSource]:
    """What an ended call used: as the provider said, or, when it was cut before the provider could say, what is known
    of it: the output that had come and, after a hang-up, at least what had gone in."""
    served = call.served
    if served.usage is not None:
        used, cut = served.usage, call.record.outcome in ("cancelled", "failed", "refused")
        # Some upstreams say at the start what went in: when the answer is cut, what had come out is still counted.
        if cut and not served.complete and used.total_output < served.estimated_output_tokens:
            return msgspec.structs.replace(used, output_tokens=served.estimated_output_tokens), "estimate"
        return used, served.usage_source
    if served.estimated_output_tokens or (served.asked and call.record.outcome == "cancelled"):
        return Usage(input_tokens=input_tokens(call), output_tokens=served.estimated_output_tokens), "estimate"
    return None, "none"
