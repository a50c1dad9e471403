"""Images, sound and video in a request, found in the client's own words: enough to know that a model that reads none of
them cannot be sent it.

Documents are not looked for: some providers read the text out of them for any model. What is not found here (a
provider's own kind of part, a file that is only named) the provider judges.
"""

from collections.abc import Mapping
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
# One of these stands in every request that holds such a part: a word, or a letter of it that is written by its number.
_WORDS = (b"image", b"audio", b"video", b"screenshot", rb"\u006", rb"\u007")
# Cards' words for what a model reads; in prose, of one part and of what a model reads.
MEDIA: Mapping[str, tuple[str, str]] = {
    "image": ("an image", "images"),
    "audio": ("sound", "sound"),
    "video": ("video", "video"),
}
# So many turns and parts may stand in one another.
_DEEPEST = 5


def media(protocol: str, fields: Fields) -> Mapping[str, str]:
    """`image`, `audio`, `video`, as far as the request holds such parts, in their order → where the first of the kind
    stands, as a client would write it: `messages[0].content[1]`. Nothing is decoded where there can be none."""
    found: dict[str, str] = {}
    name = _TURNS.get(protocol, "")
    if name and fields.mentions(name, _WORDS):
        _look(fields.get(name), (name,), found)
    return found


def _look(value: object, where: tuple[str | int, ...], found: dict[str, str]) -> None:
    """`where`: names and numbers; put into words only where something is found, for there may be millions of parts. A
    list in a list is none of any protocol's, and not followed: it costs its sender two bytes a level."""
    if isinstance(value, dict):
        _look_at(cast(dict[str, Any], value), where, found)
    elif isinstance(value, list):
        for number, one in enumerate(cast(list[object], value)):
            if isinstance(one, dict):
                _look_at(cast(dict[str, Any], one), (*where, number), found)
                if len(found) == len(MEDIA):
                    return


def _look_at(part: Mapping[str, Any], where: tuple[str | int, ...], found: dict[str, str]) -> None:
    if kind := _kind(part):
        if kind not in found:
            found[kind] = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in where)[1:]
        return
    if sum(isinstance(one, str) for one in where) < _DEEPEST:
        for name in _PARTS:
            if name in part:
                _look(part[name], (*where, name), found)


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
