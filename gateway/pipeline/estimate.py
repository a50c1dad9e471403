"""What a call will use, from its own fields: for reservations, and for records of calls that were cut."""

from collections.abc import Iterable
from typing import cast

import msgspec

from gateway.core.call import Call
from gateway.core.record import UsageSource
from gateway.core.usage import Usage
from gateway.limits.estimate import estimate_output, input_tokens

OUTPUT_FIELDS = ("max_completion_tokens", "max_tokens", "max_output_tokens", "maxOutputTokens")
_CHOICE_FIELDS = ("n", "best_of", "candidateCount", "candidate_count")
_WITHOUT_TEXT_OUTPUT = frozenset(
    {"count_tokens", "embeddings", "moderations", "rerank", "speech", "transcriptions", "translations", "images"}
)


def all_tokens(call: Call, default_output: int) -> int:
    """Tokens of the request and of the longest answer it allows."""
    if call.operation.name in _WITHOUT_TEXT_OUTPUT:
        return input_tokens(call)
    choices = _largest(call, _CHOICE_FIELDS)
    return input_tokens(call) + estimate_output(most_output(call), choices, default_output)


def most_output(call: Call) -> int:
    """The most tokens that the request asks for, or 0 if it does not say. Which of two fields counts, the upstream
    decides: the larger is taken."""
    return _largest(call, OUTPUT_FIELDS)


def _largest(call: Call, names: Iterable[str]) -> int:
    """The largest whole number that one of these fields holds, at the top or where Gemini keeps them; or 0."""
    inner = [call.fields.get(name) for name in ("generationConfig", "generation_config")]
    configs = [cast(dict[str, object], config) for config in inner if isinstance(config, dict)]
    values = [place.get(name) for name in names for place in (call.fields, *configs)]
    return max((value for value in values if isinstance(value, int) and value > 0), default=0)


def known_usage(call: Call) -> tuple[Usage | None, UsageSource]:
    """What an ended call used: as the provider said, or, when it was cut before the provider could say, what is known
    of it: the output that had come and, after a hang-up, at least what had gone in."""
    served = call.served
    if served.usage is not None:
        used, cut = served.usage, call.record.outcome in ("cancelled", "failed")
        # Some upstreams say at the start what went in: when the answer is cut, what had come out is still counted.
        if cut and not served.complete and used.total_output < served.estimated_output_tokens:
            return msgspec.structs.replace(used, output_tokens=served.estimated_output_tokens), "estimate"
        return used, "provider"
    if served.estimated_output_tokens or (served.asked and call.record.outcome == "cancelled"):
        return Usage(input_tokens=input_tokens(call), output_tokens=served.estimated_output_tokens), "estimate"
    return None, "none"
