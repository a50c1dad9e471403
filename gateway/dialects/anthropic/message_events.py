"""Writing streams of message events, as the API's own: blocks one after another, a ping after the start."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.core.conversation import ChatRequest, Image, Inline, Refusal, Text, Thinking, ToolCall
from gateway.core.faults import Fault
from gateway.core.generation import (
    Cited,
    Delta,
    Ended,
    Event,
    Failed,
    Finish,
    Finished,
    PartEnded,
    PartStarted,
    Signed,
    Started,
    Used,
    Weighed,
)
from gateway.core.usage import Usage
from gateway.dialects.anthropic.answers import image_text, message_id, stop_word, text_block, thinking_block
from gateway.dialects.anthropic.citations import write_citation
from gateway.dialects.anthropic.errors import error_event
from gateway.dialects.anthropic.usage import write_usage
from gateway.dialects.fitting import Caption
from gateway.dialects.seals import shown
from gateway.dialects.sse import event

_encode = msgspec.json.Encoder().encode
_DELTAS: Mapping[str, tuple[str, str]] = {
    "text": ("text_delta", "text"),
    "tool_use": ("input_json_delta", "partial_json"),
    "thinking": ("thinking_delta", "thinking"),
}


class Encoder:
    """Events as message events for a client.

    A signed tool call becomes two blocks (`dialects/seals.py`), so blocks have numbers of their own. Its signature is
    known when it begins: the one dialect that signs calls sends them whole.
    """

    __slots__ = ("_blocks", "_caption", "_count", "_finish", "_usage")

    def __init__(self, caption: Caption, request: ChatRequest) -> None:  # noqa: ARG002  every Encoder's signature
        self._caption = caption
        self._blocks: dict[int, tuple[int, str]] = {}  # part → (its block, the block's type)
        self._count = 0
        self._finish = Finish("stop")
        self._usage = Usage()

    def encode(self, event_: Event) -> bytes:
        """The events for one event; empty for what the dialect does not tell.

        Raises:
            Fault: the event tells of a failure.
        """
        match event_:
            case Delta() if event_.choice == 0:
                return self._delta(event_)
            case PartStarted() if event_.choice == 0:
                return self._start(event_)
            case PartEnded() if event_.choice == 0:
                return self._stop(event_.part)
            case Signed() if event_.choice == 0:
                return self._signed(event_)
            case Cited() if event_.choice == 0 and event_.part in self._blocks:
                delta = {"type": "citations_delta", "citation": write_citation(event_.citation)}
                return self._grow(self._blocks[event_.part][0], delta)
            case Finished() if event_.choice == 0:
                self._finish = event_.finish
                return b""
            case Used():
                self._usage = event_.usage
                return b""
            case Started():
                return self._begin(event_)
            case Ended():
                return self._end()
            case Failed():
                raise event_.fault
            case Weighed() | _:
                return b""

    def fault(self, fault: Fault, request_id: str) -> bytes:
        """The stream's last event when it breaks."""
        return error_event(fault, request_id)

    def _begin(self, started: Started) -> bytes:
        message: dict[str, Any] = {
            "id": message_id(started.id, self._caption),
            "type": "message",
            "role": "assistant",
            "model": started.model or self._caption.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**write_usage(self._usage), "output_tokens": 1},
        }
        return _write("message_start", message=message) + _write("ping")

    def _start(self, started: PartStarted) -> bytes:
        match started.beginning:
            case Text() | Refusal() as said:
                return self._open(started.part, "text", text_block(said))
            case Thinking() as thought:
                kind = "redacted_thinking" if thought.redacted else "thinking"
                return self._open(started.part, kind, thinking_block(thought))
            case ToolCall() as call:
                before = self._sealed(call.signature) if call.signature else b""
                block: dict[str, Any] = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
                return before + self._open(started.part, "tool_use", block)
            case Image(source=Inline() as source):
                opened = self._open(started.part, "text", text_block(Text("")))
                return opened + self._delta(Delta(0, started.part, image_text(source)))
            case _:
                return b""

    def _open(self, part: int, kind: str, block: dict[str, Any]) -> bytes:
        number = self._count
        self._count += 1
        self._blocks[part] = (number, kind)
        return _write("content_block_start", index=number, content_block=block)

    def _sealed(self, signature: str) -> bytes:
        """A block of its own for a signature that this dialect has no field for."""
        number = self._count
        self._count += 1
        block = {"type": "redacted_thinking", "data": shown(signature, "anthropic")}
        return _write("content_block_start", index=number, content_block=block) + _write(
            "content_block_stop", index=number
        )

    def _delta(self, delta: Delta) -> bytes:
        number, kind = self._blocks.get(delta.part, (0, ""))
        if kind not in _DELTAS:
            return b""
        name, field = _DELTAS[kind]
        return self._grow(number, {"type": name, field: delta.text})

    def _grow(self, number: int, delta: dict[str, Any]) -> bytes:
        return _write("content_block_delta", index=number, delta=delta)

    def _signed(self, signed: Signed) -> bytes:
        number, kind = self._blocks.get(signed.part, (0, ""))
        if kind == "thinking":
            signature = shown(signed.signature, "anthropic")
            return self._grow(number, {"type": "signature_delta", "signature": signature})
        return b""

    def _stop(self, part: int) -> bytes:
        found = self._blocks.pop(part, None)
        return b"" if found is None else _write("content_block_stop", index=found[0])

    def _end(self) -> bytes:
        finish = self._finish
        delta = {"stop_reason": stop_word(finish), "stop_sequence": finish.stop_sequence or None}
        return _write("message_delta", delta=delta, usage=write_usage(self._usage)) + _write("message_stop")


def _write(kind: str, **fields: Any) -> bytes:
    return event(_encode({"type": kind, **fields}), kind)
