"""Base64 inside of JSON strings: pictures and sound are no text, but a text file is read as a message is.

Where it may stand: Gemini's `inlineData`, OpenAI's `file_data`, Anthropic's `source`, data URLs.
"""

import base64
import binascii
import re
from typing import Any

NAMES = frozenset({"data", "url", "image_url", "file_data", "b64_json", "bytes", "image", "audio", "video", "file"})
_CODED = frozenset({"file_data", "b64_json", "bytes"})
_MIMES = ("mimeType", "mime_type", "media_type", "mediaType")
_DATA_URL = re.compile(r"\s*data:([^,]{0,200});base64,", re.IGNORECASE)
_TEXT = re.compile(r"(?i)\s*(?:text/|application/(?:[\w.\-]+\+)?(?:json|xml|yaml|javascript|sql|x-sh))")
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/=_\r\n-]")
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]|\A%PDF")
_OTHER_ALPHABET = str.maketrans("-_", "+/", "= \t\r\n")
# Unless something says that it is base64, a shorter string is taken as it stands.
MIN_INLINE = 256
_HEAD = 2048


def is_data(text: str, key: str, block: dict[str, Any]) -> bool:
    """Whether a string is no text as it stands. `block`: the object that it is the `key` of."""
    if key not in NAMES or block.get("type") == "text":
        return False
    if _DATA_URL.match(text):
        return True
    if _NO_BASE64.search(text):
        return False
    return len(text) >= MIN_INLINE or key in _CODED or block.get("type") == "base64" or bool(_mime(block))


def inline_text(text: str, block: dict[str, Any]) -> tuple[str, str] | None:
    """What stands before the data, and the text that it is; None if it is none."""
    begun = _DATA_URL.match(text)
    before = begun[0] if begun else ""
    if not _TEXT.match(begun[1] if begun else _mime(block)):
        head = _decoded(text[len(before) : len(before) + _HEAD])
        try:
            read = head.decode()
        except UnicodeDecodeError as error:
            if error.start < len(head) - 3:
                return None
            read = head[: error.start].decode()
        if not read or _NO_TEXT.search(read):
            return None
    return before, _decoded(text[len(before) :]).decode(errors="replace")


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _mime(block: dict[str, Any]) -> str:
    return next((said for name in _MIMES if isinstance(said := block.get(name), str)), "")


def _decoded(text: str) -> bytes:
    """As lenient readers do: either alphabet, with or without padding, and what belongs to none is passed over."""
    body = re.sub(r"[^A-Za-z0-9+/]", "", text.translate(_OTHER_ALPHABET))
    body = body[: len(body) - (len(body) % 4 == 1)]
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4))
    except (binascii.Error, ValueError):
        return b""
