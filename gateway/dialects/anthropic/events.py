"""Reading streams of message events.

event                  what it does
message_start          started; usage so far
content_block_start    a part begins, unless it is a block that only Anthropic's own clients can use
content_block_delta    the part grows, is signed, or cites
content_block_stop     the part ends
message_delta          why it stopped; usage, a running total
message_stop           ended
error                  failed
ping, anything else    nothing
"""

from typing import Any

from gateway.core.conversation import Json, ToolCall
from gateway.core.faults import UpstreamBroken
from gateway.core.generation import Cited, Delta, Ended, Event, Failed, Finished, PartEnded, PartStarted, Signed, Used
from gateway.core.generation import Started as AnswerStarted
from gateway.dialects.anthropic.answers import finish_of, read_part
from gateway.dialects.anthropic.citations import read_citation
from gateway.dialects.anthropic.errors import STATUSES
from gateway.dialects.anthropic.usage import read_tier, read_usage, statement_of
from gateway.dialects.reading import index, part, words
from gateway.dialects.refusals import refused
from gateway.dialects.seals import seal
from gateway.dialects.sse import EventReader
from gateway.dialects.statements import raw_usage, raw_within


class Decoder:
    """An upstream's stream as events."""

    __slots__ = ("_begun", "_blocks", "_count", "_ended", "_inputs", "_raw", "_reader", "_usage")

    def __init__(self) -> None:
        self._reader = EventReader()
        self._usage: dict[str, Any] = {}
        self._raw: list[bytes] = []  # message_start's usage, and the last message_delta's
        self._blocks: dict[int, int] = {}  # open blocks: their index → the part's number
        self._inputs: dict[int, str] = {}  # tool calls whose arguments came with their start, and may come again
        self._count = 0
        self._begun = False
        self._ended = False

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that these bytes complete.

        Raises:
            UpstreamBroken: an event is not JSON.
        """
        if self._ended:
            return []  # whatever comes now, in whatever pieces
        events: list[Event] = []
        for data in self._reader.feed(chunk):
            if not isinstance(data, bytes):
                self.take(data, events)
            if self._ended:
                break
        return events

    def end(self) -> list[Event]:
        """The upstream has closed the stream.

        Raises:
            UpstreamBroken: it did so before the answer was whole.
        """
        events: list[Event] = []
        for data in self._reader.rest():
            if not isinstance(data, bytes) and not self._ended:
                self.take(data, events)
        if not self._ended:
            raise UpstreamBroken(
                "the upstream's stream ended before the answer was complete", code="upstream_cut_short"
            )
        return events

    def take(self, said: Json, events: list[Event]) -> None:
        """One event's data."""
        match said.get("type"):
            case "content_block_delta":
                self._delta(index(said.get("index")), part(said, "delta"), events)
            case "content_block_start":
                self._start(index(said.get("index")), part(said, "content_block"), events)
            case "content_block_stop":
                self._stop(index(said.get("index")), events)
            case "message_start":
                message = part(said, "message")
                usage = part(message, "usage")
                tier = read_tier(usage)
                if self._begun:
                    raise UpstreamBroken("the upstream began its answer again in the middle of it")
                self._begun = True
                events.append(AnswerStarted(words(message, "id"), words(message, "model"), 0, tier))
                self._raw = raw_within(self._reader.data, ("message", "usage"))
                self._note(usage, events)
            case "message_delta":
                if part(said, "delta").get("stop_reason") is not None:
                    self._stop_all(events)
                    events.append(Finished(0, finish_of(part(said, "delta"))))
                self._raw = [*self._raw[:1], raw_usage(self._reader.data)]
                self._note(part(said, "usage"), events)
            case "message_stop":
                self._stop_all(events)
                self._ended = True
                events.append(Ended())
            case "error":
                self._ended = True
                error = part(said, "error")
                kind = words(error, "type")
                self._stop_all(events)
                events.append(Failed(refused(STATUSES.get(kind, 500), words(error, "message"), kind=kind)))
            case _:
                return

    def _note(self, usage: Json, events: list[Event]) -> None:
        """Counts in `message_delta` are totals and take the place of earlier ones; what it leaves out still stands."""
        if usage:
            self._usage.update((name, value) for name, value in usage.items() if value is not None)
            used = read_usage(self._usage)
            events.append(Used(used, read_tier(self._usage), statement_of(self._usage, used, self._raw)))

    def _start(self, place: int, block: Json, events: list[Event]) -> None:
        begun = read_part(block)
        if begun is None or place in self._blocks:
            return
        if isinstance(begun, ToolCall):
            self._inputs[place] = "" if begun.arguments == "{}" else begun.arguments
            begun = ToolCall(id=begun.id, name=begun.name)
        self._blocks[place] = self._count
        events.append(PartStarted(0, self._count, begun))
        self._count += 1

    def _delta(self, place: int, delta: Json, events: list[Event]) -> None:
        number = self._blocks.get(place)
        if number is None:
            return
        match delta.get("type"):
            case "text_delta":
                text = words(delta, "text")
            case "input_json_delta":
                text = words(delta, "partial_json")
                if text:
                    self._inputs.pop(place, None)
            case "thinking_delta":
                text = words(delta, "thinking")
            case "signature_delta":
                events.append(Signed(0, number, seal("anthropic", words(delta, "signature"))))
                return
            case "citations_delta":
                events.append(Cited(0, number, read_citation(part(delta, "citation"))))
                return
            case _:
                return
        if text:
            events.append(Delta(0, number, text))

    def _stop(self, place: int, events: list[Event]) -> None:
        number = self._blocks.pop(place, None)
        if number is None:
            return
        if arguments := self._inputs.pop(place, ""):
            events.append(Delta(0, number, arguments))
        events.append(PartEnded(0, number))

    def _stop_all(self, events: list[Event]) -> None:
        for place in list(self._blocks):
            self._stop(place, events)
