"""What a call will use, from its own fields: for reservations, and for records of calls that were cut."""

import math
from typing import cast

import msgspec

from gateway.core.call import Call
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
CHOICE_FIELDS = ("n", "best_of", "candidateCount", "candidate_count")
_WITHOUT_TEXT_OUTPUT = frozenset(
    {"count_tokens", "embeddings", "moderations", "rerank", "speech", "transcriptions", "translations", "images"}
)


def all_tokens(call: Call, default_output: int) -> int:
    """Tokens of the request and of the longest answer it allows."""
    if call.operation.name in _WITHOUT_TEXT_OUTPUT:
        return input_tokens(call)
    choices = _largest(call, CHOICE_FIELDS)
    return input_tokens(call) + estimate_output(most_output(call), choices, default_output)


def most_output(call: Call) -> int:
    """The most tokens that the request asks for, or 0 if it does not say. Which of two fields counts, the upstream
    decides: the larger is taken."""
    return _largest(call, OUTPUT_FIELDS)


def most_choices(call: Call) -> int:
    """How many answers to one question the request asks for; 1 if it does not say."""
    return max(1, _largest(call, CHOICE_FIELDS))


def _largest(call: Call, names: tuple[str, ...]) -> int:
    """The largest number that one of these fields holds, at the top or where Gemini keeps them; or 0."""
    found, get = 0, call.fields.get
    for name in names:
        if (value := get(name)) is not None:
            found = max(found, _number(value))
    for place in CONFIGS:
        if isinstance(config := get(place), dict):
            inner = cast(dict[str, object], config)
            found = max(found, *(_number(inner.get(name)) for name in names))
    return found


def _number(value: object) -> int:
    """What an upstream may take the value for: many read `"100"` and `100.0` as well. 0 for what is no number, and for
    less, which some take for `no limit`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0
    try:
        found = value if isinstance(value, int) else float(value[:MAX_DIGITS] if isinstance(value, str) else value)
        return min(MOST, max(0, math.ceil(found)))
    except (ValueError, OverflowError):
        return 0


def known_usage(call: Call) -> tuple[Usage | None, UsageSource]:
    """What an ended call used: as the provider said, or, when it was cut before the provider could say, what is known
    of it: the output that had come and, after a hang-up, at least what had gone in."""
    served = call.served
    if served.usage is not None:
        used, cut = served.usage, call.record.outcome in ("cancelled", "failed")
        # Some upstreams say at the start what went in: when the answer is cut, what had come out is still counted.
        if cut and not served.complete and used.total_output < served.estimated_output_tokens:
            return msgspec.structs.replace(used, output_tokens=served.estimated_output_tokens), "estimate"
        return used, served.usage_source
    if served.estimated_output_tokens or (served.asked and call.record.outcome == "cancelled"):
        return Usage(input_tokens=input_tokens(call), output_tokens=served.estimated_output_tokens), "estimate"
    return None, "none"
