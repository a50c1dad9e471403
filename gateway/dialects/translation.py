"""What a protocol must bring to be translated: two shapes of rows, filled in by each dialect's `protocol.py`."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from gateway.core.conversation import ChatRequest, Json
from gateway.core.faults import Fault, UpstreamFault
from gateway.core.generation import Answer, Event
from gateway.dialects.fitting import Abilities, Caption, Quirks


class StreamDecoder(Protocol):
    def feed(self, chunk: bytes, /) -> list[Event]: ...

    def end(self) -> list[Event]: ...


class StreamEncoder(Protocol):
    def encode(self, event_: Event, /) -> bytes: ...

    def fault(self, fault: Fault, request_id: str, /) -> bytes: ...


class ClientProtocol(msgspec.Struct, frozen=True):
    """`encode_answer` and `encoder` are also given the request's body, for what an answer repeats of it.
    `stream_type`: the media type of streams."""

    decode_request: Callable[[Json, str, bool], ChatRequest]
    encode_answer: Callable[[Answer, Caption, Json], bytes]
    encoder: Callable[[Caption, ChatRequest, Json], StreamEncoder]
    stream_type: str = "text/event-stream; charset=utf-8"


class UpstreamProtocol(msgspec.Struct, frozen=True):
    """`adapt`: what the target refuses only in company of something else; gives the request and what was dropped."""

    encode_request: Callable[[ChatRequest, Quirks], dict[str, Any]]
    decode_answer: Callable[[bytes], Answer]
    decoder: Callable[[], StreamDecoder]
    decode_error: Callable[[int, Mapping[str, str], bytes], UpstreamFault]
    abilities: Abilities
    adapt: Callable[[ChatRequest, Quirks], tuple[ChatRequest, list[str]]] | None = None
