"""A stream's chunks, or the one chunk that a whole answer is, as events.

Source: https://ai.google.dev/api/generate-content#generatecontentresponse. A stream has no terminator of its own: it is
whole when every candidate that began has a `finishReason` (or the prompt was blocked) and the bytes end. Some models
write a `finishReason` into every chunk, so nothing is finished before the bytes end. Usage is told whenever it has
grown, for an answer that is never heard to its end.

    state     chunk             error chunk       bytes end, all finished    bytes end, something is not
    reading   its events        → failed          Finished, Ended            fault: cut short
    failed    ignored           ignored           nothing                    nothing
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

import msgspec

from gateway.core.faults import UpstreamBroken
from gateway.core.generation import Ended, Event, Failed, Finish, Finished, Started, Used
from gateway.dialects.gemini.candidate import Candidate
from gateway.dialects.gemini.errors import decode_error_event
from gateway.dialects.gemini.finishing import decode_finish, said_reason
from gateway.dialects.gemini.framing import Chunks, cut_short
from gateway.dialects.gemini.usage import has_counts, read_usage, service_tier, statement_of
from gateway.dialects.reading import index, part, rows, words
from gateway.dialects.statements import raw_usage

_decode = msgspec.json.Decoder().decode
_NO_WORD = re.compile(r"[^A-Za-z0-9_-]+")


class Answering:
    """Turns chunks into events.

    Args:
        whole: there is one chunk and nothing can have been cut off it: it need not say that it ended.
    """

    __slots__ = ("_blocked", "_candidates", "_failed", "_id", "_model", "_started", "_tier", "_used", "_whole")

    def __init__(self, *, whole: bool = False) -> None:
        self._whole = whole
        self._started = self._failed = False
        self._id = self._model = self._tier = self._blocked = ""
        self._candidates: dict[int, Candidate] = {}
        self._used: Used | None = None

    def chunk(self, data: bytes) -> Iterator[Event]:
        """The events of one chunk.

        Raises:
            UpstreamBroken: it is not a JSON object.
        """
        if self._failed:
            return
        said = _read(data)
        if isinstance(said.get("error"), dict):
            self._failed = True
            yield Failed(decode_error_event(said))
            return
        self._model = words(said, "modelVersion") or self._model
        block = part(said, "usageMetadata")
        self._tier = service_tier(block) or self._tier
        if not self._started:
            self._started = True
            self._id = words(said, "responseId")
            yield Started(self._id, self._model, _seconds(words(said, "createTime")), self._tier)
        self._blocked = words(part(said, "promptFeedback"), "blockReason") or self._blocked
        for candidate in rows(said, "candidates"):
            at = index(candidate.get("index"))
            if at not in self._candidates:
                self._candidates[at] = Candidate(at, self._call_name(at))
            reading = self._candidates[at]
            yield from reading.feed(candidate, self._model)
            reading.finish = said_reason(candidate.get("finishReason")) or reading.finish
        if has_counts(block):
            searched = sum(candidate.searched for candidate in self._candidates.values())
            usage = msgspec.structs.replace(read_usage(block), web_searches=searched)
            used = Used(usage, self._tier, statement_of(block, usage, [raw_usage(data)]))
            if used != self._used:
                self._used = used
                yield used

    def _call_name(self, at: int) -> str:
        """What ids of calls are made from: another answer of the conversation must not make the same."""
        name = _NO_WORD.sub("", self._id)[:40]
        return f"call_{name}_{at}" if name and at else f"call_{name}" if name else f"call_{at}" if at else ""

    def end(self) -> Iterator[Event]:
        """The last events.

        Raises:
            UpstreamBroken: the answer is not whole.
        """
        if self._failed:
            return
        unfinished = any(not candidate.finish for candidate in self._candidates.values())
        if self._whole and not (self._candidates or self._blocked or self._used):
            raise UpstreamBroken("the upstream's answer has neither candidates nor usage")
        if not self._whole and (unfinished or not (self._candidates or self._blocked)):
            raise cut_short()
        for at in sorted(self._candidates):
            yield from self._candidates[at].end()
        for at, candidate in sorted(self._candidates.items()):
            yield Finished(at, decode_finish(candidate.finish, called=candidate.calls > 0))
        if not self._candidates and self._blocked:
            yield Finished(0, Finish("content_filter", detail=self._blocked))
        yield Ended()


class Decoder:
    """Reads a stream in either framing."""

    __slots__ = ("_answering", "_chunks")

    def __init__(self) -> None:
        self._chunks = Chunks()
        self._answering = Answering()

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that these bytes complete.

        Raises:
            UpstreamBroken: they are not of this protocol.
        """
        return [event for data in self._chunks.feed(chunk) for event in self._answering.chunk(data)]

    def end(self) -> list[Event]:
        """The last events, when the bytes are over.

        Raises:
            UpstreamBroken: the answer is not whole.
        """
        events: list[Event] = []
        for data in self._chunks.end():
            try:
                events.extend(self._answering.chunk(data))
            except UpstreamBroken:
                raise cut_short() from None
        events.extend(self._answering.end())
        return events


def _read(data: bytes) -> dict[str, Any]:
    try:
        said = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamBroken("the upstream sent a chunk that is not valid JSON") from None
    if isinstance(said, list) and said:
        said = cast(list[Any], said)[0]
    if not isinstance(said, dict):
        raise UpstreamBroken("the upstream sent a chunk that is not a JSON object")
    return cast(dict[str, Any], said)


def _seconds(time: str) -> int:
    """An RFC 3339 time as Unix seconds, 0 if it is none."""
    try:
        return max(0, int(datetime.fromisoformat(time).timestamp()))
    except (ValueError, OverflowError):
        return 0
