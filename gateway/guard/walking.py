"""Where text stands in requests and answers, whatever protocol they are written in.

One walk for all of them: every string is text, but for those whose name says that they are structure (`role`, `id`,
`type`) and for inline data. A field that nobody here has heard of is looked at; a list of known places would let it
pass. Inside of what programs say to each other (a tool's arguments and results) no name means structure.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import msgspec

Path = tuple[str | int, ...]
# The top-level fields of requests that hold what is said.
SAID = (
    *("messages", "input", "instructions", "prompt", "suffix", "system", "prediction"),
    *("contents", "content", "systemInstruction", "system_instruction"),
    *("requests", "generateContentRequest", "generate_content_request"),
    *("query", "documents", "texts"),
)
DESCRIBED = ("tools", "functions")
# The top-level fields of answers that do.
ANSWERED = ("choices", "content", "output", "candidates", "text", "segments", "words", "data", "results", "response")
_STRUCTURE = frozenset(
    {
        *("type", "role", "id", "name", "model", "status", "object", "detail", "format", "index", "finish_reason"),
        *("stop_reason", "finishReason", "media_type", "mime_type", "mimeType", "fileUri", "file_uri", "language"),
        *("signature", "thoughtSignature", "thought_signature", "encrypted_content", "encrypted_index", "phase"),
        *("obfuscation", "service_tier", "stop_sequence", "fingerprint"),
    }
)
_FREE = frozenset({"args", "response", "json", "arguments", "input", "structuredContent", "structured_content"})
_JSON = frozenset({"arguments", "partial_json"})
# Numbers, and texts that stand elsewhere as well.
OPAQUE = frozenset({"logprobs", "logprobsResult", "embedding", "embeddings", "usage", "usageMetadata"})
_ASIDE = frozenset(
    {
        *("reasoning_content", "reasoning", "reasoning_details", "thinking", "refusal", "summary"),
        *("arguments", "partial_json", "reasoning_text", "summary_text", "function_call", "tool_use"),
    }
)
_INLINE = frozenset({"data", "url", "image_url", "file_data", "b64_json", "bytes", "image", "audio", "video", "file"})
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/=_\s-]")
_DATA_URL = re.compile(r"data:[^,]{0,200};base64,")
MIN_INLINE = 256


class Place(msgspec.Struct, frozen=True):
    """A text, and the way to it. `json`: it is JSON text itself. `aside`: thoughts, and what tools are told and say."""

    path: Path
    text: str
    json: bool = False
    aside: bool = False


def request_places(name: str, value: object) -> list[Place]:
    """The texts of one of a request's fields, by the field's name."""
    if name in DESCRIBED:
        return [place for place in places(value) if place.path and place.path[-1] == "description"]
    return list(places(value, name))


def places(value: object, name: str = "") -> Iterator[Place]:
    """The texts in a value, in the order in which they stand. `name`: of the field that holds it."""
    # A stack and no recursion: a request may be nested as deeply as JSON allows.
    stack: list[tuple[object, Path, str, bool, bool]] = [(value, (), name, False, False)]
    while stack:
        one, path, key, free, aside = stack.pop()
        if isinstance(one, str):
            if one and (free or not _is_structure(key)) and not _is_inline(key, one):
                yield Place(path, one, key in _JSON and not free, aside or free or key in _ASIDE)
        elif isinstance(one, dict):
            block = cast(dict[str, Any], one)
            inner = free or _is_free(key, path)
            beside = aside or block.get("thought") is True or block.get("type") in _ASIDE
            for word, entry in reversed(block.items()):
                if inner or word not in OPAQUE:
                    stack.append((entry, (*path, word), word, inner, beside))
        elif isinstance(one, list | tuple):
            items, inner = cast(list[Any], one), free or _is_free(key, path)
            for number in range(len(items) - 1, -1, -1):
                stack.append((items[number], (*path, number), key, inner, aside))


def put(value: object, changes: Iterable[tuple[Path, object]]) -> Any:
    """The value with others at some of its places; what lies on no way to them is shared, and nothing is changed."""
    below: dict[str | int, list[tuple[Path, object]]] = {}
    for path, new in changes:
        if not path:
            return new
        below.setdefault(path[0], []).append((path[1:], new))
    if not below:
        return value
    copy: Any = dict(cast(Mapping[str, Any], value)) if isinstance(value, Mapping) else list(cast(list[Any], value))
    for step, rest in below.items():
        copy[step] = put(copy[step], rest)
    return copy


def _is_free(key: str, path: Path) -> bool:
    """Whether what programs say to each other begins here; a top-level field of that name is another thing."""
    return bool(path) and path[-1] == key and key in _FREE


def _is_structure(key: str) -> bool:
    return key in _STRUCTURE or key.endswith(("_id", "Id"))


def _is_inline(key: str, text: str) -> bool:
    """Whether it is data in base64: what hides in there is no text for a model either."""
    if key not in _INLINE or len(text) < MIN_INLINE:
        return False
    begun = _DATA_URL.match(text)
    return _NO_BASE64.search(text, begun.end() if begun else 0) is None
