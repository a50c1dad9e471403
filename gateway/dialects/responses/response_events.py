"""Writing streams of response events, in the order and with the numbers that OpenAI's own have.

Source: OpenAI's API reference, "Responses", "Streaming events".
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gateway.core.conversation import ChatRequest, Image, Inline, Json, Refusal, Text, Thinking, ToolCall
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
from gateway.dialects.fitting import Caption
from gateway.dialects.openai.errors import error_fields
from gateway.dialects.responses.failures import write_failure
from gateway.dialects.responses.growing import OpenPart, Told
from gateway.dialects.responses.objects import (
    call_item,
    content_block,
    image_item,
    item_id,
    logprob_entry,
    message_item,
    response_object,
    sealed_item,
    thought_item,
    unfinished,
    write_logprobs,
)
from gateway.dialects.seals import shown
from gateway.dialects.sse import event

_encode = msgspec.json.Encoder().encode


class Encoder:
    """Events as response events for a client. The last of them repeats the whole answer."""

    __slots__ = (
        "_asked",
        "_caption",
        "_finish",
        "_message",
        "_model",
        "_number",
        "_open",
        "_output",
        "_tier",
        "_usage",
        "_weights",
    )

    def __init__(self, caption: Caption, request: ChatRequest, asked: Json) -> None:  # noqa: ARG002  every Encoder's
        self._caption = caption
        self._asked = asked
        self._output: list[dict[str, Any]] = []
        self._open: dict[int, OpenPart] = {}
        self._message = -1  # place of the message that further texts go into, while it is open
        self._number = 0
        self._finish = Finish("stop")
        self._usage: Usage | None = None
        self._weights: list[Mapping[str, Any]] = []  # logprobs that no text has been given yet
        self._model = self._tier = ""

    def encode(self, event_: Event) -> bytes:
        """The events for one event; empty for what the dialect does not tell, such as a second choice.

        Raises:
            Fault: the event tells of a failure.
        """
        match event_:
            case Started():
                return self._begin(event_)
            case Used():
                self._usage, self._tier = event_.usage, event_.service_tier or self._tier
                return b""
            case Ended():
                return self._end()
            case Failed():
                raise event_.fault
            case _:
                return self._of_choice(event_) if event_.choice == 0 else b""

    def _of_choice(self, event_: PartStarted | Delta | Signed | Cited | Weighed | PartEnded | Finished) -> bytes:
        match event_:
            case Delta():
                return self._delta(event_)
            case PartStarted():
                return self._start(event_)
            case PartEnded():
                return self._stop(event_.part)
            case Signed():
                opened = self._open.get(event_.part)
                if opened is not None and isinstance(opened.beginning, Thinking):
                    opened.item["encrypted_content"] = shown(event_.signature, "openai")
                return b""
            case Cited():
                opened = self._open.get(event_.part)
                return self._tell(opened.cite(event_.citation)) if opened is not None else b""
            case Finished():
                self._finish = event_.finish
                return b""
            case Weighed():
                self._weights.extend(logprob_entry(entry) for entry in event_.logprobs)
                return b""

    def fault(self, fault: Fault, request_id: str) -> bytes:
        """The stream's last events when it breaks: an error, and the response as far as it came, failed. The error is
        told in an object too, as OpenAI does: its SDKs raise at that one."""
        error = error_fields(fault, request_id)
        told = self._write("error", code=fault.code, message=fault.message, param=fault.param, error=error)
        for opened in self._open.values():
            opened.settle()
        for item in self._output:
            if item.get("status") == "in_progress":
                item["status"] = "incomplete"
        return told + self._write("response.failed", response=self._response(error=write_failure(fault)))

    def _write(self, kind: str, **fields: Any) -> bytes:
        data = _encode({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        return event(data, kind)

    def _tell(self, told: Iterable[Told]) -> bytes:
        return b"".join(self._write(kind, **fields) for kind, fields in told)

    def _response(self, *, finish: Finish | None = None, error: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return response_object(
            self._caption,
            self._asked,
            self._output,
            model=self._model,
            finish=finish,
            usage=self._usage,
            service_tier=self._tier,
            error=error,
        )

    def _begin(self, started: Started) -> bytes:
        self._model, self._tier = started.model, started.service_tier
        begun = self._response()
        return self._write("response.created", response=begun) + self._write("response.in_progress", response=begun)

    def _add(self, item: dict[str, Any], **shown_as: Any) -> bytes:
        """A new item, as it looks at its beginning."""
        self._output.append(item)
        return self._write("response.output_item.added", output_index=len(self._output) - 1, item={**item, **shown_as})

    def _done(self, place: int, status: str = "completed") -> bytes:
        item = self._output[place]
        item["status"] = status
        return self._write("response.output_item.done", output_index=place, item=item)

    def _start(self, started: PartStarted) -> bytes:
        begun = started.beginning
        if isinstance(begun, Text | Refusal):
            return self._start_text(started.part, begun)
        written = self._end_message()
        caption, place = self._caption, len(self._output)
        match begun:
            case Thinking():
                item = thought_item(item_id("rs", caption, place), begun, "in_progress")
                written += self._add(item, summary=[])
            case ToolCall():
                if begun.signature:
                    written += self._add(sealed_item(item_id("rs", caption, place), begun.signature))
                    written += self._done(place)
                    place += 1
                item = call_item(item_id("fc", caption, place), begun, "in_progress")
                written += self._add(item, arguments="")
            case Image(source=Inline() as source):
                item = image_item(item_id("ig", caption, place), source, "in_progress")
                written += self._add(item, result=None)
            case _:
                return written
        opened = self._open[started.part] = OpenPart(begun, place, item)
        return written + self._tell(opened.begin())

    def _start_text(self, part: int, begun: Text | Refusal) -> bytes:
        written = b""
        if self._message < 0:
            self._message = len(self._output)
            item = message_item(item_id("msg", self._caption, self._message), "in_progress")
            written = self._add(item, content=[])
        item = self._output[self._message]
        opened = self._open[part] = OpenPart(begun, self._message, item, len(item["content"]))
        item["content"].append(content_block(begun))
        return written + self._tell(opened.begin())

    def _delta(self, delta: Delta) -> bytes:
        opened = self._open.get(delta.part)
        if opened is None:
            return b""
        logprobs: list[Mapping[str, Any]] = []
        if isinstance(opened.beginning, Text):
            logprobs, self._weights = self._weights, []
        return self._tell(opened.grow(delta.text, logprobs))

    def _stop(self, part: int) -> bytes:
        """A message stays open: more text may follow."""
        opened = self._open.pop(part, None)
        if opened is None:
            return b""
        written = self._tell(opened.end())
        return written if isinstance(opened.beginning, Text | Refusal) else written + self._done(opened.place)

    def _end_message(self, finish: Finish | None = None) -> bytes:
        """The message's end, if one is open. Logprobs that came after its last piece of text are in it."""
        place, self._message = self._message, -1
        if place < 0:
            return b""
        weights, self._weights = self._weights, []
        write_logprobs(weights, self._output)
        return self._done(place, "incomplete" if finish is not None and unfinished(finish) else "completed")

    def _end(self) -> bytes:
        written = self._end_message(self._finish)
        write_logprobs(self._weights, self._output)
        response = self._response(finish=self._finish)
        return written + self._write(f"response.{response['status']}", response=response)
