"""Reading streams of response events.

event                                   what it does
response.created                        started
response.content_part.added             a text or refusal begins
response.output_item.added              a function call begins, or a thought
…delta                                  the part grows; one whose beginning was not told begins now
…annotation.added                       the text cites
response.content_part.done              the text or refusal ends
response.output_item.done               the call ends; the thought ends and is signed
response.completed, .incomplete         usage, why it ended; ended
response.failed, error                  failed
anything else                           nothing
"""

from collections.abc import Mapping

from gateway.core.conversation import Json, Part, Refusal, Text, Thinking, ToolCall
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
    Weighed,
)
from gateway.dialects.reading import index, part, rows, whole, words
from gateway.dialects.refusals import refused
from gateway.dialects.responses.answers import finish_of, read_annotation, read_item, read_thought, usage_of
from gateway.dialects.sse import EventReader

# Deltas, and what part they are of.
_DELTAS: Mapping[str, type[Part]] = {
    "response.output_text.delta": Text,
    "response.refusal.delta": Refusal,
    "response.function_call_arguments.delta": ToolCall,
    "response.reasoning_summary_text.delta": Thinking,
    "response.reasoning_text.delta": Thinking,
}
_STATUSES: Mapping[str, int] = {"rate_limit_exceeded": 429, "invalid_prompt": 400, "server_error": 500}
_BEGINNINGS: Mapping[str, Part] = {"output_text": Text(""), "refusal": Refusal("")}
Place = tuple[int, int]


