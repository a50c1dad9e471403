"""YAML as plain data, twice: quickly, and with the line of every value.

Both ways build from the parser's events and read the same YAML: 1.2's core words, no anchors and aliases (they are how
a small file becomes a gigabyte, and they hide from a reviewer what a rule says), no tags, no key twice, no key without
a value. The careful way is taken when something is to be said about a file.
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
# Of a power of ten: what lies beyond, a float takes for infinite, or for nothing.
MAX_EXPONENT = 300
_BEYOND = f"a number beyond 1e{MAX_EXPONENT} or nearer to nothing than 1e-{MAX_EXPONENT}"


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
        return _Careful(loader.get_event, name, lines).document(), lines
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


class _Careful:
    """One document from the parser's events, with the line of everything in it."""

    def __init__(self, take: Callable[[], Any], name: str, lines: Lines) -> None:
        self._take, self._name, self._lines = take, name, lines

    def document(self) -> Any:
        self._take()  # the stream begins
        if type(self._take()) is yaml.StreamEndEvent:
            return None
        value = self._value(self._take(), ())
        self._take()  # the document ends
        if type(event := self._take()) is not yaml.StreamEndEvent:
            raise self._error(event, "holds a second document; one file is one document")
        return value

    def _error(self, event: Any, reason: str) -> DocumentError:
        return DocumentError(self._name, event.start_mark.line + 1, reason)

    def _value(self, event: Any, path: Path_) -> Any:
        self._check(event)
        if len(path) > MAX_DEPTH:
            raise self._error(event, f"is nested deeper than {MAX_DEPTH} levels")
        self._lines.put(path, event.start_mark.line + 1)
        if type(event) is yaml.MappingStartEvent:
            return self._mapping(path)
        if type(event) is yaml.SequenceStartEvent:
            items: list[Any] = []
            while type(event := self._take()) is not yaml.SequenceEndEvent:
                items.append(self._value(event, (*path, len(items))))
            return items
        try:
            return _scalar(event.value) if event.implicit[0] else event.value
        except ValueError as error:
            raise self._error(event, str(error)) from None

    def _mapping(self, path: Path_) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        while type(event := self._take()) is not yaml.MappingEndEvent:
            self._check(event)
            if type(event) is not yaml.ScalarEvent:
                raise self._error(event, "has a key that is not a word")
            key = str(event.value)
            if key in entries:
                raise self._error(event, f"has the key `{key}` twice")
            entries[key] = self._value(self._take(), (*path, key))
            if entries[key] is None:  # a condition somebody emptied must not come to match everything
                raise self._error(event, f"`{key}` has no value; give it one, or leave the line out")
            self._lines.put((*path, key), event.start_mark.line + 1)
        return entries

    def _check(self, event: Any) -> None:
        if type(event) is yaml.AliasEvent:
            raise self._error(event, "uses a YAML alias; write the value out instead")
        if event.tag is not None:
            tag = str(event.tag).removeprefix(_TAG)
            raise self._error(event, f"uses the YAML tag `{tag}`, which is not allowed here")
        if event.anchor is not None:
            reason = f"uses the YAML anchor `&{event.anchor}`; write the value out wherever it is meant"
            raise self._error(event, reason)


_TAG = "tag:yaml.org,2002:"
_RESOLVERS: dict[str | None, list[tuple[str, Any]]] = yaml.SafeLoader.yaml_implicit_resolvers
_INT = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_NUMERAL = frozenset("+-.0123456789")
# YAML 1.2's, with a point or an exponent. The library's is 1.1's, which wants the point, and a sign in the exponent.
_FLOAT = re.compile(r"[-+]?((\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)")


def _scalar(value: str) -> Any:
    """A scalar that stands without quotes, by YAML 1.2's core rules.

    Raises:
        ValueError: it may not stand here.
    """
    for tag, pattern in (*_RESOLVERS.get(value[:1], ()), *_RESOLVERS.get(None, ())):
        if pattern.match(value):
            return _worded(value, tag.removeprefix(_TAG))
    if value[:1] in _NUMERAL and _FLOAT.fullmatch(value):
        return _number(value)
    return value


def _worded(value: str, tag: str) -> Any:
    """What YAML 1.1 takes for a `tag`, by 1.2: no octal, no sexagesimal, no `yes`/`no`, and dates stay text."""
    if tag == "null":
        return None
    if tag == "bool" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if tag == "int" and _INT.fullmatch(value):
        if len(value) > MAX_DIGITS:
            raise ValueError(f"a number of more than {MAX_DIGITS} digits")
        return int(value.replace("_", ""))
    if tag == "float":
        return _number(value)
    return value


def _number(value: str) -> Any:
    """A number with a point or an exponent: a Decimal, so that a price never passes through a float.

    Raises:
        ValueError: so large or small that a float would be infinite or nothing.
    """
    try:
        found = Decimal(value)
    except InvalidOperation:
        if _FLOAT.fullmatch(value):  # an exponent that not even Decimal has
            raise ValueError(_BEYOND) from None
        return value  # 1:30.5, .inf, .nan
    if abs(found.adjusted()) > MAX_EXPONENT:
        raise ValueError(_BEYOND)
    return found


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
        try:
            return _scalar(event.value) if event.implicit[0] else event.value
        except ValueError:
            raise Unusual from None
    if kind is yaml.SequenceStartEvent:
        items: list[Any] = []
        while type(event := take()) is not yaml.SequenceEndEvent:
            items.append(_plain_value(event, take, depth + 1))
        return items
    entries: dict[str, Any] = {}
    while type(event := take()) is not yaml.MappingEndEvent:
        if type(event) is not yaml.ScalarEvent or event.anchor is not None or event.tag is not None:
            raise Unusual
        if event.value in entries:
            raise Unusual
        value = _plain_value(take(), take, depth + 1)
        if value is None:
            raise Unusual
        entries[event.value] = value
    return entries
