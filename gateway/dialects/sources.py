"""`data:` URLs (RFC 2397) and where bytes come from; media types as the dialects need them."""

import re
from collections.abc import Mapping

from gateway.core.conversation import Inline, Source, Url
from gateway.core.faults import BadRequest

_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w.+-]+=[^;,]*)*)(;base64)?,", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]*={0,2}\s*", re.ASCII)
# What OpenAI's `input_audio.format` is called as a media type, and back.
AUDIO_TYPES: Mapping[str, str] = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "m4a": "audio/mp4",
    "aiff": "audio/aiff",
    "pcm16": "audio/pcm",
}
AUDIO_FORMATS: Mapping[str, str] = {kind: name for name, kind in AUDIO_TYPES.items()} | {
    "audio/mp3": "mp3",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
}


def source_of(url: str, where: str) -> Source:
    """A URL, or the bytes that a `data:` URL holds.

    Raises:
        BadRequest: neither https, http, gs, s3, nor base64 data.
    """
    if not url.startswith("data:"):
        if not url.startswith(("https://", "http://", "gs://", "s3://")):
            raise BadRequest(f"`{where}` must be an https: or data: URL", param=where)
        return Url(url)
    found = _DATA.match(url)
    if found is None or not found[3]:
        raise BadRequest(f"`{where}` must be a data: URL of base64, data:image/png;base64,…", param=where)
    return inline(found[1] or "application/octet-stream", url[found.end() :], where)


def inline(media_type: str, data: str, where: str) -> Inline:
    """Inline bytes; their base64 is checked, not decoded.

    Raises:
        BadRequest: not base64.
    """
    if _BASE64.fullmatch(data) is None:
        raise BadRequest(f"`{where}` is not base64", param=where)
    return Inline(media_type, data)


def data_url(source: Inline) -> str:
    return f"data:{source.media_type};base64,{source.data}"
