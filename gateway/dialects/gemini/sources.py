"""Media of a part: `inlineData` (base64 here) and `fileData` (bytes somewhere else).

Source: https://ai.google.dev/api/caching#Blob and #FileData; https://ai.google.dev/gemini-api/docs/file-input-methods
(uploaded files have URIs under generativelanguage.googleapis.com, Vertex reads gs:// URIs, both fetch public URLs).
"""

import re
from collections.abc import Mapping
from typing import Any

from gateway.core.conversation import Audio, File, FileId, Image, Inline, Json, Source, Url, Video
from gateway.dialects.gemini.naming import plain
from gateway.dialects.reading import field, needed
from gateway.dialects.sources import inline

Media = Image | File | Audio | Video
_UPLOADED = re.compile(r"https?://[^/?#]*generativelanguage\.googleapis\.com/", re.IGNORECASE)
_BY_ENDING: Mapping[str, str] = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif",
    "heic": "image/heic", "heif": "image/heif", "pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown",
    "csv": "text/csv", "html": "text/html", "xml": "text/xml", "json": "application/json", "mp3": "audio/mpeg",
    "wav": "audio/wav", "flac": "audio/flac", "ogg": "audio/ogg", "aac": "audio/aac", "m4a": "audio/mp4",
    "mp4": "video/mp4", "mov": "video/quicktime", "webm": "video/webm", "mpeg": "video/mpeg", "avi": "video/x-msvideo",
}  # fmt: skip
# Google wants a type with every file; where nobody knows it, the commonest of its kind.
_COMMONEST: Mapping[type, str] = {
    Image: "image/jpeg",
    File: "application/pdf",
    Audio: "audio/mpeg",
    Video: "video/mp4",
}


def decode_inline(block: Json, where: str) -> Media:
    """An `inlineData` object.

    Raises:
        BadRequest: type or data is missing, or the data is no base64.
    """
    block = plain(block)
    media_type = needed(block, "mimeType", str, where)
    data = needed(block, "data", str, where).translate(_STANDARD)
    return media(inline(media_type, data + "=" * (-len(data) % 4), f"{where}.data"), media_type)


# proto3 JSON takes both alphabets of base64, with or without padding; the vocabulary has the standard one.
_STANDARD = str.maketrans("-_", "+/")


def decode_file(block: Json, where: str) -> Media:
    """A `fileData` object.

    Raises:
        BadRequest: the URI is missing.
    """
    block = plain(block)
    uri = needed(block, "fileUri", str, where)
    return media(source_of(uri, field(block, "mimeType", str, where) or ""), type_of(block, uri))


def type_of(block: Json, uri: str) -> str:
    said = block.get("mimeType")
    return said if isinstance(said, str) and said else _BY_ENDING.get(_ending(uri), "")


def source_of(uri: str, media_type: str) -> Source:
    """A URI that anybody can fetch, or one that means something to Google alone."""
    if uri.startswith(("https://", "http://")) and not _UPLOADED.match(uri):
        return Url(uri, media_type)
    return FileId(uri, media_type)


def media(source: Source, media_type: str) -> Media:
    match media_type.partition("/")[0].lower():
        case "image":
            return Image(source)
        case "audio":
            return Audio(source)
        case "video":
            return Video(source)
        case _:
            return File(source=source)


def encode_media(part: Media) -> dict[str, Any]:
    source = part.source
    if isinstance(source, Inline):
        return {"inlineData": {"mimeType": source.media_type, "data": source.data}}
    uri = source.url if isinstance(source, Url) else source.id
    media_type = source.media_type or _BY_ENDING.get(_ending(uri), "") or _COMMONEST[type(part)]
    return {"fileData": {"fileUri": uri, "mimeType": media_type}}


def _ending(uri: str) -> str:
    return uri.partition("?")[0].partition("#")[0].rpartition("/")[2].rpartition(".")[2].lower()
