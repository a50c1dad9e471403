"""What a call will use, from its own fields: for reservations, and for records of calls that were cut."""

from gateway.core.call import Call
from gateway.core.record import UsageSource
from gateway.core.usage import Usage
from gateway.limits.estimate import INLINE_DATA_BYTES, estimate_input, estimate_output

_OUTPUT_FIELDS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_WITHOUT_TEXT_OUTPUT = frozenset(
    {"embeddings", "moderations", "rerank", "speech", "transcriptions", "translations", "images"}
)


def input_tokens(call: Call) -> int:
    """Tokens of the request. Inline data (base64) counts by the piece, not by the byte."""
    size = call.record.bytes_in
    if call.operation.multipart:
        return estimate_input(0, 1)
    if size <= INLINE_DATA_BYTES:
        return estimate_input(size)
    inline_bytes, parts = call.fields.inline_data()
    return estimate_input(max(0, size - inline_bytes), parts)


def all_tokens(call: Call, default_output: int) -> int:
    """Tokens of the request and of the longest answer it allows."""
    if call.operation.name in _WITHOUT_TEXT_OUTPUT:
        return input_tokens(call)
    allowed = next((value for name in _OUTPUT_FIELDS if (value := call.fields.get(name)) is not None), None)
    return input_tokens(call) + estimate_output(allowed, call.fields.get("n"), default_output)


def known_usage(call: Call) -> tuple[Usage | None, UsageSource]:
    """What an ended call used: as the provider said, or, when it was cut before the provider could say, what is known
    of it: the output that had come and, after a hang-up, at least what had gone in."""
    served = call.served
    if served.usage is not None:
        return served.usage, "provider"
    if served.estimated_output_tokens or (served.asked and call.record.outcome == "cancelled"):
        return Usage(input_tokens=input_tokens(call), output_tokens=served.estimated_output_tokens), "estimate"
    return None, "none"
