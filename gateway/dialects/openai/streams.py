"""Reading event streams as they pass: usage, first output, the end; and taking out what only the gateway asked for.

A reader is a tap (`core.call.Tap`): it sees batches of whole events and returns the bytes to pass on.

    state        [DONE] or terminal event     error event            upstream ends
    streaming    → complete                   → failed (passed on)   → fault: cut short
    complete     passed on                    passed on              fine
    failed       passed on                    passed on              fine
"""

from collections.abc import Callable
from typing import cast

from gateway.core.attempt import Terms
from gateway.core.call import Served
from gateway.core.conversation import Json
from gateway.core.faults import UpstreamBroken
from gateway.core.generation import Statement
from gateway.core.usage import Usage, sum_of
from gateway.dialects.openai.answers import MAX_WORD, finish_reason, note_model, rename_model
from gateway.dialects.openai.usage import read_block
from gateway.dialects.reading import part
from gateway.dialects.responses.usage import BILLED_ITEMS, statement_of, usage_of
from gateway.dialects.sse import data_of, read_object, split
from gateway.dialects.statements import kept, note_terms, note_usage, raw_usage, raw_within, term, tier_terms

_RESPONSE_ENDINGS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
# These streams have no terminator but their last object; usage comes with it. With n > 1 there are several.
_MEDIA_ENDINGS = frozenset(
    {"image_generation.completed", "image_edit.completed", "transcript.text.done", "speech.audio.done"}
)
# What a choice may say in words.
_TEXTS = frozenset({"content", "text", "reasoning_content", "reasoning", "refusal"})


