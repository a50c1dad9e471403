"""A part that is growing, as the events of a stream tell it: (event's type, its fields) without the sequence number."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.core.conversation import Citation, Image, Inline, Part, Refusal, Text, Thinking, ToolCall
from gateway.dialects.responses.objects import write_annotation

Told = tuple[str, Mapping[str, Any]]


class OpenPart:
    """One part: what it is, its item and the item's place, its own place in the item, and its text so far."""

    __slots__ = ("_content", "_texts", "beginning", "item", "place")

    def __init__(self, beginning: Part, place: int, item: dict[str, Any], content: int = 0) -> None:
        self.beginning = beginning
        self.place = place
        self.item = item
        self._content = content
        self._texts: list[str] = []

    def begin(self) -> Iterator[Told]:
        """Its own beginning; that of its item is told apart."""
        match self.beginning:
            case Text() | Refusal():
                yield "response.content_part.added", {**self._where(), "part": dict(self._block())}
            case Thinking() if self.item["summary"]:
                part = {"type": "summary_text", "text": ""}
                yield "response.reasoning_summary_part.added", {**self._where(), "part": part}
            case _:
                return

    def grow(self, text: str, logprobs: Sequence[Mapping[str, Any]]) -> Iterator[Told]:
        self._texts.append(text)
        match self.beginning:
            case Text():
                self._block()["logprobs"].extend(logprobs)
                yield "response.output_text.delta", {**self._where(), "delta": text, "logprobs": logprobs}
            case Refusal():
                yield "response.refusal.delta", {**self._where(), "delta": text}
            case Thinking() if self.item["summary"]:
                yield "response.reasoning_summary_text.delta", {**self._where(), "delta": text}
            case ToolCall():
                yield "response.function_call_arguments.delta", {**self._where(), "delta": text}
            case _:
                return

    def cite(self, citation: Citation) -> Iterator[Told]:
        if isinstance(self.beginning, Text) and citation.kind != "document":
            annotation = write_annotation(citation, sum(map(len, self._texts)))
            annotations: list[dict[str, Any]] = self._block()["annotations"]
            annotations.append(annotation)
            place = {"annotation_index": len(annotations) - 1, "annotation": annotation}
            yield "response.output_text.annotation.added", {**self._where(), **place}

    def settle(self) -> str:
        """Write the text so far into the item; gives the text."""
        text = "".join(self._texts)
        match self.beginning:
            case Text():
                self._block()["text"] = text
            case Refusal():
                self._block()["refusal"] = text
            case Thinking() if self.item["summary"]:
                self.item["summary"][0]["text"] = text
            case ToolCall() as call:
                self.item["arguments"] = text = call.arguments + text
            case Image(source=Inline() as source):
                self.item["result"] = source.data + text
            case _:
                pass
        return text

    def end(self) -> Iterator[Told]:
        """Its own end; that of its item is told apart."""
        text, where = self.settle(), self._where()
        match self.beginning:
            case Text():
                block = self._block()
                yield "response.output_text.done", {**where, "text": text, "logprobs": block["logprobs"]}
                yield "response.content_part.done", {**where, "part": block}
            case Refusal():
                yield "response.refusal.done", {**where, "refusal": text}
                yield "response.content_part.done", {**where, "part": self._block()}
            case Thinking() if self.item["summary"]:
                yield "response.reasoning_summary_text.done", {**where, "text": text}
                yield "response.reasoning_summary_part.done", {**where, "part": self.item["summary"][0]}
            case ToolCall() as call:
                yield "response.function_call_arguments.done", {**where, "arguments": text, "name": call.name}
            case _:
                return

    def _block(self) -> dict[str, Any]:
        return self.item["content"][self._content]

    def _where(self) -> dict[str, Any]:
        where: dict[str, Any] = {"item_id": self.item["id"], "output_index": self.place}
        match self.beginning:
            case Text() | Refusal():
                where["content_index"] = self._content
            case Thinking():
                where["summary_index"] = 0
            case _:
                pass
        return where
