"""Streams of `chat.completion.chunk`s.

Reading: pieces say what they are (text, thought, the nth tool call), never where they begin and end.

    said                       what it does
    choices[].delta…           a part of that kind is open, or is begun and the one before it ended
    choices[].finish_reason    the choice's parts are ended
    usage                      noted; some upstreams repeat it in every chunk
    error                      failed: nothing more is read
    [DONE]                     ended; an upstream that leaves it out must have finished every choice
"""

import msgspec

from gateway.core.conversation import Json, Part, Refusal, Text, Thinking, ToolCall
from gateway.core.faults import UpstreamBroken
from gateway.core.generation import (
    Cited,
    Delta,
    Ended,
    Event,
    Failed,
    Finished,
    Signed,
    Started,
    Used,
    Weighed,
)
from gateway.dialects.chat.answers import (
    arguments_of,
    finish_of,
    read_citations,
    read_image,
    read_statement,
    signature_of,
    thinking_text,
)
from gateway.dialects.parts import OpenParts
from gateway.dialects.reading import index, part, rows, whole, words
from gateway.dialects.refusals import refused
from gateway.dialects.seals import seal
from gateway.dialects.sse import EventReader
from gateway.dialects.statements import raw_usage, raw_within

_encode = msgspec.json.Encoder().encode


class Decoder:
    """An upstream's stream as events."""

    __slots__ = ("_called", "_calls", "_choices", "_ended", "_finished", "_parts", "_reader", "_started")

    def __init__(self) -> None:
        self._reader = EventReader()
        self._parts = OpenParts()
        self._calls: dict[tuple[int, int], str] = {}
        self._choices: set[int] = set()
        self._called: set[int] = set()
        self._finished: set[int] = set()
        self._started = False
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
            self._hear(data, events)
            if self._ended:
                break
        return events

    def end(self) -> list[Event]:
        """The upstream has closed the stream.

        Raises:
            UpstreamBroken: it did so before the answer was whole.
        """
        events: list[Event] = []
        for data in () if self._ended else self._reader.rest():
            self._hear(data, events)
            if self._ended:
                break
        if not self._ended:
            if not self._choices or self._choices != self._finished:
                raise UpstreamBroken(
                    "the upstream's stream ended before the answer was complete", code="upstream_cut_short"
                )
            self._end(events)
        return events

    def _hear(self, data: Json | bytes, events: list[Event]) -> None:
        if not isinstance(data, bytes):
            self._chunk(data, events)
        elif data == b"[DONE]":
            self._end(events)

    def _end(self, events: list[Event]) -> None:
        self._parts.end_all(events)
        self._ended = True
        events.append(Ended())

    def _chunk(self, said: Json, events: list[Event]) -> None:
        if error := said.get("error"):
            self._parts.end_all(events)
            self._ended = True
            block = part(said, "error") or {"message": str(error)}
            status = whole(block.get("status_code")) or whole(block.get("code")) or 500
            events.append(Failed(refused(status, words(block, "message"), kind=words(block, "type"))))
            return
        if not self._started:
            self._started = True
            created = whole(said.get("created"))
            events.append(Started(words(said, "id"), words(said, "model"), created, words(said, "service_tier")))
        for choice in rows(said, "choices"):
            self._choice(choice, events)
        usage = part(said, "usage") or part(part(said, "x_groq"), "usage")
        if usage:
            data = self._reader.data
            raw = [raw_usage(data)] if part(said, "usage") else raw_within(data, ("x_groq", "usage"))
            used, statement = read_statement(said, usage, raw)
            events.append(Used(used, words(said, "service_tier"), statement))

    def _choice(self, block: Json, events: list[Event]) -> None:
        choice = index(block.get("index"))
        self._choices.add(choice)
        delta = part(block, "delta")
        if delta:
            self._delta(choice, delta, events)
        if logprobs := rows(part(block, "logprobs"), "content"):
            events.append(Weighed(choice, tuple(logprobs)))
        reason = block.get("finish_reason")
        if isinstance(reason, str) and choice not in self._finished:
            self._finished.add(choice)
            self._parts.end(choice, events)
            events.append(Finished(choice, finish_of(reason, called=choice in self._called)))

    def _delta(self, choice: int, delta: Json, events: list[Event]) -> None:
        self._thoughts(choice, delta, events)
        content = delta.get("content")
        if isinstance(content, str):
            self._piece(choice, "text", Text(""), content, events)
        elif isinstance(content, list):  # Mistral's thinking models
            for block in rows(delta, "content"):
                if block.get("type") == "thinking":
                    self._piece(choice, "thinking", Thinking(), thinking_text(block), events)
                else:
                    self._piece(choice, "text", Text(""), words(block, "text"), events)
        self._piece(choice, "refusal", Refusal(""), words(delta, "refusal"), events)
        for citation in read_citations(delta):
            number = self._parts.number(choice, "text")
            if number is not None:
                events.append(Cited(choice, number, citation))
        for block in rows(delta, "images"):
            for image in read_image(block):
                self._parts.start(choice, ("image", self._parts.count(choice)), image, events)
        for call in rows(delta, "tool_calls"):
            self._call(choice, call, events)

    def _thoughts(self, choice: int, delta: Json, events: list[Event]) -> None:
        text = words(delta, "reasoning_content") or words(delta, "reasoning")
        self._piece(choice, "thinking", Thinking(), text, events)
        for one in rows(delta, "reasoning_details"):
            if one.get("type") == "reasoning.encrypted" and (data := words(one, "data")):
                thought = Thinking(signature=seal("openai", data), redacted=True, id=words(one, "id"))
                self._parts.start(choice, "encrypted", thought, events)
            elif signature := words(one, "signature"):
                number = self._parts.number(choice, "thinking")
                if number is not None:
                    events.append(Signed(choice, number, seal("openai", signature)))

    def _piece(self, choice: int, key: str, beginning: Part, text: str, events: list[Event]) -> None:
        if not text:
            return
        number = self._parts.number(choice, key)
        if number is None:
            number = self._parts.start(choice, key, beginning, events)
        events.append(Delta(choice, number, text))

    def _call(self, choice: int, call: Json, events: list[Event]) -> None:
        """A piece of a tool call. Some upstreams give every call the index 0: another id is another call."""
        function = part(call, "function")
        place, name = index(call.get("index")), words(call, "id")
        known = self._calls.get((choice, place))
        if known is None or (name and name != known and function.get("name")):
            self._calls[choice, place] = name
            self._called.add(choice)
            beginning = ToolCall(id=name, name=words(function, "name"), signature=signature_of(call))
            number: int | None = self._parts.start(choice, ("call", place), beginning, events)
        else:
            number = self._parts.number(choice, ("call", place))
            if number is None:
                raise UpstreamBroken("the upstream went on with a tool call after it had begun another part")
        if arguments := arguments_of(function):
            events.append(Delta(choice, number or 0, arguments))
