"""Faults in OpenAI's error shape: `{"error": {"message", "type", "param", "code"}}`.

The types are the ones OpenAI's SDKs know; the extra `gateway` object names the request, whose fault it is, and what a
program can act on (which limit, when it frees, which rule).
"""

from collections.abc import Mapping

import msgspec

from gateway.core.faults import Fault, NotConfigured, UpstreamFault
from gateway.dialects.reading import part, words
from gateway.dialects.refusals import error_object, refused

_encode = msgspec.json.Encoder().encode

_TYPES: dict[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
    431: "invalid_request_error",
    529: "server_error",
}


# Which SDKs and their users know from OpenAI for an account without credit: not to be waited for, but to be paid for.
_TYPES_BY_CODE: dict[str, str] = {"budget_exhausted": "insufficient_quota"}


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFault:
    """The fault for an upstream's error answer, whatever its body is. Some put the error's fields at the top, some a
    bare string into `error`, FastAPI servers a `detail`."""
    said = error_object(body)
    error = part(said, "error") or said
    message = words(error, "message") or words(said, "error") or words(said, "detail")
    kind = words(error, "code") or words(error, "type")
    return refused(status, message, kind=kind, param=words(error, "param"), headers=headers)


def error_fields(fault: Fault, request_id: str) -> dict[str, object]:
    """The error object for a fault."""
    return {
        "message": fault.message,
        "type": _TYPES_BY_CODE.get(fault.code) or _TYPES.get(fault.status, "server_error"),
        "param": fault.param,
        "code": fault.code,
        "gateway": {"request_id": request_id, "blame": fault.blame, **fault.details},
    }


def error_body(fault: Fault, request_id: str) -> bytes:
    """The JSON error object for a fault."""
    return _encode({"error": error_fields(fault, request_id)})


def error_event(fault: Fault, request_id: str) -> bytes:
    """The same as an event, for a stream that breaks after its first byte. No `[DONE]` follows."""
    return b"data: " + error_body(fault, request_id) + b"\n\n"


def error_headers(fault: Fault) -> list[tuple[str, str]]:
    """Headers that OpenAI's SDKs obey: a refusal that will not change by itself says so."""
    hints = dict(fault.headers)
    if isinstance(fault, NotConfigured) or (fault.blame in ("caller", "policy") and fault.status != 429):
        hints["x-should-retry"] = "false"  # whatever an upstream says of what it calls a failure
    return [("content-type", "application/json"), *hints.items()]
