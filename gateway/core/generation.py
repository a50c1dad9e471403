"""The closed vocabulary of an answer: whole (`Answer`), or as it is made (`Event`s).

An answer has choices, a choice has parts; a stream says when each part begins, grows and ends. The two are one thing:
`gathered` folds events into an Answer, `replayed` tells an Answer as events.

    Started  ( PartStarted  Delta* Signed* Cited*  PartEnded )*  Finished+  Used*  Ended
    and Failed may come at any time, as the last.

Parts of one choice come one after another, except that dialects with parallel tool calls may leave several open;
`part` numbers them within their choice, in order of their start.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from gateway.core.attempt import Terms
from gateway.core.conversation import Audio, Citation, Image, Inline, Part, Refusal, Text, Thinking, ToolCall
from gateway.core.faults import Fault
from gateway.core.usage import Usage

# `refusal`: the model declined. `content_filter`: a filter around it did. `pause`: the upstream wants to be asked to
# go on. `context_length`: the context is full, as against `length`, the caller's own limit.
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "pause", "context_length"]


class Finish(msgspec.Struct, frozen=True):
    """Why a choice ended. `stop_sequence`: which one; `detail`: the upstream's own word."""

    reason: FinishReason
    stop_sequence: str = ""
    detail: str = ""


class Choice(msgspec.Struct, kw_only=True):
    """One of the answers asked for. `logprobs`: token entries as OpenAI writes them (token, logprob, bytes,
    top_logprobs), or None."""

    parts: tuple[Part, ...] = ()
    finish: Finish | None = None
    logprobs: tuple[Mapping[str, Any], ...] | None = None


class Statement(msgspec.Struct, frozen=True):
    """What the upstream's usage objects say besides the counts.

    Attributes:
        raw: the objects as they came (`dialects/statements.py`); of running totals the last.
        terms: what a price depends on.
        adds_up: the counts agree with the totals that it claims.
    """

    raw: tuple[bytes, ...] = ()
    terms: Terms = Terms()
    adds_up: bool = True


class Answer(msgspec.Struct, kw_only=True):
    """A whole answer. `created`: Unix seconds, 0 where the upstream does not say."""

    id: str = ""
    model: str = ""
    created: int = 0
    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None
    service_tier: str = ""
    statement: Statement = Statement()


class Started(msgspec.Struct, frozen=True, gc=False):
    id: str = ""
    model: str = ""
    created: int = 0
    service_tier: str = ""


class PartStarted(msgspec.Struct, frozen=True, gc=False):
    """`beginning`: the part as far as it is known: an empty Text, a ToolCall with id, name and signature."""

    choice: int
    part: int
    beginning: Part


class Delta(msgspec.Struct, frozen=True, gc=False):
    """More of a part: text, or a tool call's arguments, or base64 of sound."""

    choice: int
    part: int
    text: str


class Signed(msgspec.Struct, frozen=True, gc=False):
    """The part's signature, sealed; whole, not a piece of it."""

    choice: int
    part: int
    signature: str


class Cited(msgspec.Struct, frozen=True, gc=False):
    choice: int
    part: int
    citation: Citation


class Weighed(msgspec.Struct, frozen=True, gc=False):
    """Logprobs of tokens that have come, as in `Choice.logprobs`."""

    choice: int
    logprobs: tuple[Mapping[str, Any], ...]


class PartEnded(msgspec.Struct, frozen=True, gc=False):
    choice: int
    part: int


class Finished(msgspec.Struct, frozen=True, gc=False):
    choice: int
    finish: Finish


class Used(msgspec.Struct, frozen=True, gc=False):
    """Usage so far; the last one counts. `service_tier`: the one that served, if only now known."""

    usage: Usage
    service_tier: str = ""
    statement: Statement = Statement()


class Ended(msgspec.Struct, frozen=True, gc=False):
    """The answer is whole."""


class Failed(msgspec.Struct, frozen=True, gc=False):
    """The upstream gave up in mid-stream."""

    fault: Fault


Event = (
    Started | PartStarted | Delta | Signed | Cited | Weighed | PartEnded | Finished | Used | Ended | Failed
)  # fmt: skip


def gathered(events: Iterable[Event]) -> Answer:
    """The answer that a stream tells.

    Raises:
        Fault: the stream tells of a failure.
    """
    gathering = Gathering()
    for event in events:
        gathering.add(event)
    return gathering.answer()


