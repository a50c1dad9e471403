"""Citations on text blocks.

Source: Anthropic's pages "Citations" and "Web search tool". Positions in the source are 0-based, pages 1-based, ends
exclusive; what the text itself supports is the whole block.
"""

from collections.abc import Mapping
from typing import Any

from gateway.core.conversation import Citation, Json
from gateway.dialects.reading import index, words

# type → (unit, the fields of start and end)
_PLACES: Mapping[str, tuple[str, str, str]] = {
    "char_location": ("char", "start_char_index", "end_char_index"),
    "page_location": ("page", "start_page_number", "end_page_number"),
    "content_block_location": ("block", "start_block_index", "end_block_index"),
}
_TYPES = {unit: (kind, start, end) for kind, (unit, start, end) in _PLACES.items()}


def read_citation(block: Json) -> Citation:
    """A citation of a document, or of the web. What is not known of it stays empty."""
    kind = words(block, "type")
    quote = words(block, "cited_text")
    if kind in _PLACES:
        unit, start, end = _PLACES[kind]
        return Citation(
            kind="document",
            title=words(block, "document_title"),
            quote=quote,
            document=index(block.get("document_index")),
            unit=unit,  # type: ignore[arg-type]  the table's words
            source_start=index(block.get(start)),
            source_end=index(block.get(end)),
            id=words(block, "file_id"),
        )
    url = words(block, "url") or words(block, "source")
    return Citation(kind="url", url=url, title=words(block, "title"), quote=quote, id=words(block, "encrypted_index"))


def write_citation(citation: Citation) -> dict[str, Any]:
    if citation.kind == "document" and citation.unit:
        kind, start, end = _TYPES[citation.unit]
        return {
            "type": kind,
            "cited_text": citation.quote,
            "document_index": max(0, citation.document),
            "document_title": citation.title or None,
            start: citation.source_start,
            end: citation.source_end,
            "file_id": citation.id or None,
        }
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title or None,
        "cited_text": citation.quote,
        "encrypted_index": citation.id,
    }
