"""Faults in the words of each client dialect."""

from collections.abc import Callable, Mapping

import msgspec

from gateway.core.conversation import DialectName
from gateway.core.faults import Fault
from gateway.dialects.anthropic import errors as anthropic
from gateway.dialects.gemini import errors as gemini
from gateway.dialects.openai import errors as openai


class ErrorShape(msgspec.Struct, frozen=True):
    """`body` and `event` take the fault and the request id."""

    body: Callable[[Fault, str], bytes]
    event: Callable[[Fault, str], bytes]
    headers: Callable[[Fault], list[tuple[str, str]]]
    request_id_header: str = "x-request-id"


SHAPES: Mapping[DialectName, ErrorShape] = {
    "openai": ErrorShape(openai.error_body, openai.error_event, openai.error_headers),
    "gemini": ErrorShape(gemini.error_body, gemini.error_event, gemini.error_headers),
    "anthropic": ErrorShape(anthropic.error_body, anthropic.error_event, openai.error_headers, "request-id"),
}