class Decoder:
    """An upstream's stream as events. Parts are known by their output index, and texts by their content index too."""

    __slots__ = ("_begun", "_called", "_count", "_ended", "_open", "_reader", "_summaries", "_unsaid")

    def __init__(self) -> None:
        self._reader = EventReader()
        self._open: dict[Place, tuple[int, type[Part]]] = {}
        self._unsaid: set[int] = set()  # parts that have not grown yet
        self._summaries: dict[int, int] = {}
        self._count = 0
        self._begun = self._ended = self._called = False

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that these bytes complete.

        Raises:
            UpstreamBroken: an event is not JSON.
        """
        events: list[Event] = []
        for data in self._reader.feed(chunk):
            if self._ended:
                break
            if not isinstance(data, bytes):
                self._take(data, events)
        return events

    def end(self) -> list[Event]:
        """The upstream has closed the stream.

        Raises:
            UpstreamBroken: it did so before the answer was whole.
        """
        events: list[Event] = []
        for data in self._reader.rest():
            if not isinstance(data, bytes) and not self._ended:
                self._take(data, events)
        if not self._ended:
            raise UpstreamBroken(
                "the upstream's stream ended before the answer was complete", code="upstream_cut_short"
            )
        return events

    def _take(self, said: Json, events: list[Event]) -> None:
        kind = words(said, "type")
        if kind in _DELTAS:
            self._delta(said, _DELTAS[kind], events)
            return
        match kind:
            case "response.created" | "response.in_progress":
                self._start(part(said, "response"), events)
            case "response.output_item.added":
                self._item_added(index(said.get("output_index")), part(said, "item"), events)
            case "response.content_part.added" | "response.content_part.done" | "response.output_text.annotation.added":
                self._content(kind, _place(said), said, events)
            case "response.reasoning_summary_part.added":
                self._next_summary(index(said.get("output_index")), events)
            case "response.output_item.done":
                self._item_done(index(said.get("output_index")), part(said, "item"), events)
            case "response.completed" | "response.incomplete":
                self._complete(part(said, "response"), events)
            case "response.failed" | "error":
                self._fail(said, events)
            case _:
                return

    def _content(self, kind: str, place: Place, said: Json, events: list[Event]) -> None:
        """A text or refusal of a message: it begins, ends, or cites."""
        if kind == "response.content_part.done":
            self._end_part(place, events)
        elif kind == "response.content_part.added":
            beginning = _BEGINNINGS.get(words(part(said, "part"), "type"))
            if beginning is not None:
                self._begin(place, beginning, events)
        elif (citation := read_annotation(part(said, "annotation"))) is not None and place in self._open:
            events.append(Cited(0, self._open[place][0], citation))

    def _start(self, response: Json, events: list[Event]) -> None:
        if not self._begun:
            self._begun = True
            created = whole(response.get("created_at"))
            events.append(Started(words(response, "id"), words(response, "model"), created))

    def _begin(self, place: Place, beginning: Part, events: list[Event]) -> int:
        if place in self._open:
            return self._open[place][0]
        number = self._count
        self._count += 1
        self._open[place] = (number, type(beginning))
        self._unsaid.add(number)
        events.append(PartStarted(0, number, beginning))
        return number

    def _delta(self, said: Json, kind: type[Part], events: list[Event]) -> None:
        place = _place(said) if kind in (Text, Refusal) else (index(said.get("output_index")), -1)
        found = self._open.get(place)
        text = words(said, "delta")
        if found is None:
            if kind is ToolCall:
                return  # its beginning says which tool
            beginning: Part = Thinking() if kind is Thinking else Text("") if kind is Text else Refusal("")
            number = self._begin(place, beginning, events)
        else:
            number = found[0]
        if text:
            self._unsaid.discard(number)
            events.append(Delta(0, number, text))
        if logprobs := rows(said, "logprobs"):
            events.append(Weighed(0, tuple(logprobs)))

    def _item_added(self, output: int, item: Json, events: list[Event]) -> None:
        match item.get("type"):
            case "function_call":
                self._called = True
                self._begin((output, -1), ToolCall(id=words(item, "call_id"), name=words(item, "name")), events)
            case "reasoning":
                self._begin((output, -1), Thinking(id=words(item, "id")), events)
            case _:
                return

    def _next_summary(self, output: int, events: list[Event]) -> None:
        """Summaries are several texts; as one, a blank line stands between them."""
        count = self._summaries.get(output, 0)
        self._summaries[output] = count + 1
        found = self._open.get((output, -1))
        if count and found is not None:
            events.append(Delta(0, found[0], "\n\n"))

    def _item_done(self, output: int, item: Json, events: list[Event]) -> None:
        """What was told whole, without having been told piece by piece, is told now."""
        for place in [place for place in self._open if place[0] == output and place[1] >= 0]:
            self._end_part(place, events)
        found = self._open.get((output, -1))
        if found is None:
            if item.get("type") not in ("message", "reasoning", "function_call"):
                for one in read_item(item):
                    self._begin((output, -1), one, events)
                self._end_part((output, -1), events)
            return
        number = found[0]
        if number in self._unsaid:
            whole_text = words(item, "arguments") if found[1] is ToolCall else read_thought(item).text
            if whole_text:
                events.append(Delta(0, number, whole_text))
        if found[1] is Thinking and (signature := read_thought(item).signature):
            events.append(Signed(0, number, signature))
        self._end_part((output, -1), events)

    def _end_part(self, place: Place, events: list[Event]) -> None:
        found = self._open.pop(place, None)
        if found is not None:
            events.append(PartEnded(0, found[0]))

    def _complete(self, response: Json, events: list[Event]) -> None:
        self._start(response, events)
        for place in list(self._open):
            self._end_part(place, events)
        finish = finish_of(response, (ToolCall(id="", name=""),) if self._called else ())
        events.append(Finished(0, finish))
        if (usage := usage_of(response)) is not None:
            events.append(Used(usage, words(response, "service_tier")))
        self._ended = True
        events.append(Ended())

    def _fail(self, said: Json, events: list[Event]) -> None:
        error = part(part(said, "response"), "error") or part(said, "error") or said
        code = words(error, "code")
        for place in list(self._open):
            self._end_part(place, events)
        self._ended = True
        events.append(Failed(refused(_STATUSES.get(code, 500), words(error, "message"), kind=code)))


def _place(said: Json) -> Place:
    return index(said.get("output_index")), index(said.get("content_index"))
