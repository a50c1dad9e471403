"""Reading streams of ConverseStream.

message               what it does
the first, any        started: it says nothing of an answer but that it begins
contentBlockStart     a tool call or an image begins; of Bedrock's own tools, nothing
contentBlockDelta     the block grows; text and thoughts have no start of their own, and begin with their first piece
contentBlockStop      the part ends; a signature is told now, for it may come in pieces
messageStop           why it stopped
metadata              usage; ended, for it is the last
exception, error      failed
anything else         nothing

Source: Bedrock Runtime API Reference, "ConverseStream", "ContentBlockDelta", "ReasoningContentBlockDelta". A stream is
whole when `messageStop` and `metadata` have come; if it ends between the two, and not in mid-message, it is whole as
well, but its usage is not known.
"""

import base64
from collections.abc import Mapping

import msgspec

from gateway.core.conversation import Image, Inline, Json, Part, Text, Thinking, ToolCall
from gateway.core.faults import UpstreamBroken
from gateway.core.generation import (
    Cited,
    Delta,
    Ended,
    Event,
    Failed,
    Finished,
    PartEnded,
    PartStarted,
    Signed,
    Started,
    Used,
)
from gateway.dialects.bedrock.answers import SERVERS_CALL, finish_of, tier_of
from gateway.dialects.bedrock.citations import read_citation
from gateway.dialects.bedrock.errors import stream_error
from gateway.dialects.bedrock.media import IMAGE_TYPES
from gateway.dialects.bedrock.signatures import sealed_bytes, sealed_text
from gateway.dialects.bedrock.usage import read_usage, statement_of
from gateway.dialects.eventstream import EventMessage, EventStreamReader
from gateway.dialects.reading import answer_object, index, part, words
from gateway.dialects.statements import raw_usage

_BEGINNINGS: Mapping[str, Part] = {"text": Text(""), "thinking": Thinking(), "redacted": Thinking(redacted=True)}


class _Open(msgspec.Struct):
    """A part that has begun. `signature`: pieces of it; a redacted thought's are bytes in base64, each for itself."""

    kind: str
    number: int
    signature: list[str]


