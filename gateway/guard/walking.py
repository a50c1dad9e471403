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
_NAMING = ("_id", "Id")
_NESTED = (dict, list, tuple)
# Numbers, and texts that stand elsewhere as well.
OPAQUE = frozenset({"logprobs", "logprobsResult", "embedding", "embeddings", "usage", "usageMetadata"})
_ASIDE = frozenset(
    {
        *("reasoning_content", "reasoning", "reasoning_details", "thinking", "refusal", "summary"),
        *("arguments", "partial_json", "reasoning_text", "summary_text", "function_call", "tool_use"),
    }
)


# What is still to come of an object or a list; the way to it; the name of the field that holds a list, None for an
# object; whether no name in it means structure; whether it stands aside; the object, or the one that the list is in.
_Opened = tuple[Iterator[tuple[Any, object]], Path, str | None, bool, bool, dict[str, Any]]


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
    if isinstance(value, str):
        yield from _texts(value, below, name, {}, free, free or name in _ASIDE)
        return
    # A stack and no recursion: a request may be nested as deeply as JSON allows. On it is what is still to come of each
    # object and list that the walk is in.
    stack = [_opened(value, below, name, free, False, {})]
    while stack:
        entries, path, key, free, aside, block = stack[-1]
        for step, one in entries:
            word, own = key, free
            if word is None:  # in an object
                word = step
                if free and word:
                    yield Place((*path, (word,)), word, False, True)
                # Most of what there is besides text is empty.
                if not one or (not free and word in OPAQUE):
                    continue
                # Who speaks is told to the model too.
                own = free or (word == "name" and "role" in block)
            if isinstance(one, str):
                if own or (word not in _STRUCTURE and not word.endswith(_NAMING)):
                    beside = aside or own or word in _ASIDE
                    if word in NAMES:
                        yield from _texts(one, (*path, step), word, block, own, beside)
                    elif one:
                        yield Place((*path, step), one, not own and word in _JSON, beside)
            elif isinstance(one, _NESTED):
                # What programs say to each other begins here; a top-level field of that name is another thing.
                inner = own or (key is None and word in _FREE)
                stack.append(_opened(cast(object, one), (*path, step), word, inner, aside, block))
                break
        else:
            stack.pop()


def _opened(value: object, path: Path, key: str, free: bool, aside: bool, block: dict[str, Any]) -> _Opened:
    """An object or a list about to be walked through; of anything else, nothing. `block`: the object that it is in."""
    if isinstance(value, dict):
        inner = cast(dict[str, Any], value)
        kind = inner.get("type")  # anything at all, if a client likes
        aside = aside or inner.get("thought") is True or (isinstance(kind, str) and kind in _ASIDE)
        return iter(inner.items()), path, None, free, aside, inner
    items = cast(list[Any], value) if isinstance(value, _NESTED) else []
    return enumerate(items), path, key, free, aside, block


def _texts(text: str, path: Path, key: str, block: dict[str, Any], free: bool, aside: bool) -> Iterator[Place]:
    """The text that a string is, if it is any. `key`: the name of its field; `block`: the object that has the field."""
    if not text or (not free and (key in _STRUCTURE or key.endswith(_NAMING))):
        return
    if key not in NAMES or not is_data(text, key, block):
        yield Place(path, text, key in _JSON and not free, aside)
    elif found := inline_text(text, block):
        yield Place(path, found[1], False, aside, found[0])


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
