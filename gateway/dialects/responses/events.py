"""Reading streams of response events.

event                                   what it does
response.queued, .created, .in_progress started
response.content_part.added             a text or refusal begins
response.output_item.added              a function call begins
…delta                                  the part grows; a thought, or one whose beginning was not told, begins now
…done of a text, arguments, a summary   the same, if no delta told it
…annotation.added                       the text cites
response.content_part.done              the text or refusal ends
response.output_item.done               the call ends; the thought ends and is signed; what was not told yet is told
response.completed, .incomplete         usage, why it ended; ended
response.failed, error                  failed
anything else                           nothing
"""

from collections.abc import Iterator, Mapping

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
from gateway.dialects.responses.answers import finish_of, logprobs_of, read_annotation, read_item, read_thought
from gateway.dialects.responses.failures import failure_of
from gateway.dialects.responses.usage import BILLED_ITEMS, statement_of, usage_of
from gateway.dialects.sse import EventReader
from gateway.dialects.statements import raw_within

# Events that make a part grow: what it is, the field of its text, and where its pieces are numbered apart.
_GROWING: Mapping[str, tuple[Part, str, str]] = {
    "response.output_text.delta": (Text(""), "delta", ""),
    "response.output_text.done": (Text(""), "text", ""),
    "response.refusal.delta": (Refusal(""), "delta", ""),
    "response.refusal.done": (Refusal(""), "refusal", ""),
    "response.function_call_arguments.delta": (ToolCall(id="", name=""), "delta", ""),
    "response.function_call_arguments.done": (ToolCall(id="", name=""), "arguments", ""),
    "response.reasoning_summary_text.delta": (Thinking(), "delta", "summary_index"),
    "response.reasoning_summary_text.done": (Thinking(), "text", "summary_index"),
    "response.reasoning_text.delta": (Thinking(), "delta", "content_index"),
    "response.reasoning_text.done": (Thinking(), "text", "content_index"),
}
_BEGINNINGS: Mapping[str, Part] = {"output_text": Text(""), "refusal": Refusal("")}
Place = tuple[int, int]


class _Open:
    """A part that has begun. `told`: which pieces of it have come."""

    __slots__ = ("kind", "number", "told")

    def __init__(self, number: int, kind: type[Part]) -> None:
        self.number = number
        self.kind = kind
        self.told: set[tuple[str, int]] = set()


