"""Answers as they come over the wire, whole or in events, as what assertions look at."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from gateway.compare.grading import Sample, ToolCall
from gateway.core.conversation import Refusal, Text
from gateway.core.conversation import ToolCall as Called
from gateway.core.generation import Answer, Choice, Delta, Gathering, PartStarted
from gateway.dialects.chat.answers import decode_answer
from gateway.dialects.chat.events import Decoder


def whole_sample(body: bytes, request: Mapping[str, Any], latency_s: float | None, cost_nano: int | None) -> Sample:
    """Of a `chat.completion`.

    Raises:
        UpstreamBroken: it is none.
    """
    return sample_of(decode_answer(body), request, latency_s=latency_s, cost_nano=cost_nano)


def sample_of(
    answer: Answer,
    request: Mapping[str, Any],
    *,
    latency_s: float | None,
    cost_nano: int | None,
    ttft_s: float | None = None,
) -> Sample:
    """The first choice of an answer: there is no other, unless somebody asked for one."""
    choice = answer.choices[0] if answer.choices else Choice()
    text = "".join(part.text for part in choice.parts if isinstance(part, Text))
    refused = "".join(part.text for part in choice.parts if isinstance(part, Refusal))
    calls = tuple(
        ToolCall(name=part.name, arguments=part.arguments, id=part.id)
        for part in choice.parts
        if isinstance(part, Called)
    )
    finish = choice.finish
    return Sample(
        text=text or refused,
        tool_calls=calls,
        finish_reason="" if finish is None else finish.detail or finish.reason,
        refusal=bool(refused) or (finish is not None and finish.reason == "refusal"),
        latency_s=latency_s,
        ttft_s=ttft_s,
        cost_nano=cost_nano,
        usage=answer.usage,
        model=answer.model,
        tools=tuple(cast(list[dict[str, Any]], request.get("tools") or ())),
    )


class StreamedAnswer:
    """An answer out of its events.

    Attributes:
        first_at: when its first word, or its first call of a tool, was there; None: none has come.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._decoder = Decoder()
        self._gathering = Gathering()
        self._now = now
        self.first_at: float | None = None

    def feed(self, piece: bytes) -> None:
        """Raises:
        Fault: it breaks off, or is no such stream.
        """
        for event in self._decoder.feed(piece):
            self._gathering.add(event)
            # A role, or an empty first chunk, is no word of an answer.
            if self.first_at is None and isinstance(event, Delta | PartStarted):
                self.first_at = self._now()

    def end(self) -> Answer:
        """Raises:
        Fault: it is not whole.
        """
        for event in self._decoder.end():
            self._gathering.add(event)
        return self._gathering.answer()
