"""Images, sound and video in a request, found in the client's own words: enough to know that a model that reads none of
them cannot be sent it.

Documents are not looked for: some providers read the text out of them for any model. What is not found here (a
provider's own kind of part, a file that is only named) the provider judges.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from gateway.core.fields import Fields

# Where a protocol has its turns.
_TURNS: Mapping[str, str] = {"chat": "messages", "messages": "messages", "responses": "input", "generate": "contents"}
# Where a turn has its parts, and a part (the result of a tool) others.
_PARTS = ("content", "parts", "output")
# What a part is, by its `type`.
_KINDS: Mapping[object, str] = {
    "image": "image",
    "image_url": "image",
    "input_image": "image",
    "computer_screenshot": "image",
    "input_audio": "audio",
    "audio_url": "audio",
    "video_url": "video",
}
# Google's parts have their data under a name of its own, and their kind in its MIME type.
_DATA = ("inlineData", "inline_data", "fileData", "file_data")
_MIME = ("mimeType", "mime_type")
# One of these words stands in every request that holds such a part.
_WORDS = (b"image", b"audio", b"video", b"screenshot")
# Cards' words for what a model reads; in prose, of one part and of what a model reads.
MEDIA: Mapping[str, tuple[str, str]] = {
    "image": ("an image", "images"),
    "audio": ("sound", "sound"),
    "video": ("video", "video"),
}
_DEEPEST = 4


def media(protocol: str, fields: Fields) -> Iterator[tuple[str, str]]:
    """(`image`, `audio` or `video`; where it stands, as a client would write it: `messages[0].content[1]`) of every
    such part of a request. Nothing is decoded where there can be none."""
    name = _TURNS.get(protocol, "")
    if name and fields.mentions(name, _WORDS):
        yield from _found(fields.get(name), name, _DEEPEST)


def _found(value: object, where: str, deepest: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        part = cast(dict[str, Any], value)
        if kind := _kind(part):
            yield kind, where
            return
        for name in _PARTS:
            if name in part and deepest:
                yield from _found(part[name], f"{where}.{name}", deepest - 1)
    elif isinstance(value, list):
        for number, one in enumerate(cast(list[Any], value)):
            yield from _found(one, f"{where}[{number}]", deepest)


def _kind(part: Mapping[str, Any]) -> str:
    """`image`, `audio`, `video`; empty: none of them."""
    said = part.get("type")
    if isinstance(said, str):
        return _KINDS.get(said, "")
    for name in _DATA:
        data = part.get(name)
        if isinstance(data, dict):
            words = cast(dict[str, Any], data)
            mime = next((words[one] for one in _MIME if isinstance(words.get(one), str)), "")
            kind = mime.partition("/")[0]
            return kind if kind in MEDIA else ""
    return ""