class _Growing:
    """A part under construction."""

    __slots__ = ("beginning", "citations", "signature", "texts")

    def __init__(self, beginning: Part) -> None:
        self.beginning = beginning
        self.texts: list[str] = []
        self.signature = ""
        self.citations: list[Citation] = []

    def part(self) -> Part:
        text = "".join(self.texts)
        begun = self.beginning
        match begun:
            case Text():
                cited = (*begun.citations, *self.citations)
                return Text(begun.text + text, begun.cache, cited, self.signature or begun.signature)
            case Thinking():
                signature = self.signature or begun.signature
                return Thinking(text=begun.text + text, signature=signature, redacted=begun.redacted, id=begun.id)
            case ToolCall():
                return ToolCall(
                    id=begun.id,
                    name=begun.name,
                    arguments=begun.arguments + text,
                    signature=self.signature or begun.signature,
                )
            case Refusal():
                return Refusal(begun.text + text)
            case Audio(source=Inline() as source) | Image(source=Inline() as source):
                return type(begun)(Inline(source.media_type, source.data + text))
            case _:
                return begun


class Gathering:
    """Folds events into an Answer, one at a time."""

    __slots__ = ("_choices", "_logprobs", "_parts", "_said")

    def __init__(self) -> None:
        self._said = Answer()
        self._parts: dict[tuple[int, int], _Growing] = {}
        self._choices: dict[int, Finish | None] = {}
        self._logprobs: dict[int, list[Mapping[str, Any]]] = {}

    def add(self, event: Event) -> None:
        """Take in the next event.

        Raises:
            Fault: it tells of a failure.
        """
        said = self._said
        match event:
            case Delta():
                self._parts[event.choice, event.part].texts.append(event.text)
            case PartStarted():
                self._choices.setdefault(event.choice, None)
                self._parts[event.choice, event.part] = _Growing(event.beginning)
            case Signed():
                self._parts[event.choice, event.part].signature = event.signature
            case Cited():
                self._parts[event.choice, event.part].citations.append(event.citation)
            case Finished():
                self._choices[event.choice] = event.finish
            case Weighed():
                self._logprobs.setdefault(event.choice, []).extend(event.logprobs)
            case Started():
                said.id, said.model, said.created = event.id, event.model, event.created
                said.service_tier = event.service_tier
            case Used():
                said.usage, said.statement = event.usage, event.statement
                said.service_tier = event.service_tier or said.service_tier
            case Failed():
                raise event.fault
            case PartEnded() | Ended():
                pass

    def part(self, choice: int, part: int) -> Part:
        """One part as far as it has come."""
        return self._parts[choice, part].part()

    def answer(self) -> Answer:
        """The answer as far as it has come."""
        said = self._said
        parts: dict[int, list[Part]] = {index: [] for index in self._choices}
        for (choice, _), growing in sorted(self._parts.items(), key=lambda item: item[0]):
            parts[choice].append(growing.part())
        said.choices = tuple(
            Choice(
                parts=tuple(parts[index]),
                finish=self._choices[index],
                logprobs=tuple(self._logprobs[index]) if index in self._logprobs else None,
            )
            for index in sorted(self._choices)
        )
        return said


def replayed(answer: Answer) -> Iterator[Event]:
    """A whole answer as the events of a stream, each part in one piece."""
    yield Started(answer.id, answer.model, answer.created, answer.service_tier)
    for index, choice in enumerate(answer.choices):
        for number, part in enumerate(choice.parts):
            yield from _part_events(index, number, part)
        if choice.logprobs:
            yield Weighed(index, choice.logprobs)
    for index, choice in enumerate(answer.choices):
        yield Finished(index, choice.finish or Finish("stop"))
    if answer.usage is not None:
        yield Used(answer.usage, answer.service_tier, answer.statement)
    yield Ended()


def _part_events(choice: int, number: int, part: Part) -> Sequence[Event]:
    events: list[Event] = []
    text = signature = ""
    citations: tuple[Citation, ...] = ()
    match part:
        case Text():
            beginning: Part = Text("")
            text, citations, signature = part.text, part.citations, part.signature
        case Thinking():
            beginning = Thinking(redacted=part.redacted, id=part.id)
            text, signature = part.text, part.signature
        case ToolCall():
            beginning = ToolCall(id=part.id, name=part.name, signature=part.signature)
            text = part.arguments
        case Refusal():
            beginning, text = Refusal(""), part.text
        case _:
            beginning = part
    events.append(PartStarted(choice, number, beginning))
    if text:
        events.append(Delta(choice, number, text))
    events.extend(Cited(choice, number, citation) for citation in citations)
    if signature:
        events.append(Signed(choice, number, signature))
    events.append(PartEnded(choice, number))
    return events
