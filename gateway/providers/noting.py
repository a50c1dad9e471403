"""What an answer says about itself, noted for metering while it passes."""

from collections.abc import Callable, Iterable, Sequence

from gateway.core.call import Served
from gateway.core.faults import UpstreamBroken
from gateway.core.generation import Answer, Delta, Ended, Event, Failed, Finished, Started, Used
from gateway.dialects.openai.answers import MAX_WORD
from gateway.dialects.statements import note_terms, note_usage, tier_terms
from gateway.dialects.translation import StreamDecoder


def note_events(events: Iterable[Event], served: Served, now: Callable[[], float]) -> None:
    """Usage, the model, why it ended; and output counted in case the stream is cut before its usage comes: a token is
    at least one event's share of text, about four characters."""
    for event in events:
        match event:
            case Delta():
                if served.first_output_at is None:
                    served.first_output_at = now()
                served.estimated_output_tokens += max(1, len(event.text) // 4)
            case Used():
                note_usage(served, event.usage, event.statement)
            case Finished():
                if not served.finish_reason:
                    served.finish_reason = (event.finish.detail or event.finish.reason)[:MAX_WORD]
            case Started():
                served.model = event.model[:MAX_WORD] or served.model
                served.response_id = event.id[:MAX_WORD] or served.response_id
                if event.service_tier:
                    note_terms(served, tier_terms(event.service_tier))
            case Ended():
                served.complete = True
            case Failed():
                served.failed = True
            case _:
                pass


def note_answer(answer: Answer, served: Served) -> None:
    served.model = answer.model[:MAX_WORD] or served.model
    served.response_id = answer.id[:MAX_WORD] or served.response_id
    if answer.usage is not None:
        note_usage(served, answer.usage, answer.statement)
    for choice in answer.choices:
        if choice.finish is not None and not served.finish_reason:
            served.finish_reason = (choice.finish.detail or choice.finish.reason)[:MAX_WORD]


class Watcher:
    """A tap that reads a stream of a dialect other than OpenAI's as it passes, and changes nothing.

    Attributes:
        ended: the answer is whole, or an error event came: the upstream may close now.
        broken: what is wrong with the batch after the last one passed on; never set here, where a batch passes whole.
    """

    __slots__ = ("_blind", "_decoder", "_now", "_served", "broken", "ended")

    def __init__(self, decoder: StreamDecoder, served: Served, now: Callable[[], float]) -> None:
        self._decoder = decoder
        self._served = served
        self._now = now
        self._blind = False
        self.ended = False
        self.broken: Exception | None = None

    def __call__(self, batch: bytes) -> bytes:
        """Note what the batch says. What cannot be understood passes all the same, and is not looked at any more."""
        if self._blind:
            return batch
        try:
            events = self._decoder.feed(batch)
        except UpstreamBroken:
            self._blind = self.ended = True
            return batch
        self._note(events)
        return batch

    def may_end(self) -> bool:
        """Whether the upstream may close the stream now. Some dialects have no last event: then the decoder knows."""
        if not self.ended and not self._blind:
            try:
                self._note(self._decoder.end())
            except UpstreamBroken:
                return False
        return self.ended

    def _note(self, events: Sequence[Event]) -> None:
        note_events(events, self._served, self._now)
        if events and isinstance(events[-1], Ended | Failed):
            self.ended = True