class Decoder:
    """An upstream's stream as events. Parts are known by their output index, and texts by their content index too."""

    __slots__ = ("_begun", "_billed", "_called", "_count", "_ended", "_open", "_outputs", "_places", "_reader")

    def __init__(self) -> None:
        self._reader = EventReader()
        self._open: dict[Place, _Open] = {}
        self._places: set[Place] = set()  # of parts that have begun, open or not
        self._outputs: set[int] = set()
        self._billed: list[Json] = []
        self._count = 0
        self._begun = self._ended = self._called = False

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
                self._take(data, events)
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
                self._take(data, events)
        if not self._ended:
            raise UpstreamBroken(
                "the upstream's stream ended before the answer was complete", code="upstream_cut_short"
            )
        return events

    def _take(self, said: Json, events: list[Event]) -> None:
        kind = words(said, "type")
        if kind in _GROWING:
            self._grow(kind, said, events)
            return
        match kind:
            case "response.queued" | "response.created" | "response.in_progress":
                self._start(part(said, "response"), events)
            case "response.output_item.added":
                self._item_added(index(said.get("output_index")), part(said, "item"), events)
            case "response.content_part.added":
                beginning = _BEGINNINGS.get(words(part(said, "part"), "type"))
                if beginning is not None:
                    self._begin(_place(said), beginning, events)
            case "response.output_text.annotation.added":
                opened = self._open.get(_place(said))
                if opened is not None and (citation := read_annotation(part(said, "annotation"))) is not None:
                    events.append(Cited(0, opened.number, citation))
            case "response.content_part.done":
                self._content_done(_place(said), part(said, "part"), events)
            case "response.output_item.done":
                self._item_done(index(said.get("output_index")), part(said, "item"), events)
            case "response.completed" | "response.incomplete":
                self._complete(part(said, "response"), events)
            case "response.failed" | "error":
                self._fail(said, events)
            case _:
                return

    def _start(self, response: Json, events: list[Event]) -> None:
        if not self._begun:
            self._begun = True
            created = whole(response.get("created_at"))
            events.append(Started(words(response, "id"), words(response, "model"), created))

    def _next(self, place: Place, events: list[Event]) -> int:
        """The number of the part that begins now."""
        self._start({}, events)
        self._places.add(place)
        self._outputs.add(place[0])
        self._count += 1
        return self._count - 1

    def _begin(self, place: Place, beginning: Part, events: list[Event]) -> _Open:
        opened = self._open.get(place)
        if opened is None:
            opened = self._open[place] = _Open(self._next(place, events), type(beginning))
            events.append(PartStarted(0, opened.number, beginning))
        return opened

    def _grow(self, kind: str, said: Json, events: list[Event]) -> None:
        beginning, field, counted = _GROWING[kind]
        place = _place(said) if isinstance(beginning, Text | Refusal) else (index(said.get("output_index")), -1)
        opened, text = self._open.get(place), words(said, field)
        piece = (counted, index(said.get(counted)) if counted else 0)
        if field != "delta" and (place in self._places if opened is None else piece in opened.told):
            return  # it repeats what the deltas told
        if text and (opened is not None or not isinstance(beginning, ToolCall)):  # a call's beginning says which tool
            known = Thinking(id=words(said, "item_id")) if isinstance(beginning, Thinking) else beginning
            opened = self._begin(place, known, events)
            if opened.told and piece not in opened.told:
                text = "\n\n" + text  # a thought of several texts
            opened.told.add(piece)
            events.append(Delta(0, opened.number, text))
        if logprobs := rows(said, "logprobs"):
            events.append(Weighed(0, tuple(logprobs)))

    def _item_added(self, output: int, item: Json, events: list[Event]) -> None:
        """A thought begins with its first text: one without any comes whole, when its item is done."""
        if item.get("type") == "function_call":
            self._called = True
            call = ToolCall(id=words(item, "call_id"), name=words(item, "name"))
            self._begin((output, -1), call, events)

    def _content_done(self, place: Place, block: Json, events: list[Event]) -> None:
        opened = self._open.get(place)
        if opened is not None and not opened.told and (text := words(block, "text") or words(block, "refusal")):
            events.append(Delta(0, opened.number, text))
        self._end_part(place, events)

    def _item_done(self, output: int, item: Json, events: list[Event]) -> None:
        """What was told whole, without having been told piece by piece, is told now."""
        if item.get("type") in BILLED_ITEMS:
            self._billed.append(item)
        if output not in self._outputs:
            self._tell(output, item, events)
            return
        opened = self._open.get((output, -1))
        if opened is not None:
            text = words(item, "arguments") if opened.kind is ToolCall else read_thought(item).text
            if text and not opened.told:
                events.append(Delta(0, opened.number, text))
            if opened.kind is Thinking and (signature := read_thought(item).signature):
                events.append(Signed(0, opened.number, signature))
        for place in [place for place in self._open if place[0] == output]:
            self._end_part(place, events)

    def _tell(self, output: int, item: Json, events: list[Event]) -> None:
        for one in read_item(item):
            self._called = self._called or isinstance(one, ToolCall)
            events.extend(_whole_part(self._next((output, -1), events), one))
        if logprobs := logprobs_of([item]):
            events.append(Weighed(0, logprobs))

    def _end_part(self, place: Place, events: list[Event]) -> None:
        opened = self._open.pop(place, None)
        if opened is not None:
            events.append(PartEnded(0, opened.number))

    def _end_all(self, events: list[Event]) -> None:
        for place in list(self._open):
            self._end_part(place, events)

    def _complete(self, response: Json, events: list[Event]) -> None:
        self._start(response, events)
        self._end_all(events)
        if not self._count:
            for output, item in enumerate(rows(response, "output")):
                self._tell(output, item, events)
        finish = finish_of(response, (ToolCall(id="", name=""),) if self._called else ())
        events.append(Finished(0, finish))
        self._used(response, events)
        self._ended = True
        events.append(Ended())

    def _fail(self, said: Json, events: list[Event]) -> None:
        self._end_all(events)
        self._used(part(said, "response"), events)
        self._ended = True
        events.append(Failed(failure_of(part(part(said, "response"), "error") or part(said, "error") or said)))

    def _used(self, response: Json, events: list[Event]) -> None:
        if (found := usage_of(response, self._billed)) is not None:
            usage, agrees = found
            raw = raw_within(self._reader.data, ("response", "usage"))
            statement = statement_of(response, raw, agrees, self._billed)
            events.append(Used(usage, words(response, "service_tier"), statement))


def _whole_part(number: int, one: Part) -> Iterator[Event]:
    """A part that comes in one piece."""
    match one:
        case Text() | Refusal():
            yield PartStarted(0, number, type(one)(""))
            text = one.text
        case ToolCall():
            yield PartStarted(0, number, ToolCall(id=one.id, name=one.name))
            text = one.arguments
        case Thinking():
            yield PartStarted(0, number, Thinking(signature=one.signature, redacted=one.redacted, id=one.id))
            text = one.text
        case _:
            yield PartStarted(0, number, one)
            text = ""
    if text:
        yield Delta(0, number, text)
    for citation in one.citations if isinstance(one, Text) else ():
        yield Cited(0, number, citation)
    yield PartEnded(0, number)


def _place(said: Json) -> Place:
    return index(said.get("output_index")), index(said.get("content_index"))
