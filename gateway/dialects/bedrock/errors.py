"""Errors: `{"message"}` with the error's name in the `x-amzn-errortype` header; in a stream, an exception message.

Source: Bedrock Runtime API Reference, "Converse" and "InvokeModelWithResponseStream" (errors and their statuses),
"Common errors".
"""

from collections.abc import Mapping

from gateway.core.conversation import Json
from gateway.core.faults import UpstreamFault
from gateway.dialects.eventstream import EventMessage
from gateway.dialects.reading import words
from gateway.dialects.refusals import error_object, refused

# The HTTP statuses of the reference, for exceptions in a stream; by name, in lower case, without "Exception".
STATUSES: Mapping[str, int] = {
    "accessdenied": 403,
    "internalserver": 500,
    "modelerror": 424,
    "modelnotready": 429,
    "modelstreamerror": 424,
    "modeltimeout": 408,
    "resourcenotfound": 404,
    "serviceunavailable": 503,
    "throttling": 429,
    "validation": 400,
}
# A 400 by its status; but the account's quota is no fault of the caller's request.
_QUOTA = "servicequotaexceeded"


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFault:
    """The fault for an error answer, whatever its body is."""
    said = error_object(body)
    kind = _name(headers.get("x-amzn-errortype", "") or words(said, "__type"))
    message = words(said, "message") or words(said, "Message")
    return refused(429 if _key(kind) == _QUOTA else status, message, kind=kind, headers=headers)


def stream_error(message: EventMessage, said: Json) -> UpstreamFault | None:
    """The fault that a message of a stream tells of; None if it is an event."""
    match message.word(":message-type"):
        case "exception":
            kind = message.word(":exception-type")
            text = words(said, "message") or words(said, "originalMessage")
            return refused(STATUSES.get(_key(kind), 500), text, kind=kind)
        case "error":
            return refused(500, message.word(":error-message"), kind=message.word(":error-code"))
        case _:
            return None


def _name(said: str) -> str:
    """`ValidationException:http://…` and `com.amazon.coral.validate#ValidationException` as `ValidationException`."""
    return said.partition(":")[0].rpartition("#")[2]


def _key(name: str) -> str:
    return name.lower().removesuffix("exception")
