"""Marks that tell an upstream which beginning of a prompt to keep, where it keeps nothing unasked (Anthropic's
`cache_control`, Bedrock's `cachePoint`): opted in by `prompt_cache` in config.yaml.

Two marks: behind what stays the same for all conversations (tools and system), and behind the last message, so that the
next turn finds all of this one. A caller that places marks himself is left alone, and so is a prompt too
short to be kept.

Sources: https://platform.claude.com/docs/en/build-with-claude/prompt-caching,
https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

Ttl = Literal["5m", "1h"]
# No model keeps less than 1,024 tokens, which are hardly ever less than so many bytes.
LEAST_BYTES = 4_096
_DEPTH = 6
_PLACES = ("system", "messages", "tools", "toolConfig")
_OWN = frozenset({"cache_control", "cachePoint"})
_THOUGHTS = ("thinking", "redacted_thinking")


def marked(protocol: str, body: Mapping[str, Any], ttl: Ttl) -> dict[str, Any]:
    """The fields of the body that change; none if the protocol has no marks, or the body its own."""
    kind = _KINDS.get(protocol)
    if kind is None or any(_has_marks(body.get(name), _DEPTH) for name in _PLACES):
        return {}
    return kind(body, ttl)


def _has_marks(value: Any, depth: int) -> bool:
    if depth and isinstance(value, Mapping):
        words = cast(Mapping[str, Any], value)
        return not _OWN.isdisjoint(words) or any(_has_marks(one, depth - 1) for one in words.values())
    return bool(depth) and isinstance(value, list) and any(_has_marks(one, depth - 1) for one in cast(list[Any], value))


def _messages(body: Mapping[str, Any], ttl: Ttl) -> dict[str, Any]:
    mark = {"cache_control": {"type": "ephemeral", **({"ttl": "1h"} if ttl == "1h" else {})}}
    changes: dict[str, Any] = {}
    system, tools = _blocks(body.get("system")), body.get("tools")
    if system:
        changes["system"] = _last_marked(system, mark)
    elif isinstance(tools, list) and tools:
        changes["tools"] = _last_marked(cast(list[Any], tools), mark)
    turns = body.get("messages")
    if isinstance(turns, list) and turns and isinstance(turns[-1], Mapping):
        *earlier, last = cast(list[Any], turns)
        if _may_be_marked(blocks := _blocks(last.get("content"))):
            changes["messages"] = [*earlier, {**last, "content": _last_marked(blocks, mark)}]
    return changes


def _converse(body: Mapping[str, Any], ttl: Ttl) -> dict[str, Any]:
    point = {"cachePoint": {"type": "default", **({"ttl": "1h"} if ttl == "1h" else {})}}
    changes: dict[str, Any] = {}
    if isinstance(system := body.get("system"), list) and system:
        changes["system"] = [*cast(list[Any], system), point]
    turns = body.get("messages")
    if isinstance(turns, list) and turns and isinstance(turns[-1], Mapping):
        *earlier, last = cast(list[Any], turns)
        if isinstance(content := last.get("content"), list) and content:
            changes["messages"] = [*earlier, {**last, "content": [*cast(list[Any], content), point]}]
    return changes


_KINDS: Mapping[str, Callable[[Mapping[str, Any], Ttl], dict[str, Any]]] = {
    "messages": _messages,
    "converse": _converse,
}


def _blocks(content: Any) -> list[Any]:
    """None of what is neither: the upstream says what is wrong with it."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return cast(list[Any], content) if isinstance(content, list) else []


def _may_be_marked(blocks: list[Any]) -> bool:
    """What a model thought takes no mark."""
    last = blocks[-1] if blocks else None
    return isinstance(last, Mapping) and cast(Mapping[str, Any], last).get("type") not in _THOUGHTS


def _last_marked(blocks: list[Any], mark: Mapping[str, Any]) -> list[Any]:
    *earlier, last = blocks
    return [*earlier, {**last, **mark}] if isinstance(last, Mapping) else blocks
