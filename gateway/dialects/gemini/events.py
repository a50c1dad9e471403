"""Streams: `Decoder` reads an upstream's (see `decoding`), `Encoder` writes a client's.

Source: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent. Google writes calls whole, so a
call is held until it ends; usage and finish reasons come with the last chunk. That chunk has an empty text, as
Google's has: its SDKs drop a turn from their history if a chunk of it has no parts.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.core.conversation import ChatRequest, Part, Refusal, Text, Thinking
from gateway.core.faults import Fault
from gateway.core.generation import (
    Cited,
    Delta,
    Ended,
    Event,
    Failed,
    Finish,
    Finished,
    Gathering,
    PartEnded,
    PartStarted,
    Signed,
    Started,
    Used,
    Weighed,
)
from gateway.dialects.fitting import Caption
from gateway.dialects.gemini.answers import labels
from gateway.dialects.gemini.decoding import Decoder
from gateway.dialects.gemini.errors import error_body
from gateway.dialects.gemini.grounding import encode_grounding
from gateway.dialects.gemini.logprobs import encode_logprobs
from gateway.dialects.gemini.parts import answer_part, finish_word, text_of
from gateway.dialects.gemini.usage import write_usage
from gateway.dialects.sse import event as sse_event

__all__ = ["Decoder", "Encoder"]

_encode = msgspec.json.Encoder().encode


class Encoder:
    """Writes one stream.

    Args:
        array: the client did not ask for `alt=sse`: the chunks are the elements of one JSON array.
    """

    __slots__ = ("_array", "_broken", "_caption", "_gathering", "_labels", "_open", "_started", "_used")

    def __init__(self, caption: Caption, _request: ChatRequest, *, array: bool = False) -> None:
        self._caption = caption
        self._array = array
        self._started = False
        self._labels = labels("", "", 0, caption)
        self._gathering = Gathering()
        self._open: dict[tuple[int, int], Part] = {}
        self._broken: set[int] = set()
        self._used: dict[str, Any] | None = None

    def encode(self, event: Event) -> bytes:
        """The bytes of the chunks that an event makes, maybe none."""
        if isinstance(event, Failed):
            return self.fault(event.fault, self._caption.id)
        self._gathering.add(event)
        match event:
            case Started():
                self._labels = labels(event.id, event.model, event.created, self._caption)
            case PartStarted():
                self._open[event.choice, event.part] = event.beginning
                return self._begun(event)
            case Delta():
                return self._grown(event.choice, event.part, event.text, {})
            case Signed():
                return self._signed(event)
            case PartEnded():
                return self._ended(event)
            case Weighed():
                return self._chunk(event.choice, {"text": ""}, logprobsResult=encode_logprobs(event.logprobs))
            case Used():
                self._used = write_usage(event.usage, event.service_tier)
            case Ended():
                return self._last()
            case Cited() | Finished():
                pass
        return b""

    def fault(self, fault: Fault, request_id: str) -> bytes:
        """The stream's last chunk when it breaks."""
        return self._framed(error_body(fault, request_id), last=True)

    def _begun(self, event: PartStarted) -> bytes:
        """A beginning that says something already: text, or a thought that is all signature."""
        begun = event.beginning
        if not isinstance(begun, Text | Thinking | Refusal):
            return b""
        block = answer_part(begun)
        return self._chunk(event.choice, block) if block and (begun.text or "thoughtSignature" in block) else b""

    def _grown(self, choice: int, part: int, text: str, more: Mapping[str, Any]) -> bytes:
        match self._open.get((choice, part)):
            case Text() | Refusal():
                return self._chunk(choice, {"text": text, **more})
            case Thinking():
                return self._chunk(choice, {"text": text, "thought": True, **more})
            case _:
                return b""  # comes whole, when it ends

    def _signed(self, event: Signed) -> bytes:
        signed = answer_part(Text("", signature=event.signature)) or {}
        signed.pop("text", None)
        return self._grown(event.choice, event.part, "", signed) if signed else b""

    def _ended(self, event: PartEnded) -> bytes:
        begun = self._open.pop((event.choice, event.part), None)
        if begun is None or isinstance(begun, Text | Thinking | Refusal):
            return b""
        block = answer_part(self._gathering.part(event.choice, event.part))
        if block is None:
            self._broken.add(event.choice)
            return b""
        return self._chunk(event.choice, block)

    def _last(self) -> bytes:
        """The chunk that ends every choice, with citations and usage."""
        answer = self._gathering.answer()
        candidates: list[dict[str, Any]] = []
        for index, choice in enumerate(answer.choices):
            candidate = _candidate(index, {"text": ""})
            candidate["finishReason"] = finish_word(choice.finish or Finish("stop"), broken=index in self._broken)
            text, citations = text_of(choice.parts)
            if citations:
                candidate["groundingMetadata"] = encode_grounding(citations, text)
            candidates.append(candidate)
        usage = {} if self._used is None else {"usageMetadata": self._used}
        return self._framed(_encode({"candidates": candidates, **usage, **self._labels}), last=True)

    def _chunk(self, choice: int, block: dict[str, Any], **more: Any) -> bytes:
        candidate = {**_candidate(choice, block), **more}
        return self._framed(_encode({"candidates": [candidate], **self._labels}))

    def _framed(self, data: bytes, *, last: bool = False) -> bytes:
        if not self._array:
            return sse_event(data)
        before = b",\r\n" if self._started else b"["
        self._started = True
        return before + data + (b"]" if last else b"")


def _candidate(index: int, block: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"parts": [block], "role": "model"}, "index": index}
