"""One candidate of an answer as it grows: its parts, numbered and well-formed, whatever pieces they come in.

    open part   text chunk            thought chunk         call, media, code     signature alone
    none        → text                → thinking            whole, → none         an empty text, signed
    text        grows                 ends; → thinking      ends; whole           signs it; → signed
    thinking    ends; → text          grows                 ends; whole           signs it, if a thought; else as none
    signed      ends; as none         ends; as none         ends; whole           ends; as none
    sound       ends; as none         ends; as none         ends; more of it grows

Within one chunk two thoughts are two parts, and so is a text that brings a signature of its own. A call that
`willContinue` stays open until its arguments are whole, because only then are they JSON.
"""

import base64
import binascii
from collections.abc import Iterator
from typing import Literal

from gateway.core.conversation import Audio, Citation, Inline, Json, Part, Text, Thinking, ToolCall
from gateway.core.generation import Cited, Delta, Event, PartEnded, PartStarted, Signed, Weighed
from gateway.dialects.gemini.code import as_text
from gateway.dialects.gemini.grounding import decode_citations, searches
from gateway.dialects.gemini.logprobs import decode_logprobs
from gateway.dialects.gemini.partial import PartialCall
from gateway.dialects.gemini.sources import media, source_of, type_of
from gateway.dialects.reading import json_text, part, rows, words
from gateway.dialects.seals import seal

_Kind = Literal["none", "text", "thinking", "signed", "sound"]


