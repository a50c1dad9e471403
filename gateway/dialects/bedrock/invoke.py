"""Claude by InvokeModel: Anthropic's own bodies and events, but for a field or two and for how a stream is framed.

Source: Bedrock User Guide, "Anthropic Claude Messages API" (request: `anthropic_version`, `anthropic_beta`); Bedrock
Runtime API Reference, "InvokeModelWithResponseStream" (`chunk` events whose `bytes` are base64 of Anthropic's events).
The model and whether to stream are in the path.
"""

import base64
import binascii
from collections.abc import Iterable

import msgspec

from gateway.core.faults import UpstreamBroken
from gateway.dialects.anthropic.errors import error_event
from gateway.dialects.bedrock.errors import stream_error
from gateway.dialects.eventstream import EventMessage, EventStreamReader
from gateway.dialects.reading import answer_object, words
from gateway.dialects.sse import event

# The last events of a stream, after which it may close.
_ENDINGS = frozenset({"message_stop", "error"})


class _Typed(msgspec.Struct):
    type: str = ""


_type_of = msgspec.json.Decoder(_Typed).decode


def beta_names(headers: Iterable[str]) -> list[str]:
    """The single names in `anthropic-beta` headers, each once."""
    names = (name.strip() for value in headers for name in value.split(","))
    return list(dict.fromkeys(name for name in names if name))


class InvokeStream:
    """An InvokeModelWithResponseStream's bytes as the Server-Sent Events Anthropic would have sent. Each event's JSON
    keeps its bytes."""

    __slots__ = ("_broken", "_ended", "_request_id", "_stream")

    def __init__(self, request_id: str = "") -> None:
        self._stream = EventStreamReader()
        self._request_id = request_id
        self._ended = False
        self._broken: UpstreamBroken | None = None

    def feed(self, chunk: bytes) -> bytes:
        """The events that these bytes complete.

        Raises:
            UpstreamBroken: they are no event stream, or hold what is not Anthropic's. What came before it is given
                first, and this with the next call.
        """
        if self._broken is not None:
            raise self._broken
        written: list[bytes] = []
        try:
            for message in self._stream.feed(chunk):
                if not self._ended:
                    written.append(self._message(message))
        except UpstreamBroken as fault:
            if not any(written):
                raise
            self._broken = fault
        return b"".join(written)

    def end(self) -> bytes:
        """The upstream has closed the stream.

        Raises:
            UpstreamBroken: it did so before the answer was whole.
        """
        if self._broken is not None:
            raise self._broken
        if not self._ended:
            raise UpstreamBroken(
                "the upstream's stream ended before the answer was complete", code="upstream_cut_short"
            )
        return b""

    def _message(self, message: EventMessage) -> bytes:
        said = answer_object(message.payload) if message.payload else {}
        if (fault := stream_error(message, said)) is not None:
            self._ended = True
            return error_event(fault, self._request_id)
        if message.word(":event-type") != "chunk":
            return b""
        try:
            data = base64.b64decode(words(said, "bytes"), validate=True)
            name = _type_of(data).type
        except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
            raise UpstreamBroken("the upstream sent an event that is not valid JSON") from None
        self._ended = name in _ENDINGS
        return event(_one_line(data), name if name.isidentifier() else "")


def _one_line(data: bytes) -> bytes:
    """JSON as it came. A line break outside its strings, where alone one can be, would end the event: a space there
    means the same."""
    if b"\n" in data or b"\r" in data:
        return data.replace(b"\r", b" ").replace(b"\n", b" ")
    return data
