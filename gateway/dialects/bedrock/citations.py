"""Citations, of a document or the web.

Source: Bedrock Runtime API Reference, "Citation", "CitationLocation", "CitationsDelta".
"""

from collections.abc import Mapping

from gateway.core.conversation import Citation, Json
from gateway.dialects.reading import index, part, rows, words

_UNITS: Mapping[str, str] = {"documentChar": "char", "documentPage": "page", "documentChunk": "block"}


def read_citation(block: Json) -> Citation:
    """A citation; what is not known of it stays empty."""
    location = part(block, "location")
    title, source = words(block, "title"), words(block, "source")
    quote = "".join(words(one, "text") for one in rows(block, "sourceContent"))
    for name, unit in _UNITS.items():
        if place := part(location, name):
            return Citation(
                kind="document",
                title=title,
                quote=quote,
                document=index(place.get("documentIndex")),
                unit=unit,  # type: ignore[arg-type]  the table's words
                source_start=index(place.get("start")),
                source_end=index(place.get("end")),
            )
    web = part(location, "web")
    return Citation(kind="url", url=words(web, "url") or source, title=title or words(web, "domain"), quote=quote)
