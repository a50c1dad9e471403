"""YAML files as typed values, with errors a person can act on.

Errors name the file and the line, say what is wrong and, for an unknown word, the nearest known one. Anchors and
aliases are refused: they are how a small file becomes a gigabyte, and they hide from a reviewer what a rule says.
"""

import re
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import msgspec
import yaml

from gateway.core.globs import is_glob
from gateway.stores.wording import nearest, reworded, yaml_hint

T = TypeVar("T")
Path_ = tuple[str | int, ...]
Substitute = Callable[[str], str]

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
# More digits than anything declared has; Python itself refuses thousands.
MAX_DIGITS = 30
Known = Mapping[str, Collection[str]]


class DocumentError(Exception):
    """A declared file that cannot be used. `line` counts from 1; 0 means the file as a whole."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}" if line else f"{file}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason


class Document(Generic[T]):
    """A file's content as a typed value, and where each part of it stands."""

    def __init__(self, value: T, file: str, lines: "Lines") -> None:
        self.value = value
        self.file = file
        self._lines = lines

    def error(self, path: Path_, reason: str) -> DocumentError:
        """An error about the value at `path`, such as `("rules", 0, "id")`."""
        return DocumentError(self.file, self._lines.at(path), reason)


def read_document(path: Path, shape: type[T], substitute: Substitute | None = None) -> T:
    """The file's content as `shape` (a msgspec type).

    Raises:
        DocumentError: unreadable, not YAML, not of the shape, or an unknown key.
    """
    return load_document(path, shape, substitute).value


def load_document(path: Path, shape: type[T], substitute: Substitute | None = None) -> Document[T]:
    """As `read_document`, with the lines kept for checks that the shape cannot express."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DocumentError(str(path), 0, f"cannot be read: {error.strerror or error}") from None
    return open_document(text, str(path), shape, substitute)


def parse_document(text: bytes, name: str, shape: type[T]) -> T:
    """As `read_document`, from bytes. `name` stands in errors."""
    return open_document(text, name, shape).value


def open_document(text: bytes, name: str, shape: type[T], substitute: Substitute | None = None) -> Document[T]:
    """As `load_document`, from bytes. `substitute` is applied to every text value (not to keys)."""
    plain, lines = _plain_and_lines(text, name)
    if substitute is not None:
        plain = _substituted(plain, (), name, lines, substitute)
    try:
        return Document(msgspec.convert(plain, shape, strict=True), name, lines)
    except msgspec.ValidationError as error:
        raise _locate(error, name, lines, plain, shape) from None


def _substituted(plain: Any, path: Path_, name: str, lines: "Lines", substitute: Substitute) -> Any:
    if isinstance(plain, dict):
        entries = cast(dict[str, Any], plain).items()
        return {key: _substituted(value, (*path, key), name, lines, substitute) for key, value in entries}
    if isinstance(plain, list):
        items = enumerate(cast(list[Any], plain))
        return [_substituted(item, (*path, index), name, lines, substitute) for index, item in items]
    if not isinstance(plain, str):
        return plain
    try:
        return substitute(plain)
    except ValueError as error:
        raise DocumentError(name, lines.at(path), str(error)) from None


def check_known(document: "Document[Any]", path: Path_, value: object, known: Known) -> None:
    """The words in the lists `value` has under the names of `known` must be declared somewhere; patterns may match
    nothing. A rule about somebody who does not exist is a slip of the pen, and if it denies, a hole.

    Raises:
        DocumentError: with the nearest word that is declared.
    """
    for name, declared in known.items():
        for index, word in enumerate(getattr(value, name) or ()):
            if not is_glob(word) and word not in declared:
                reason = f"the {name.removesuffix('s')} `{word}` is not known here{nearest(word, sorted(declared))}"
                raise document.error((*path, name, index), reason)


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


def _plain_and_lines(text: bytes, name: str) -> tuple[Any, Lines]:
    if len(text) > MAX_BYTES:
        raise DocumentError(name, 0, f"is larger than {MAX_BYTES} bytes")
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
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
    """A scalar by YAML 1.2's core rules: no octal, no sexagesimal, no `yes`/`no`, and dates stay text.

    Numbers with a point become Decimal, so that a price never passes through a float.
    """
    value, tag = str(node.value), str(node.tag).removeprefix(_TAG)
    if tag == "null":
        return None
    if tag == "bool" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if tag == "int" and _INT.fullmatch(value):
        if len(value) > MAX_DIGITS:
            raise DocumentError(name, line, f"a number of more than {MAX_DIGITS} digits")
        return int(value.replace("_", ""))
    if tag == "float":
        try:
            return Decimal(value)
        except InvalidOperation:
            return value
    if tag in ("str", "timestamp", "bool", "int", "merge", "value"):
        return value
    raise DocumentError(name, line, f"uses the YAML tag `{tag}`, which is not allowed here")


_PATH = re.compile(r" - at `(.*)`$")
_STEP = re.compile(r"\[(?:\.\.\.|(\d+))\]|\.([^.\[\]`]+)")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`$")


def _locate(error: Exception, name: str, lines: Lines, plain: Any, shape: Any, start: Path_ = ()) -> DocumentError:
    """Turn msgspec's message and `$.a[0].b` path into a file, a line and a sentence."""
    text = str(error)
    found = _PATH.search(text)
    reason = text[: found.start()] if found else text
    path = start
    for index, key in _STEP.findall(found.group(1)) if found else ():
        if not index and not key:  # msgspec writes `[...]` for any key of a map: try each entry for itself
            return _locate_entry(name, lines, plain, shape, path) or DocumentError(
                name, lines.at(path), reworded(reason, shape)
            )
        step = int(index) if index else str(key)
        plain, shape, path = plain[step], _descend(shape, step), (*path, step)
    unknown = _UNKNOWN.match(reason)
    if unknown is not None:
        word = unknown.group(1)
        return DocumentError(
            name, lines.at((*path, word)), f"unknown key `{word}`{nearest(word, _known_fields(shape))}"
        )
    where = ".".join(str(step) for step in path)
    if plain is None and not path:
        return DocumentError(name, 0, "is empty")
    reason = reworded(reason, shape)
    return DocumentError(name, lines.at(path), f"{where}: {reason}" if where else reason)


def _locate_entry(name: str, lines: Lines, plain: Any, shape: Any, path: Path_) -> DocumentError | None:
    for key, value in plain.items():
        entry_shape = _descend(shape, key)
        try:
            msgspec.convert(value, entry_shape, strict=True)
        except msgspec.ValidationError as error:
            return _locate(error, name, lines, value, entry_shape, (*path, key))
    return None


def _known_fields(shape: Any) -> list[str]:
    for candidate in _alternatives(shape):
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            return [field.encode_name for field in msgspec.structs.fields(candidate)]
    return []


def _alternatives(shape: Any) -> tuple[Any, ...]:
    arguments: tuple[Any, ...] = getattr(shape, "__args__", ())
    return tuple(arguments) if type(None) in arguments else (shape,)


def _descend(shape: Any, step: str | int) -> Any:
    """The type of the value one step below `shape`: a struct's field, or an entry of a map or a list."""
    for candidate in _alternatives(shape):
        arguments: tuple[Any, ...] = getattr(candidate, "__args__", ())
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            for field in msgspec.structs.fields(candidate):
                if field.encode_name == step:
                    return field.type
        elif arguments:
            return arguments[0] if arguments[-1] is Ellipsis else arguments[-1]
    return Any
