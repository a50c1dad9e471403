"""Errors: `{"error": {"code", "message", "status", "details"}}`, a google.rpc.Status, read and written.

Source: https://ai.google.dev/gemini-api/docs/troubleshooting, https://cloud.google.com/apis/design/errors.
`RetryInfo.retryDelay` is Google's retry-after; `BadRequest.fieldViolations` names fields; an invalid API key is a 400
whose ErrorInfo says API_KEY_INVALID. The unframed stream answers an error as an array that holds it.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from gateway.core.conversation import Json
from gateway.core.faults import Fault, UpstreamFault
from gateway.dialects.reading import json_text, part, rows, words
from gateway.dialects.refusals import refused
from gateway.dialects.sse import event

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_TYPE = "type.googleapis.com/google.rpc."
_DELAY = re.compile(r"(\d{1,9})(\.\d{1,9})?s")
_WORDS: Mapping[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
# Two 400s that no caller can mend: the key, and the country or the account that the gateway calls from.
_KEY_REASONS = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "API_KEY_SERVICE_BLOCKED"})
_KEY_MESSAGE = re.compile(r"\bAPI key (not valid|not found|expired)\b", re.IGNORECASE)
_ACCOUNT_MESSAGE = re.compile(r"location is not supported|not available in your country|billing", re.IGNORECASE)


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFault:
    """The fault for an answer with an error status, whatever its body is."""
    return _fault(status, headers, _error_of(body))


def decode_error_event(said: Json) -> UpstreamFault:
    """The fault for an error that stands where a chunk is expected."""
    error = part(said, "error")
    code = error.get("code")
    status = code if type(code) is int and 400 <= code < 600 else 500
    return _fault(status, {}, error)


def _error_of(body: bytes) -> Json:
    try:
        said = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    if isinstance(said, list) and said:
        said = cast(list[object], said)[0]
    return part(cast(Json, said), "error") if isinstance(said, dict) else {}


def _fault(status: int, headers: Mapping[str, str], error: Json) -> UpstreamFault:
    message, details = words(error, "message"), rows(error, "details")
    kind = words(error, "status")
    hints = {name.lower(): value for name, value in headers.items()}
    delay = next((found for one in details if (found := _DELAY.fullmatch(words(one, "retryDelay")))), None)
    if delay is not None:
        hints.setdefault("retry-after", str(int(delay.group(1)) + bool((delay.group(2) or "").strip(".0"))))
    reasons = {words(one, "reason") for one in details}
    if status == 400 and (reasons & _KEY_REASONS or _KEY_MESSAGE.search(message)):
        status = 401
    elif status == 400 and kind == "FAILED_PRECONDITION" and _ACCOUNT_MESSAGE.search(message):
        status = 403
    violations = (words(row, "field") for one in details for row in rows(one, "fieldViolations"))
    return refused(status, message, kind=kind, param=next((field for field in violations if field), ""), headers=hints)


def error_body(fault: Fault, request_id: str) -> bytes:
    """The JSON error object for a fault."""
    return _encode(_status(fault, request_id))


def error_event(fault: Fault, request_id: str) -> bytes:
    """The same as an event, for a stream that breaks after its first byte."""
    return event(error_body(fault, request_id))


def error_headers(fault: Fault) -> list[tuple[str, str]]:
    return [("content-type", "application/json; charset=UTF-8"), *fault.headers.items()]


def _status(fault: Fault, request_id: str) -> dict[str, Any]:
    said = {"request_id": request_id, "blame": fault.blame, **fault.details}
    metadata = {name: value if isinstance(value, str) else json_text(value) for name, value in said.items()}
    details: list[dict[str, Any]] = [
        {"@type": _TYPE + "ErrorInfo", "reason": fault.code.upper(), "domain": "gateway", "metadata": metadata}
    ]
    if fault.param:
        violation = {"field": fault.param, "description": fault.message}
        details.append({"@type": _TYPE + "BadRequest", "fieldViolations": [violation]})
    retry = fault.headers.get("retry-after", "")
    if retry.isdecimal():
        details.append({"@type": _TYPE + "RetryInfo", "retryDelay": f"{retry}s"})
    word = _WORDS.get(fault.status, "INVALID_ARGUMENT" if fault.status < 500 else "UNKNOWN")
    return {"error": {"code": fault.status, "message": fault.message, "status": word, "details": details}}