class StreamReader:
    """Reads one stream.

    Attributes:
        ended: the answer is whole, or an error event came: the upstream may close now.
        broken: what is wrong with the event after the last one passed on.
    """

    __slots__ = (
        *("_alias", "_data", "_images", "_items", "_now", "_raw", "_served", "_strip_usage", "_tier"),
        *("broken", "ended"),
    )

    def __init__(
        self,
        served: Served,
        now: Callable[[], float],
        *,
        strip_usage: bool = False,
        alias: str = "",
        images: bool = False,
    ) -> None:
        self._served = served
        self._now = now
        self._strip_usage = strip_usage
        self._alias = alias
        self._images = images
        self._data = b""
        self._raw: list[bytes] = []
        self._items: list[Json] = []
        self._tier: object = None
        self.ended = False
        self.broken: Exception | None = None

    def __call__(self, batch: bytes) -> bytes:
        """Note what the batch says; return what of it the client gets.

        Raises:
            UpstreamBroken: the first event's data is not JSON. A later one's is kept in `broken`, and what came before
                it is returned.
        """
        kept: list[bytes] | None = None
        events = (batch,) if batch.find(b"\n\n") == len(batch) - 2 else list(split(batch))
        for index, event in enumerate(events):
            try:
                passed = self._event(event)
            except UpstreamBroken as fault:
                if not index:
                    raise
                self.broken = fault
                return b"".join(events[:index] if kept is None else kept)
            if passed is not event and kept is None:
                kept = list(events[:index])
            if kept is not None and passed is not None:
                kept.append(passed)
        return batch if kept is None else b"".join(kept)

    def may_end(self) -> bool:
        """Whether the upstream may close the stream now."""
        return self.ended

    def _event(self, event: bytes) -> bytes | None:
        """One event: itself, a changed one, or None to leave it out."""
        data = data_of(event)
        if data is None or not data:
            return event
        if data.strip() == b"[DONE]":
            self._served.complete = self.ended = True
            return event
        said = read_object(data)
        if said is None:
            return event
        self._data = data
        choices = said.get("choices")
        if choices is not None:
            passed = self._chunk(event, said, choices)
        elif isinstance(kind := said.get("type"), str):
            self._typed(kind, said)
            passed = event
        else:
            passed = event
        if said.get("error"):
            self._served.failed = self.ended = True
        return self._renamed(passed, said)

    def _chunk(self, event: bytes, said: Json, choices: object) -> bytes | None:
        """A chat or text completion chunk."""
        tier = said.get("service_tier")
        if tier is not None and tier != self._tier:
            self._tier = tier
            note_terms(self._served, tier_terms(tier))
        usage = said.get("usage") or ("x_groq" in said and part(said, "x_groq").get("usage"))
        if isinstance(usage, dict):
            self._note_usage(cast(Json, usage))
        if isinstance(choices, list) and choices:
            # Of types in quotes nothing is made: each event comes by here.
            for choice in cast("list[object]", choices):
                if isinstance(choice, dict):
                    self._choice(cast("Json", choice))
            return event
        return None if usage and self._strip_usage else event

    def _choice(self, choice: Json) -> None:
        delta = choice.get("delta")
        produced = 0
        for name, value in (cast("Json", delta) if isinstance(delta, dict) else choice).items():
            if name in _TEXTS:
                if isinstance(value, str):
                    produced += len(value)
            elif name == "tool_calls" and value:
                produced += len(str(value)) // 2
        if produced:
            self._note_output(produced)
        reason = choice.get("finish_reason")
        if isinstance(reason, str):
            self._served.finish_reason = reason[:MAX_WORD]

    def _typed(self, kind: str, said: Json) -> None:
        """An event of the Responses API or of a media stream."""
        delta = said.get("delta")
        if isinstance(delta, str) and delta:
            self._note_output(len(delta))
        if kind in _RESPONSE_ENDINGS:
            response = part(said, "response")
            self._served.finish_reason = finish_reason(response)
            if (found := usage_of(response, self._items)) is not None:
                used, agrees = found
                places = (("response", "usage"), ("response", "tool_usage"))
                raw = raw_within(self._data, *places[: 2 if used.web_searches or used.images else 1])
                note_usage(self._served, used, statement_of(response, raw, agrees, self._items))
            note_model(response, self._served)
            self._served.complete = self.ended = True
            self._served.failed = kind == "response.failed"
        elif kind in _MEDIA_ENDINGS:
            self._add_usage(kind, said)
            self.ended = True
        elif kind == "response.output_item.done" and part(said, "item").get("type") in BILLED_ITEMS:
            self._items.append(part(said, "item"))
        elif kind == "error":
            self._served.failed = self.ended = True

    def _note_usage(self, usage: Json) -> None:
        """The last usage counts: some providers repeat a running total in every chunk."""
        used, agrees = read_block(usage)
        raw = [raw_usage(self._data)]
        if not raw[0]:
            raw = raw_within(self._data, ("x_groq", "usage"))
        note_usage(self._served, used, Statement(kept(*raw), tier_terms(usage.get("service_tier")), agrees))

    def _add_usage(self, kind: str, said: Json) -> None:
        """Each of several images, and the end of a sound or a transcript, tells its own; they are added up."""
        served, usage = self._served, part(said, "usage")
        used, agrees = read_block(usage, images_out=self._images, audio_out=kind.startswith("speech."))
        if not used.total_tokens and self._images:
            used = Usage(images=1)
        agrees = agrees and served.usage_source != "inconsistent"
        if served.usage is not None:
            used = sum_of(served.usage, used)
        self._raw.append(raw_usage(self._data))
        terms = Terms(image_size=term(said, "size"), image_quality=term(said, "quality"))
        note_usage(served, used, Statement(kept(*self._raw), terms, agrees))

    def _note_output(self, characters: int) -> None:
        """Count output in case the stream is cut before its usage comes: a token is at least one event's share of
        text, about four characters."""
        served = self._served
        if served.first_output_at is None:
            served.first_output_at = self._now()
        served.estimated_output_tokens += characters // 4 or 1

    def _renamed(self, event: bytes | None, said: Json) -> bytes | None:
        model = said.get("model") or part(said, "response").get("model")
        if not isinstance(model, str):
            return event
        served = self._served
        served.model = model[:MAX_WORD]
        if not served.response_id and isinstance(named := said.get("id") or part(said, "response").get("id"), str):
            served.response_id = named[:MAX_WORD]
        if self._alias and event is not None and model != self._alias:
            return rename_model(event, model, self._alias)
        return event
