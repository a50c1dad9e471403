"""Where text stands in requests and answers, whatever protocol they are written in.

One walk for all of them: every string is text, but for those whose name says that they are structure (`role`, `id`,
`type`) and for inline data that is no text. A field that nobody here has heard of is looked at; a list of known places
would let it pass. Inside of what programs say to each other (a tool's arguments and results) no name means structure,
and names are texts themselves.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import msgspec

from gateway.guard.inline import NAMES, coded, inline_text, is_data

# The way to a value, or with a last `(name,)` to a name itself.
Path = tuple[str | int | tuple[str], ...]
# The top-level fields of answers that hold what is said.
ANSWERED = ("choices", "content", "output", "candidates", "text", "segments", "words", "data", "results", "response")
_STRUCTURE = frozenset(
    {
        *("type", "role", "id", "name", "model", "status", "object", "detail", "format", "index", "finish_reason"),
        *("stop_reason", "finishReason", "media_type", "mime_type", "mimeType", "fileUri", "file_uri", "language"),
        *("signature", "thoughtSignature", "thought_signature", "encrypted_content", "encrypted_index", "phase"),
        *("obfuscation", "service_tier", "stop_sequence", "fingerprint"),
    }
)
_FREE = frozenset(
    {"args", "response", "json", "arguments", "input", "structuredContent", "structured_content", "variables"}
)
_JSON = frozenset({"arguments", "partial_json"})
# Numbers, and texts that stand elsewhere as well.
OPAQUE = frozenset({"logprobs", "logprobsResult", "embedding", "embeddings", "usage", "usageMetadata"})
_ASIDE = frozenset(
    {
        *("reasoning_content", "reasoning", "reasoning_details", "thinking", "refusal", "summary"),
        *("arguments", "partial_json", "reasoning_text", "summary_text", "function_call", "tool_use"),
    }
)


class Place(msgspec.Struct, frozen=True):
    """A text, and the way to it. `json`: it is JSON text itself. `aside`: thoughts, and what tools are told and say.
    `coded`: it stands in base64, after these characters."""

    path: Path
    text: str
    json: bool = False
    aside: bool = False
    coded: str | None = None

    def written(self, text: str) -> str:
        """Another text as it is to stand there."""
        return text if self.coded is None else self.coded + coded(text)


def places(value: object, name: str = "", *, free: bool = False, below: Path = ()) -> Iterator[Place]:
    """The texts in a value, in the order in which they stand. `name`: of the field that holds it; `free`: no name in it
    means structure; `below`: the way to the value."""
    # A stack and no recursion: a request may be nested as deeply as JSON allows.
    stack: list[tuple[object, Path, str, bool, bool, dict[str, Any]]] = [(value, below, name, free, False, {})]
    while stack:
        one, path, key, free, aside, block = stack.pop()
        if isinstance(one, str):
            if not one or (not free and _is_structure(key)):
                continue
            aside = aside or free or key in _ASIDE
            if key in NAMES and is_data(one, key, block):
                if found := inline_text(one, block):
                    yield Place(path, found[1], False, aside, found[0])
            else:
                yield Place(path, one, key in _JSON and not free, aside)
        elif isinstance(one, dict):
            block = cast(dict[str, Any], one)
            # What programs say to each other begins here; a top-level field of that name is another thing.
            inner = free or (key in _FREE and len(path) > len(below) and path[-1] == key)
            beside = aside or block.get("thought") is True or block.get("type") in _ASIDE
            for word, entry in reversed(block.items()):
                # Most of what there is besides text is empty.
                if entry and (inner or word not in OPAQUE):
                    # Who speaks is told to the model too.
                    own = inner or (word == "name" and "role" in block)
                    stack.append((entry, (*path, word), word, own, beside, block))
                if inner and word:
                    stack.append((word, (*path, (word,)), "", True, True, {}))
        elif isinstance(one, list | tuple):
            items = cast(list[Any], one)
            inner = free or (key in _FREE and len(path) > len(below) and path[-1] == key)
            for number in range(len(items) - 1, -1, -1):
                stack.append((items[number], (*path, number), key, inner, aside, block))


def put(value: object, changes: Iterable[tuple[Path, object]]) -> Any:
    """The value with others at some of its places; what lies on no way to them is shared, and nothing is changed."""
    below: dict[str | int | tuple[str], list[tuple[Path, object]]] = {}
    for path, new in changes:
        if not path:
            return new
        below.setdefault(path[0], []).append((path[1:], new))
    if not below:
        return value
    copy: Any = dict(cast(Mapping[str, Any], value)) if isinstance(value, Mapping) else list(cast(list[Any], value))
    named: dict[str, Any] = {}
    for step, rest in below.items():
        if isinstance(step, tuple):
            named[step[0]] = rest[0][1]
        else:
            copy[step] = put(copy[step], rest)
    return {named.get(name, name): entry for name, entry in copy.items()} if named else copy


def _is_structure(key: str) -> bool:
    return key in _STRUCTURE or key.endswith(("_id", "Id"))
