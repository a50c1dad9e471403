"""YAML as plain data, twice: quickly, and with the line of every value.

Building is quick from the parser's events; the careful way, over nodes, is taken when something is to be said about a
file. Both read the same YAML: 1.2's core words, no anchors and aliases (they are how a small file becomes a gigabyte,
and they hide from a reviewer what a rule says), no tags, no key twice, no key without a value.
"""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, cast

import yaml

from gateway.stores.wording import yaml_hint

Path_ = tuple[str | int, ...]

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
# More digits than anything declared has; Python itself refuses thousands.
MAX_DIGITS = 30


class DocumentError(Exception):
    """A declared file that cannot be used. `line` counts from 1; 0 means the file as a whole."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}" if line else f"{file}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason


class Unusual(Exception):
    """Something that the quick way leaves to the careful one, which knows what to say about it."""


class Lines:
    """Where each value of a document stands."""

    def __init__(self) -> None:
        self._lines: dict[Path_, int] = {}

    def put(self, path: Path_, line: int) -> None:
        self._lines[path] = line

    def at(self, path: Path_) -> int:
        """The line of the value at `path`, or of its nearest known ancestor."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


def build(text: bytes, name: str) -> tuple[Any, Lines]:
    """Plain data, and where each part of it stands.

    Raises:
        DocumentError: it is not YAML, or not such YAML as is read here.
    """
    if len(text) > MAX_BYTES:
        raise DocumentError(name, 0, f"is larger than {MAX_BYTES} bytes")
    loader = _loader(text)
    lines = Lines()
    try:
        node = loader.get_single_node()
        return (None if node is None else _build(node, (), name, lines)), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        problem = error.problem or error.context or "cannot be read"
        raise DocumentError(name, line, f"is not valid YAML: {problem}{yaml_hint(problem)}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DocumentError(name, 0, f"is not valid YAML: {str(error).splitlines()[0]}") from None
    finally:
        loader.dispose()


def _loader(text: bytes) -> Any:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)


def _build(node: Any, path: Path_, name: str, lines: Lines) -> Any:
    """Plain data from a YAML node. A node that is met twice came through an alias."""
    line = node.start_mark.line + 1
    if len(path) > MAX_DEPTH:
        raise DocumentError(name, line, f"is nested deeper than {MAX_DEPTH} levels")
    if getattr(node, "gateway_seen", False):
        raise DocumentError(name, line, "uses a YAML alias; write the value out instead")
    node.gateway_seen = True
    lines.put(path, line)
    if isinstance(node, yaml.MappingNode):
        return _build_mapping(node, path, name, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*path, index), name, lines) for index, item in enumerate(node.value)]
    return _scalar(node, name, line)


def _build_mapping(node: Any, path: Path_, name: str, lines: Lines) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise DocumentError(name, line, "has a key that is not a word")
        key = str(key_node.value)
        if key in result:
            raise DocumentError(name, line, f"has the key `{key}` twice")
        result[key] = _build(value_node, (*path, key), name, lines)
        if result[key] is None:  # a condition somebody emptied must not come to match everything
            raise DocumentError(name, line, f"`{key}` has no value; give it one, or leave the line out")
        lines.put((*path, key), line)
    return result


_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?(0|[1-9][0-9_]*)")


def _scalar(node: Any, name: str, line: int) -> Any:
    try:
        return _worded(str(node.value), str(node.tag).removeprefix(_TAG))
    except ValueError as error:
        raise DocumentError(name, line, str(error)) from None


def _worded(value: str, tag: str) -> Any:
    """A scalar by YAML 1.2's core rules: no octal, no sexagesimal, no `yes`/`no`, and dates stay text.

    Numbers with a point become Decimal, so that a price never passes through a float.

    Raises:
        ValueError: it may not stand here.
    """
    if tag == "null":
        return None
    if tag == "bool" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if tag == "int" and _INT.fullmatch(value):
        if len(value) > MAX_DIGITS:
            raise ValueError(f"a number of more than {MAX_DIGITS} digits")
        return int(value.replace("_", ""))
    if tag == "float":
        try:
            return Decimal(value)
        except InvalidOperation:
            return value
    if tag in ("str", "timestamp", "bool", "int", "merge", "value"):
        return value
    raise ValueError(f"uses the YAML tag `{tag}`, which is not allowed here")


def build_plain(text: bytes) -> Any:
    """Plain data alone.

    Raises:
        Unusual: `build` is to say what is wrong with it.
    """
    if len(text) > MAX_BYTES:
        raise Unusual
    loader: Any = _loader(text)
    try:
        take: Callable[[], Any] = loader.get_event
        take()  # the stream begins
        if type(take()) is yaml.StreamEndEvent:
            return None
        value = _plain_value(take(), take, 0)
        take()  # the document ends
        if type(take()) is not yaml.StreamEndEvent:
            raise Unusual
        return value
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Unusual from None
    finally:
        loader.dispose()


def _plain_value(event: Any, take: Callable[[], Any], depth: int) -> Any:
    kind = cast(object, type(event))
    if depth > MAX_DEPTH or kind is yaml.AliasEvent or event.anchor is not None or event.tag is not None:
        raise Unusual
    if kind is yaml.ScalarEvent:
        return _plain_scalar(event.value) if event.implicit[0] else event.value
    if kind is yaml.SequenceStartEvent:
        items: list[Any] = []
        while type(event := take()) is not yaml.SequenceEndEvent:
            items.append(_plain_value(event, take, depth + 1))
        return items
    entries: dict[str, Any] = {}
    while type(event := take()) is not yaml.MappingEndEvent:
        if type(event) is not yaml.ScalarEvent or event.anchor is not None or event.value in entries:
            raise Unusual
        value = _plain_value(take(), take, depth + 1)
        if value is None:
            raise Unusual
        entries[event.value] = value
    return entries


_RESOLVERS: dict[str | None, list[tuple[str, Any]]] = yaml.SafeLoader.yaml_implicit_resolvers


def _plain_scalar(value: str) -> Any:
    """A scalar that stands without quotes."""
    for tag, pattern in (*_RESOLVERS.get(value[:1], ()), *_RESOLVERS.get(None, ())):
        if pattern.match(value):
            try:
                return _worded(value, tag.removeprefix(_TAG))
            except ValueError:
                raise Unusual from None
    return value