class Candidate:
    """Reads one candidate's chunks.

    Attributes:
        calls: how many functions it called. finish: why it ended, in Google's word, as far as it has. searched: web
            searches that its answer cost.
    """

    __slots__ = (
        "_call", "_cited", "_index", "_kind", "_name", "_parts", "_sound", "_starts", "_text", "calls", "finish",
        "searched",
    )  # fmt: skip

    def __init__(self, index: int, name: str) -> None:
        self._index = index
        self._name = name
        self._parts = 0
        self._kind: _Kind = "none"
        self._text: list[str] = []
        self._starts = -1
        self._call: PartialCall | None = None
        self._sound = (b"", "")
        self._cited: set[Citation] = set()
        self.calls = 0
        self.searched = 0
        self.finish = ""

    def feed(self, candidate: Json, model: str) -> Iterator[Event]:
        """The events of one chunk's share of the candidate."""
        for number, block in enumerate(rows(part(candidate, "content"), "parts")):
            yield from self._part(block, first=not number)
        entries = decode_logprobs(part(candidate, "logprobsResult"))
        if entries:
            yield Weighed(self._index, entries)
        yield from self._citations(candidate)
        self.searched = max(self.searched, searches(candidate, model))

    def end(self) -> Iterator[Event]:
        """Close what is open."""
        yield from self._end_call()
        yield from self._close()

    def _part(self, block: Json, *, first: bool) -> Iterator[Event]:
        signature = seal("gemini", words(block, "thoughtSignature"))
        call = block.get("functionCall")
        if isinstance(call, dict):
            yield from self._function_call(part(block, "functionCall"), signature)
            return
        for name in ("executableCode", "codeExecutionResult"):
            said = part(block, name)
            if said:
                yield from self._whole(Text(""), as_text(name, said), signature)
                return
        if part(block, "inlineData"):
            yield from self._inline(part(block, "inlineData"))
        elif words(part(block, "fileData"), "fileUri"):
            said = part(block, "fileData")
            uri = words(said, "fileUri")
            media_type = type_of(said, uri)
            yield from self._whole(media(source_of(uri, media_type), media_type))
        elif "text" in block or set(block) == {"thoughtSignature"}:
            yield from self._grow(words(block, "text"), block.get("thought") is True, signature, first=first)

    def _grow(self, text: str, thought: bool, signature: str, *, first: bool) -> Iterator[Event]:
        kind: _Kind = "thinking" if thought else "text"
        if not text and not signature:
            return
        apart = bool(text) and not first and (thought or bool(signature))
        if self._kind != kind or apart:
            yield from self._open(Thinking() if thought else Text(""), kind)
        if text:
            if not thought:
                self._text.append(text)
            yield Delta(self._index, self._parts - 1, text)
        if signature:
            yield Signed(self._index, self._parts - 1, signature)
            self._kind = "signed"

    def _function_call(self, call: Json, signature: str) -> Iterator[Event]:
        name = words(call, "name")
        if name:
            yield from self._end_call()
            made = f"{self._name}_{self.calls}" if self._name else f"call_{self.calls}"
            self.calls += 1
            yield from self._open(ToolCall(id=words(call, "id") or made, name=name, signature=signature), "none")
            self._call = PartialCall()
        if self._call is not None:
            self._call.add(call)
            if call.get("willContinue") is not True:
                yield from self._end_call()

    def _end_call(self) -> Iterator[Event]:
        call, self._call = self._call, None
        if call is not None:
            yield Delta(self._index, self._parts - 1, json_text(call.arguments))
            yield PartEnded(self._index, self._parts - 1)

    def _inline(self, block: Json) -> Iterator[Event]:
        """Media come whole, but for sound, which comes in pieces of bytes that are one piece of base64 to us."""
        media_type, data = words(block, "mimeType"), words(block, "data")
        found = media(Inline(media_type, data), media_type)
        if not isinstance(found, Audio):
            yield from self._whole(found)
            return
        try:
            new = base64.b64decode(data + "=" * (-len(data) % 4))
        except (binascii.Error, ValueError):
            return
        if self._kind != "sound" or self._sound[1] != media_type:
            yield from self._open(Audio(Inline(media_type, "")), "sound")
        held = self._sound[0] + new
        ready = len(held) - len(held) % 3
        self._sound = (held[ready:], media_type)
        if ready:
            yield Delta(self._index, self._parts - 1, base64.b64encode(held[:ready]).decode())

    def _whole(self, beginning: Part, text: str = "", signature: str = "") -> Iterator[Event]:
        yield from self._open(beginning, "none")
        if text:
            yield Delta(self._index, self._parts - 1, text)
        if signature:
            yield Signed(self._index, self._parts - 1, signature)
        yield PartEnded(self._index, self._parts - 1)

    def _open(self, beginning: Part, kind: _Kind) -> Iterator[Event]:
        """Close what is open and begin the next part; kind `none` is closed by whoever opened it."""
        yield from self._end_call()
        yield from self._close()
        self._kind = kind
        self._starts = sum(map(len, self._text)) if kind == "text" else -1
        self._parts += 1
        yield PartStarted(self._index, self._parts - 1, beginning)

    def _close(self) -> Iterator[Event]:
        if self._kind == "sound" and self._sound[0]:
            yield Delta(self._index, self._parts - 1, base64.b64encode(self._sound[0]).decode())
        self._sound = (b"", "")
        if self._kind != "none":
            yield PartEnded(self._index, self._parts - 1)
        self._kind = "none"

    def _citations(self, candidate: Json) -> Iterator[Event]:
        """Citations belong to the open text; one for text before it has lost its place."""
        if "groundingMetadata" not in candidate and "citationMetadata" not in candidate:
            return
        for citation in decode_citations(candidate, "".join(self._text)):
            if citation in self._cited:
                continue
            self._cited.add(citation)
            if self._starts < 0 or self._kind not in ("text", "signed"):
                yield from self._open(Text(""), "text")
            yield Cited(self._index, self._parts - 1, _moved(citation, self._starts))


def _moved(citation: Citation, starts: int) -> Citation:
    start, end = citation.start - starts, citation.end - starts
    if citation.start < 0 or start < 0:
        start = end = -1
    return Citation(
        kind=citation.kind,
        url=citation.url,
        title=citation.title,
        quote=citation.quote,
        id=citation.id,
        start=start,
        end=end,
    )
