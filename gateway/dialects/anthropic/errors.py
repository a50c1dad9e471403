"""Errors: `{"type": "error", "error": {"type", "message"}, "request_id"}`.

Source: Anthropic's page "Errors". The types are the ones its SDKs know.
"""

from collections.abc import Mapping

import msgspec

from gateway.core.faults import Fault, UpstreamFault
from gateway.dialects.reading import part, words
from gateway.dialects.refusals import error_object, refused
from gateway.dialects.sse import event

_encode = msgspec.json.Encoder().encode

_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    409: "invalid_request_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
# The statuses that the page gives to errors which come inside a stream, after a 200.
STATUSES: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFault:
    """The fault for an error answer, whatever its body is."""
    error = part(error_object(body), "error")
    return refused(status, words(error, "message"), kind=words(error, "type"), headers=headers)


def error_body(fault: Fault, request_id: str) -> bytes:
    """The JSON error object for a fault."""
    return _encode(
        {
            "type": "error",
            "error": {"type": _type(fault), "message": fault.message},
            "request_id": request_id,
            "gateway": {"code": fault.code, "param": fault.param, "blame": fault.blame, **fault.details},
        }
    )


def error_event(fault: Fault, request_id: str) -> bytes:
    """The same as an event, for a stream that breaks after its first byte."""
    return event(error_body(fault, request_id), "error")


def _type(fault: Fault) -> str:
    if fault.code in ("upstream_overloaded", "overloaded"):
        return "overloaded_error"
    return _TYPES.get(fault.status, "api_error")
