"""Images, documents, video and sound: `{"format", "source": {"bytes" | "s3Location"}}`.

Source: Bedrock Runtime API Reference, "ImageBlock", "DocumentBlock", "VideoBlock", "AudioBlock", "S3Location".
"""

import re
from collections.abc import Mapping
from typing import Any

from gateway.core.conversation import Audio, File, Image, Inline, Source, Url, Video
from gateway.core.faults import BadRequest

IMAGES: Mapping[str, str] = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_OFFICE = "application/vnd.openxmlformats-officedocument"
DOCUMENTS: Mapping[str, str] = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    f"{_OFFICE}.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    f"{_OFFICE}.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
VIDEOS: Mapping[str, str] = {
    "video/x-matroska": "mkv",
    "video/quicktime": "mov",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/mpg": "mpg",
    "video/x-ms-wmv": "wmv",
    "video/wmv": "wmv",
    "video/3gpp": "three_gp",
}
SOUNDS: Mapping[str, str] = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/opus": "opus",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/mp4": "m4a",
    "audio/ogg": "ogg",
    "audio/pcm": "pcm",
    "audio/webm": "webm",
}
IMAGE_TYPES: Mapping[str, str] = {name: kind for kind, name in IMAGES.items() if kind != "image/jpg"}
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9()\[\]-]+", re.ASCII)
_ENDINGS = re.compile(rf"\.(?:{'|'.join(DOCUMENTS.values())}|htm|jpg|text)$", re.IGNORECASE)


def write_image(part: Image, where: str) -> dict[str, Any]:
    return {"image": _media(part.source, IMAGES, where)}


def write_video(part: Video, where: str) -> dict[str, Any]:
    return {"video": _media(part.source, VIDEOS, where)}


def write_audio(part: Audio, where: str) -> dict[str, Any]:
    return {"audio": _media(part.source, SOUNDS, where)}


class DocumentNames:
    """Names for a request's documents: of the characters that are allowed, and no name twice."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def name_for(self, said: str) -> str:
        plain = _NOT_IN_NAMES.sub(" ", _ENDINGS.sub("", said)).strip()[:180] or "document"
        name, count = plain, 1
        while name in self._taken:
            count += 1
            name = f"{plain} ({count})"
        self._taken.add(name)
        return name


def write_document(part: File, names: DocumentNames, where: str) -> dict[str, Any]:
    block = _media(part.source, DOCUMENTS, where)
    block["name"] = names.name_for(part.name)
    if part.context:
        block["context"] = part.context
    if part.citations:
        block["citations"] = {"enabled": True}
    return {"document": block}


def _media(source: Source, formats: Mapping[str, str], where: str) -> dict[str, Any]:
    match source:
        case Inline():
            return {"format": _format(source, formats, where), "source": {"bytes": source.data}}
        case Url() if source.url.startswith("s3://"):
            return {"format": _format(source, formats, where), "source": {"s3Location": {"uri": source.url}}}
        case _:
            raise BadRequest(
                f"`{where}` names a file by URL or id; Bedrock takes the bytes themselves, or an s3: URL",
                code="unsupported_parameter",
                param=where,
            )


def _format(source: Inline | Url, formats: Mapping[str, str], where: str) -> str:
    """By media type; where a URL has none, by its ending."""
    kind = source.media_type.partition(";")[0].strip().lower()
    if not kind and isinstance(source, Url):
        ending = source.url.rpartition(".")[2].lower()
        found = "jpeg" if ending == "jpg" else "three_gp" if ending == "3gp" else ending
        if found in formats.values():
            return found
    if kind in formats:
        return formats[kind]
    if formats is DOCUMENTS and kind.startswith("text/"):
        return "txt"
    known = ", ".join(sorted(formats))
    raise BadRequest(
        f"`{where}` is of type {kind or 'unknown'!r:.80}; Bedrock takes {known}",
        code="unsupported_parameter",
        param=where,
    )