class Decoder:
    """An upstream's stream as events."""

    __slots__ = ("_begun", "_broken", "_count", "_ended", "_open", "_stopped", "_stream", "_used")

    def __init__(self) -> None:
        self._stream = EventStreamReader()
        self._open: dict[int, _Open | None] = {}  # by the block's index; None is a block that is left out
        self._count = 0
        self._begun = False
        self._stopped = False
        self._used = False
        self._ended = False
        self._broken: UpstreamBroken | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that these bytes complete.

        Raises:
            UpstreamBroken: they are no event stream, or a payload is not a JSON object. What came before it is told
                first, and this with the next call.
        """
        if self._broken is not None:
            raise self._broken
        events: list[Event] = []
        try:
            for message in self._stream.feed(chunk):
                if not self._ended:
                    self._message(message, events)
        except UpstreamBroken as fault:
            if not events:
                raise
            self._broken = fault
        return events

    def end(self) -> list[Event]:
        """The upstream has closed the stream.

        Raises:
            UpstreamBroken: it did so before the answer was whole.
        """
        if self._ended:
            return []
        if self._broken is not None:
            raise self._broken
        if not self._stopped or self._stream.pending:
            raise UpstreamBroken(
                "the upstream's stream ended before the answer was complete", code="upstream_cut_short"
            )
        self._ended = True
        return [Ended()]

    def _message(self, message: EventMessage, events: list[Event]) -> None:
        said = answer_object(message.payload) if message.payload else {}
        if (fault := stream_error(message, said)) is not None:
            self._stop_all(events)
            self._ended = True
            events.append(Failed(fault))
            return
        if not self._begun:
            self._begun = True
            events.append(Started())
        kind = message.word(":event-type")
        if self._stopped and kind != "metadata":
            return
        place = index(said.get("contentBlockIndex"))
        match kind:
            case "contentBlockDelta":
                self._delta(place, part(said, "delta"), events)
            case "contentBlockStart":
                self._start(place, part(said, "start"), events)
            case "contentBlockStop":
                self._stop(place, events)
            case "messageStop":
                self._stop_all(events)
                self._stopped = True
                events.append(Finished(0, finish_of(said)))
                self._end_if_whole(events)
            case "metadata":
                if usage := part(said, "usage"):
                    used, tier = read_usage(usage), tier_of(said)
                    raw = [raw_usage(message.payload)]
                    events.append(Used(used, tier, statement_of(usage, used, tier, raw)))
                self._used = True
                self._end_if_whole(events)
            case _:
                return

    def _end_if_whole(self, events: list[Event]) -> None:
        if self._stopped and self._used:
            self._ended = True
            events.append(Ended())

    def _start(self, place: int, start: Json, events: list[Event]) -> None:
        self._stop(place, events)
        if call := part(start, "toolUse"):
            if call.get("type") == SERVERS_CALL:
                self._open[place] = None
            else:
                self._begin(place, "call", ToolCall(id=words(call, "toolUseId"), name=words(call, "name")), events)
        elif image := part(start, "image"):
            kind = IMAGE_TYPES.get(words(image, "format"), "image/png")
            self._begin(place, "image", Image(Inline(kind, "")), events)
        else:  # what a tool of Bedrock's gave, or something newer than this
            self._open[place] = None

    def _begin(self, place: int, kind: str, beginning: Part, events: list[Event]) -> _Open:
        self._open[place] = begun = _Open(kind, self._count, [])
        events.append(PartStarted(0, self._count, beginning))
        self._count += 1
        return begun

    def _delta(self, place: int, delta: Json, events: list[Event]) -> None:
        if isinstance(text := delta.get("text"), str):
            self._grow(place, "text", text, events)
        elif call := part(delta, "toolUse"):
            self._grow(place, "call", words(call, "input"), events)
        elif thought := part(delta, "reasoningContent"):
            self._thought(place, thought, events)
        elif cited := part(delta, "citation"):
            if (found := self._part(place, "text", events)) is not None:
                events.append(Cited(0, found.number, read_citation(cited)))
        elif image := part(delta, "image"):
            self._grow(place, "image", words(part(image, "source"), "bytes"), events)

    def _thought(self, place: int, thought: Json, events: list[Event]) -> None:
        self._grow(place, "thinking", words(thought, "text"), events)
        for kind, name in (("thinking", "signature"), ("redacted", "redactedContent")):
            if (piece := words(thought, name)) and (found := self._part(place, kind, events)) is not None:
                found.signature.append(piece)

    def _grow(self, place: int, kind: str, text: str, events: list[Event]) -> None:
        if text and (found := self._part(place, kind, events)) is not None:
            events.append(Delta(0, found.number, text))

    def _part(self, place: int, kind: str, events: list[Event]) -> _Open | None:
        """The part of this kind that is open there, begun now if it can begin without a start."""
        if place in self._open:
            found = self._open[place]
            if found is None or found.kind == kind:
                return found
        if kind not in _BEGINNINGS:
            return None
        self._stop(place, events)
        return self._begin(place, kind, _BEGINNINGS[kind], events)

    def _stop(self, place: int, events: list[Event]) -> None:
        found = self._open.pop(place, None)
        if found is None:
            return
        if found.signature:
            events.append(Signed(0, found.number, _whole_signature(found)))
        events.append(PartEnded(0, found.number))

    def _stop_all(self, events: list[Event]) -> None:
        for place in list(self._open):
            self._stop(place, events)


def _whole_signature(found: _Open) -> str:
    if found.kind == "thinking":
        return sealed_text("".join(found.signature))
    if len(found.signature) == 1:
        return sealed_bytes(found.signature[0])
    try:
        data = b"".join(base64.b64decode(piece) for piece in found.signature)
    except ValueError:
        raise UpstreamBroken("the upstream sent a redacted thought that is not base64") from None
    return sealed_bytes(base64.b64encode(data).decode())
