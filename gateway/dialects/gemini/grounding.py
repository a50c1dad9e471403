"""What an answer rests on: `groundingMetadata` and `citationMetadata` as citations, and back.

Source: https://ai.google.dev/api/generate-content#GroundingMetadata and #CitationMetadata. Segments count bytes of
UTF-8; ours count characters. They count from the start of the answer's text, thoughts and code left out, however many
parts it came in (so `partIndex` is of no use); where the text they quote stands elsewhere, the quote is believed.
"""

from collections.abc import Iterator, Sequence
from typing import Any, cast

from gateway.core.conversation import Citation, Json
from gateway.dialects.gemini.naming import set_fields
from gateway.dialects.reading import index, part, rows, whole, words

_MAX_SUPPORTS = 10_000


class Offsets:
    """Bytes of a text to characters and back."""

    __slots__ = ("_bytes", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._bytes = text.encode("utf-8", "surrogatepass")

    def characters(self, start: int, end: int) -> tuple[int, int]:
        return self._count(start), self._count(end)

    def _count(self, at: int) -> int:
        return len(self._bytes[:at].decode("utf-8", "ignore"))

    def bytes(self, start: int, end: int) -> tuple[int, int]:
        before = len(self.text[:start].encode("utf-8", "surrogatepass"))
        return before, before + len(self.text[start:end].encode("utf-8", "surrogatepass"))


def decode_citations(candidate: Json, text: str) -> Iterator[Citation]:
    """What a candidate says its text rests on; offsets count from the start of `text`."""
    grounding = part(candidate, "groundingMetadata")
    offsets = Offsets(text)
    chunks = rows(grounding, "groundingChunks")
    cited: set[int] = set()
    for support in rows(grounding, "groundingSupports")[:_MAX_SUPPORTS]:
        start, end = _segment(part(support, "segment"), offsets)
        indices = support.get("groundingChunkIndices")
        for number in cast(list[Any], indices) if isinstance(indices, list) else []:
            if type(number) is int and 0 <= number < len(chunks):
                cited.add(number)
                yield _source(chunks[number], start, end)
    yield from (_source(chunk, -1, -1) for number, chunk in enumerate(chunks) if number not in cited)
    said = part(candidate, "citationMetadata")
    for row in rows(said, "citationSources") or rows(said, "citations"):
        start, end = offsets.characters(whole(row.get("startIndex")), whole(row.get("endIndex")))
        if end <= start:
            start = end = -1
        yield Citation(kind="url", url=words(row, "uri"), title=words(row, "title"), start=start, end=end)


def _segment(segment: Json, offsets: Offsets) -> tuple[int, int]:
    start, end = offsets.characters(whole(segment.get("startIndex")), whole(segment.get("endIndex")))
    quoted = words(segment, "text")
    if quoted and offsets.text[start:end] != quoted:
        start = offsets.text.find(quoted)
        return (start, start + len(quoted)) if start >= 0 else (-1, -1)
    return (start, end) if start < end else (-1, -1)


def _source(chunk: Json, start: int, end: int) -> Citation:
    for name in ("web", "maps", "image"):
        found = part(chunk, name)
        if found:
            uri = words(found, "uri") or words(found, "sourceUri")
            return Citation(kind="url", url=uri, title=words(found, "title"), start=start, end=end)
    found = part(chunk, "retrievedContext")
    return Citation(
        kind="file",
        url=words(found, "uri"),
        title=words(found, "title"),
        quote=words(found, "text"),
        id=words(found, "fileSearchStore") or words(found, "documentName"),
        start=start,
        end=end,
    )


def encode_grounding(citations: Sequence[tuple[int, Citation]], text: str) -> dict[str, Any]:
    """Citations, each with where its part's text starts in `text`, as `groundingMetadata`."""
    offsets = Offsets(text)
    chunks: list[dict[str, Any]] = []
    supports: dict[tuple[int, int], list[int]] = {}
    for base, citation in citations:
        chunk = _chunk(citation)
        if chunk not in chunks:
            chunks.append(chunk)
        if 0 <= citation.start < citation.end:
            supports.setdefault((base + citation.start, base + citation.end), []).append(chunks.index(chunk))
    return set_fields(
        {
            "groundingChunks": chunks,
            "groundingSupports": [_support(at, found, offsets) for at, found in supports.items()],
        }
    )


def _support(at: tuple[int, int], chunks: list[int], offsets: Offsets) -> dict[str, Any]:
    start, end = offsets.bytes(*at)
    segment = {"startIndex": start, "endIndex": end, "text": offsets.text[at[0] : at[1]]}
    return {"segment": segment, "groundingChunkIndices": chunks}


def _chunk(citation: Citation) -> dict[str, Any]:
    if citation.kind == "url":
        return {"web": set_fields({"uri": citation.url, "title": citation.title})}
    said = {"uri": citation.url, "title": citation.title, "text": citation.quote, "fileSearchStore": citation.id}
    return {"retrievedContext": set_fields(said)}


def searches(candidate: Json, model: str) -> int:
    """What grounding is billed by: queries from Gemini 3 on, before that the answer that rests on any."""
    grounding = part(candidate, "groundingMetadata")
    queries = grounding.get("webSearchQueries")
    said = (
        [one for one in cast(list[Any], queries) if isinstance(one, str) and one] if isinstance(queries, list) else []
    )
    return min(len(said), 1) if model.startswith(("gemini-1", "gemini-2")) else index(len(said))
