"""Writing streams of response events, in the order and with the numbers that OpenAI's own have."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.core.conversation import (
    ChatRequest,
    Citation,
    Image,
    Inline,
    Json,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
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
from gateway.dialects.responses.objects import (
    OpenPart,
    call_item,
    content_block,
    image_item,
    item_id,
    message_item,
    response_object,
    sealed_item,
    thought_item,
    write_annotation,
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
        self._weights: list[Mapping[str, Any]] = []
        self._model = self._tier = ""

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
            case Signed() if event_.part in self._open:
                self._open[event_.part].item["encrypted_content"] = shown(event_.signature, "openai")
                return b""
            case Cited() if event_.part in self._open:
                return self._cited(self._open[event_.part], event_.citation)
            case Finished() if event_.choice == 0:
                self._finish = event_.finish
                return b""
            case Used():
                self._usage, self._tier = event_.usage, event_.service_tier or self._tier
                return b""
            case Started():
                return self._begin(event_)
            case Ended():
                return self._end()
            case Failed():
                raise event_.fault
            case Weighed() if event_.choice == 0:
                self._weights.extend(event_.logprobs)
                return b""
            case _:
                return b""

    def fault(self, fault: Fault, request_id: str) -> bytes:
        """The stream's last events when it breaks: an error, and the response as far as it came, failed. The error is
        told in an object too, as OpenAI does: its SDKs raise at that one."""
        error = {"code": fault.code, "message": fault.message}
        failed = response_object(self._caption, self._asked, self._output, model=self._model, error=error)
        told = self._write("error", **error, param=fault.param, error=error_fields(fault, request_id))
        return told + self._write("response.failed", response=failed)

    def _write(self, kind: str, **fields: Any) -> bytes:
        data = _encode({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        return event(data, kind)

    def _begin(self, started: Started) -> bytes:
        self._model, self._tier = started.model, started.service_tier
        begun = response_object(self._caption, self._asked, [], model=self._model, service_tier=self._tier)
        return self._write("response.created", response=begun) + self._write("response.in_progress", response=begun)

    def _add(self, item: dict[str, Any], **shown_as: Any) -> bytes:
        """A new item, as it looks at its beginning."""
        self._output.append(item)
        return self._write("response.output_item.added", output_index=len(self._output) - 1, item={**item, **shown_as})

    def _done(self, place: int) -> bytes:
        item = self._output[place]
        if "status" in item:
            item["status"] = "completed"
        return self._write("response.output_item.done", output_index=place, item=item)

    def _start(self, started: PartStarted) -> bytes:
        begun = started.beginning
        if isinstance(begun, Text | Refusal):
            return self._start_text(started.part, begun)
        written = self._end_message()
        caption, place = self._caption, len(self._output)
        match begun:
            case Thinking():
                item = thought_item(item_id("rs", caption, place), begun)
                written += self._add(item, summary=[])
                if not begun.redacted:
                    written += self._write(
                        "response.reasoning_summary_part.added",
                        item_id=item["id"],
                        output_index=place,
                        summary_index=0,
                        part={"type": "summary_text", "text": ""},
                    )
            case ToolCall():
                if begun.signature:
                    written += self._add(sealed_item(item_id("rs", caption, place), begun.signature))
                    written += self._done(place)
                    place += 1
                item = call_item(item_id("fc", caption, place), begun, "in_progress")
                written += self._add(item, arguments="")
            case Image(source=Inline() as source):
                item = image_item(item_id("ig", caption, place), source.data)
                written += self._add(item, status="in_progress", result=None)
            case _:
                return written
        self._open[started.part] = OpenPart(begun, place, item)
        return written

    def _start_text(self, part: int, begun: Text | Refusal) -> bytes:
        written = b""
        if self._message < 0:
            self._message = len(self._output)
            item = message_item(item_id("msg", self._caption, self._message), "in_progress")
            written = self._add(item, content=[])
        item = self._output[self._message]
        opened = self._open[part] = OpenPart(begun, self._message, item, len(item["content"]))
        block = content_block(begun)
        item["content"].append(block)
        return written + self._write("response.content_part.added", **_where(opened), part=dict(block))

    def _delta(self, delta: Delta) -> bytes:
        opened = self._open.get(delta.part)
        if opened is None:
            return b""
        opened.texts.append(delta.text)
        match opened.beginning:
            case Text():
                logprobs, self._weights = self._weights, []
                block = opened.item["content"][opened.content]
                block["logprobs"].extend(logprobs)
                return self._write("response.output_text.delta", **_where(opened), delta=delta.text, logprobs=logprobs)
            case Refusal():
                return self._write("response.refusal.delta", **_where(opened), delta=delta.text)
            case Thinking():
                return self._write(
                    "response.reasoning_summary_text.delta",
                    item_id=opened.item["id"],
                    output_index=opened.place,
                    summary_index=0,
                    delta=delta.text,
                )
            case ToolCall():
                return self._write(
                    "response.function_call_arguments.delta",
                    item_id=opened.item["id"],
                    output_index=opened.place,
                    delta=delta.text,
                )
            case _:
                return b""

    def _cited(self, opened: OpenPart, citation: Citation) -> bytes:
        if not isinstance(opened.beginning, Text) or citation.kind == "document":
            return b""
        annotation = write_annotation(citation, sum(map(len, opened.texts)))
        annotations: list[dict[str, Any]] = opened.item["content"][opened.content]["annotations"]
        annotations.append(annotation)
        return self._write(
            "response.output_text.annotation.added",
            **_where(opened),
            annotation_index=len(annotations) - 1,
            annotation=annotation,
        )

    def _stop(self, part: int) -> bytes:
        opened = self._open.pop(part, None)
        if opened is None:
            return b""
        text = "".join(opened.texts)
        match opened.beginning:
            case Text() | Refusal():
                return self._stop_text(opened, text)
            case Thinking():
                return self._stop_thought(opened, text)
            case ToolCall():
                opened.item["arguments"] = text = opened.beginning.arguments + text
                told = {"item_id": opened.item["id"], "output_index": opened.place, "arguments": text}
                done = self._write("response.function_call_arguments.done", **told, name=opened.item["name"])
                return done + self._done(opened.place)
            case _:
                return self._done(opened.place)

    def _stop_text(self, opened: OpenPart, text: str) -> bytes:
        """The message stays open: more text may follow."""
        block = opened.item["content"][opened.content]
        if isinstance(opened.beginning, Refusal):
            block["refusal"] = text
            done = self._write("response.refusal.done", **_where(opened), refusal=text)
        else:
            block["text"] = text
            done = self._write("response.output_text.done", **_where(opened), text=text, logprobs=block["logprobs"])
        return done + self._write("response.content_part.done", **_where(opened), part=block)

    def _stop_thought(self, opened: OpenPart, text: str) -> bytes:
        item = opened.item
        if not item["summary"]:
            return self._done(opened.place)
        item["summary"][0]["text"] = text
        where = {"item_id": item["id"], "output_index": opened.place, "summary_index": 0}
        return (
            self._write("response.reasoning_summary_text.done", **where, text=text)
            + self._write("response.reasoning_summary_part.done", **where, part=item["summary"][0])
            + self._done(opened.place)
        )

    def _end_message(self) -> bytes:
        place, self._message = self._message, -1
        return self._done(place) if place >= 0 else b""

    def _end(self) -> bytes:
        written = self._end_message()
        response = response_object(
            self._caption,
            self._asked,
            self._output,
            model=self._model,
            finish=self._finish,
            usage=self._usage,
            service_tier=self._tier,
        )
        return written + self._write(f"response.{response['status']}", response=response)


def _where(opened: OpenPart) -> dict[str, Any]:
    return {"item_id": opened.item["id"], "output_index": opened.place, "content_index": opened.content}
