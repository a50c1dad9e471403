"""A response's own `error`, in the answer or in the stream: read as a fault, and written for a client.

Source: OpenAI's API reference, "The response object", `error.code`.
"""

from collections.abc import Mapping
from typing import Any

from gateway.core.conversation import Json
from gateway.core.faults import Fault, UpstreamFault
from gateway.dialects.reading import words
from gateway.dialects.refusals import refused

# What is neither here nor begins as one of `_CALLERS` is the upstream's own failure.
_STATUSES: Mapping[str, int] = {
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "tokens": 429,
    "requests": 429,
    "server_is_overloaded": 503,
    "slow_down": 503,
    "vector_store_timeout": 504,
    "context_length_exceeded": 400,
    "data_residency_mismatch": 400,
    "bio_policy": 400,
    "cyber_policy": 400,
    "misalignment_policy_violation": 400,
    "content_policy_violation": 400,
    "unsupported_image_media_type": 400,
    "empty_image_file": 400,
    "failed_to_download_image": 400,
}
_CALLERS = ("invalid_", "image_", "unsupported_")


def failure_of(error: Json) -> UpstreamFault:
    """The fault for an `error` object."""
    kind = words(error, "code") or words(error, "type")
    status = _STATUSES.get(kind) or (400 if kind.startswith(_CALLERS) else 500)
    return refused(status, words(error, "message"), kind=kind, param=words(error, "param"))


def write_failure(fault: Fault) -> dict[str, Any]:
    """The `error` of a response that failed: its codes are a closed set, the fault's own stands in the error event."""
    codes = {"caller": "invalid_prompt"}
    code = "rate_limit_exceeded" if fault.status == 429 else codes.get(fault.blame, "server_error")
    return {"code": code, "message": fault.message}
