"""Writing streams of `chat.completion.chunk`s."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.core.conversation import ChatRequest, Image, Refusal, Thinking, ToolCall
from gateway.core.faults import Fault
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
from gateway.dialects.chat.answers import (
    SERVICE_TIERS,
    chat_id,
    finish_word,
    write_citation,
    write_image,
)
from gateway.dialects.chat.thoughts import write_detail
from gateway.dialects.chat.usage import write_usage
from gateway.dialects.fitting import Caption
from gateway.dialects.openai.errors import error_event
from gateway.dialects.seals import shown
from gateway.dialects.sse import event

_encode = msgspec.json.Encoder().encode


class Encoder:
    """Events as chunks for a client. `[DONE]` comes with `Ended`, usage before it if the client asked."""

    __slots__ = (
        "_begun",
        "_calls",
        "_citations",
        "_frame",
        "_kinds",
        "_lengths",
        "_thoughts",
        "_usage",
        "_wants_usage",
    )

    def __init__(self, caption: Caption, request: ChatRequest) -> None:
        self._frame: dict[str, Any] = {
            "id": chat_id("", caption),
            "object": "chat.completion.chunk",
            "created": caption.created,
            "model": caption.model,
        }
        self._wants_usage = request.stream_usage
        self._usage: dict[str, Any] | None = None
        self._kinds: dict[tuple[int, int], tuple[str, int]] = {}
        self._begun: set[int] = set()
        self._calls: dict[int, int] = {}
        self._thoughts: dict[int, int] = {}
        self._citations: dict[int, int] = {}
        self._lengths: dict[int, int] = {}

    def encode(self, event_: Event) -> bytes:
        """The chunks for one event; empty for what the dialect does not tell.

        Raises:
            Fault: the event tells of a failure.
        """
        match event_:
            case Delta():
                return self._delta(event_)
            case PartStarted():
                return self._start(event_)
            case Signed():
                return self._signed(event_)
            case Cited() if event_.citation.kind == "url":
                return self._cited(event_)
            case Weighed():
                return self._chunk(event_.choice, {}, logprobs={"content": event_.logprobs, "refusal": None})
            case Finished():
                return self._chunk(event_.choice, {}, finish_word(event_.finish))
            case Started():
                return self._begin(event_)
            case Used():
                self._usage = write_usage(event_.usage)
                return b""
            case Ended():
                return self._end()
            case Failed():
                raise event_.fault
            case PartEnded() | Cited():
                return b""

    def fault(self, fault: Fault, request_id: str) -> bytes:
        """The stream's last event when it breaks."""
        return error_event(fault, request_id)

    def _begin(self, started: Started) -> bytes:
        frame = self._frame
        if started.id:
            frame["id"] = chat_id(started.id, Caption(id="", created=0, model=""))
        frame["created"] = started.created or frame["created"]
        frame["model"] = started.model or frame["model"]
        if started.service_tier in SERVICE_TIERS:
            frame["service_tier"] = started.service_tier
        return self._chunk(0, {})

    def _start(self, started: PartStarted) -> bytes:
        choice, begun = started.choice, started.beginning
        place = (choice, started.part)
        match begun:
            case ToolCall():
                number = self._calls.get(choice, 0)
                self._calls[choice] = number + 1
                self._kinds[place] = ("call", number)
                function = {"name": begun.name, "arguments": begun.arguments}
                call: dict[str, Any] = {"index": number, "id": begun.id, "type": "function", "function": function}
                if begun.signature:
                    call["extra_content"] = {"google": {"thought_signature": shown(begun.signature, "gemini")}}
                return self._chunk(choice, {"tool_calls": [call]})
            case Thinking():
                number = self._thoughts.get(choice, 0)
                self._thoughts[choice] = number + 1
                self._kinds[place] = ("thinking", number)
                if not (begun.redacted and begun.signature):
                    return b""
                return self._chunk(choice, {"reasoning_details": [write_detail(begun, number)]})
            case Image():
                return self._chunk(choice, {"images": [{"index": started.part, **write_image(begun)}]})
            case Refusal():
                self._kinds[place] = ("refusal", 0)
                return b""
            case _:
                self._kinds[place] = ("content", 0)
                return b""

    def _cited(self, cited: Cited) -> bytes:
        """OpenAI's SDKs put lists together by each entry's index."""
        number = self._citations.get(cited.choice, 0)
        self._citations[cited.choice] = number + 1
        annotation = write_citation(cited.citation, 0, self._lengths.get(cited.choice, 0))
        return self._chunk(cited.choice, {"annotations": [{"index": number, **annotation}]})

    def _delta(self, delta: Delta) -> bytes:
        choice = delta.choice
        kind, number = self._kinds.get((choice, delta.part), ("content", 0))
        if kind == "content":
            self._lengths[choice] = self._lengths.get(choice, 0) + len(delta.text)
        elif kind == "call":
            return self._chunk(choice, {"tool_calls": [{"index": number, "function": {"arguments": delta.text}}]})
        elif kind == "thinking":
            detail = {"type": "reasoning.text", "text": delta.text, "index": number}
            return self._chunk(choice, {"reasoning_content": delta.text, "reasoning_details": [detail]})
        return self._chunk(choice, {kind: delta.text})

    def _signed(self, signed: Signed) -> bytes:
        kind, number = self._kinds.get((signed.choice, signed.part), ("content", 0))
        if kind == "thinking":
            detail = {"type": "reasoning.text", "signature": shown(signed.signature, "openai"), "index": number}
            return self._chunk(signed.choice, {"reasoning_details": [detail]})
        if kind == "call":
            extra = {"google": {"thought_signature": shown(signed.signature, "gemini")}}
            return self._chunk(signed.choice, {"tool_calls": [{"index": number, "extra_content": extra}]})
        return b""

    def _chunk(
        self, choice: int, delta: Mapping[str, Any], finish: str | None = None, logprobs: object = None
    ) -> bytes:
        if choice not in self._begun:
            self._begun.add(choice)
            delta = {"role": "assistant", "content": "", "refusal": None, **delta}
        choices = [{"index": choice, "delta": delta, "logprobs": logprobs, "finish_reason": finish}]
        return event(_encode({**self._frame, "choices": choices}))

    def _end(self) -> bytes:
        done = b"data: [DONE]\n\n"
        if not self._wants_usage:
            return done
        return event(_encode({**self._frame, "choices": [], "usage": self._usage})) + done
