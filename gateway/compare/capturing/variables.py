"""A prompt's variables, read back out of what it made of them.

The prompt is rendered with a mark in the place of each variable; what stands where a mark was, is the variable. Blocks
that depend on a variable are tried with it and without. What comes out is rendered again, and must give the very same
messages; and where a text could be taken apart in two ways, it is not taken apart at all.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, cast

import msgspec

from gateway.compare.cases import Case
from gateway.compare.running.rendering import rendered
from gateway.prompts.dotprompt import Prompt
from gateway.prompts.dotprompt.checking import check

# As many variables may be missing at once, at most, of those that may be.
MOST_LEFT_OUT = 3
# Of a message with variables in it.
MOST_CHARACTERS = 20_000
# Of a message that has one of them twice, how many ways may have to be tried.
MOST_WAYS = 10_000_000
_OPEN, _CLOSE = "\ue000", "\ue001"
_HERE = "\ue002here\ue002"


class _TooMuch(Exception):
    """There are more ways to take a text apart than are tried."""


class ReadBack(msgspec.Struct, frozen=True):
    """`messages`: the caller's own, beside those of the prompt."""

    variables: Mapping[str, str]
    messages: tuple[Mapping[str, Any], ...]


def read_back(prompt: Prompt, messages: Sequence[Mapping[str, Any]]) -> ReadBack | None:
    """The variables; None: the text does not tell. Values are texts, as callers of OpenAI's prompt object send them."""
    names = _names(prompt)
    if names is None:
        return None
    try:
        for given in _subsets(prompt, names):
            fits, found = _tried(prompt, given, messages)
            if fits:
                # With fewer variables it might fit too: then what they are would be called the caller's own words.
                return found
    except _TooMuch:
        pass
    return None


def _names(prompt: Prompt) -> tuple[str, ...] | None:
    """Of all variables; None: one is a list or a map, which no text tells."""
    schema = prompt.input_schema
    if schema is None:
        return prompt.template.variables
    properties = cast(Mapping[str, Mapping[str, Any]], schema.get("properties", {}))
    for one in properties.values():
        kinds: str | list[str] = one.get("type", "string")
        if not {"array", "object"}.isdisjoint([kinds] if isinstance(kinds, str) else kinds):
            return None
    return tuple(properties)


def _subsets(prompt: Prompt, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    schema = prompt.input_schema or {}
    needed = set(cast(Sequence[str], schema.get("required", ())))
    optional = [name for name in names if name not in needed]
    for count in range(min(len(optional), MOST_LEFT_OUT) + 1):
        for left_out in combinations(optional, count):
            yield tuple(name for name in names if name not in left_out)


def _tried(prompt: Prompt, given: Sequence[str], messages: Sequence[Mapping[str, Any]]) -> tuple[bool, ReadBack | None]:
    """Whether the prompt can have made these messages of these variables, and those, if they are sure."""
    marks = {name: f"{_OPEN}{number}{_CLOSE}" for number, name in enumerate(given)}
    try:
        said = _rendered(prompt, marks, [{"role": "user", "content": _HERE}])
    except ValueError:
        return False, None
    place = next(index for index, one in enumerate(said) if one.get("content") == _HERE)
    before, after = said[:place], said[place + 1 :]
    end = len(messages) - len(after)
    if end < len(before):
        return False, None
    pattern, found = [*before, *after], [*messages[: len(before)], *messages[end:]]
    taken = [_taken(pattern, found, given, lazy=lazy) for lazy in (True, False)]
    if taken[0] is None or taken[0] != taken[1]:
        return taken[0] is not None, None
    own = tuple(messages[len(before) : end])
    return True, ReadBack(taken[0], own) if _same_again(prompt, taken[0], own, messages) else None


Messages = Sequence[Mapping[str, Any]]


def _rendered(prompt: Prompt, variables: Mapping[str, str], own: Messages) -> list[Mapping[str, Any]]:
    """The messages that the prompt makes, whatever its schema says of the variables."""
    case = Case(id="captured", vars=variables, messages=tuple(own))
    free = msgspec.structs.replace(prompt, checker=None)
    return list(rendered(free, prompt.path, case, {"model": "any"})["messages"])


def _same_again(prompt: Prompt, variables: Mapping[str, str], own: Messages, messages: Messages) -> bool:
    case = Case(id="captured", vars=variables, messages=tuple(own))
    try:
        check(prompt, variables)
        again = rendered(prompt, prompt.path, case, {"model": "any"})["messages"]
    except ValueError:
        return False
    return msgspec.to_builtins(again) == msgspec.to_builtins(list(messages))


def _taken(pattern: Any, found: Any, given: Sequence[str], *, lazy: bool) -> dict[str, str] | None:
    """What stands where marks are; None: the two are not alike, or a variable would be two things at once."""
    taken: dict[str, str] = {}
    waiting: list[tuple[Any, Any]] = [(pattern, found)]
    while waiting:
        one, other = waiting.pop()
        if isinstance(one, str) and isinstance(other, str):
            if not _match(one, other, given, taken, lazy=lazy):
                return None
        elif isinstance(one, Mapping) and isinstance(other, Mapping):
            mine, theirs = cast(Mapping[str, Any], one), cast(Mapping[str, Any], other)
            if mine.keys() != theirs.keys():
                return None
            waiting += [(value, theirs[name]) for name, value in mine.items()]
        elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
            left, right = cast(Sequence[Any], one), cast(Sequence[Any], other)
            if len(left) != len(right):
                return None
            waiting += list(zip(left, right, strict=True))
        elif one != other:
            return None
    return taken


def _match(text: str, found: str, given: Sequence[str], taken: dict[str, str], *, lazy: bool) -> bool:
    if _OPEN not in text:
        return text == found
    if len(found) > MOST_CHARACTERS:
        return False
    parts = re.split(f"{_OPEN}(\\d+){_CLOSE}", text)
    numbers, distinct = parts[1::2], len(set(parts[1::2]))
    if distinct < len(numbers):
        if len(found) ** distinct > MOST_WAYS:
            raise _TooMuch
        values = _tried_all(parts, found, lazy=lazy)
    else:
        values = _between(parts[::2], found, lazy=lazy)
    pairs = () if values is None else zip(numbers, values, strict=True)
    return values is not None and all(taken.setdefault(given[int(name)], value) == value for name, value in pairs)


def _between(fixed: Sequence[str], found: str, *, lazy: bool) -> list[str] | None:
    """What stands between these texts, which are at the beginning, in this order, and at the end: in one pass, whatever
    was said. `lazy`: each as far to the left as it can be, else to the right."""
    start, end = len(fixed[0]), len(found) - len(fixed[-1])
    if start > end or not found.startswith(fixed[0]) or not found.endswith(fixed[-1]):
        return None
    values: list[str] = []
    for part in fixed[1:-1] if lazy else reversed(fixed[1:-1]):
        at = found.find(part, start, end) if lazy else found.rfind(part, start, end)
        if at < 0:
            return None
        values.append(found[start:at] if lazy else found[at + len(part) : end])
        start, end = (at + len(part), end) if lazy else (start, at)
    values.append(found[start:end])
    return values if lazy else values[::-1]


def _tried_all(parts: Sequence[str], found: str, *, lazy: bool) -> list[str] | None:
    """As `_between`, where what stands in two places must be the same."""
    seen: set[str] = set()
    written: list[str] = []
    for index, part in enumerate(parts):
        if index % 2 == 0:
            written.append(re.escape(part))
        elif part in seen:
            written.append(f"(?P=v{part})")
        else:
            seen.add(part)
            written.append(f"(?P<v{part}>.{'*?' if lazy else '*'})")
    matched = re.fullmatch("".join(written), found, re.DOTALL)
    return None if matched is None else [matched[f"v{number}"] for number in parts[1::2]]
