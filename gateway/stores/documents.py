"""YAML files as typed values, with errors a person can act on.

Errors name the file and the line, say what is wrong and, for an unknown word, the nearest known one. Anchors and
aliases are refused: they are how a small file becomes a gigabyte, and they hide from a reviewer what a rule says.
"""

import os
import re
import stat
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import msgspec

from gateway.core.globs import is_glob
from gateway.stores.wording import empty, nearest, reworded
from gateway.stores.yamltree import MAX_BYTES, DocumentError, Lines, Path_, Unusual, build, build_plain

__all__ = ["Document", "DocumentError", "Known", "Text"]

T = TypeVar("T")
U = TypeVar("U")
Substitute = Callable[[str], str]
Known = Mapping[str, Collection[str]]


class Text(msgspec.Struct, frozen=True):
    """A file that has been read: what it is called in errors, and its bytes."""

    name: str
    data: bytes


class Document(Generic[T]):
    """A file's content as a typed value, and where each part of it stands: looked up only when somebody asks.

    Attributes:
        data: the file's bytes.
    """

    def __init__(self, value: T, file: str, data: bytes) -> None:
        self.value = value
        self.file = file
        self.data = data
        self._lines: Lines | None = None

    def line(self, path: Path_) -> int:
        """Where the value at `path`, such as `("rules", 0, "id")`, stands."""
        if self._lines is None:
            _, self._lines = build(self.data, self.file)
        return self._lines.at(path)

    def nested(self, path: Path_, value: object, shape: type[U]) -> U:
        """A part of the file whose shape another part names.

        Raises:
            DocumentError: it is not of the shape.
        """
        try:
            return msgspec.convert(value, shape, strict=True)
        except msgspec.ValidationError as error:
            _, lines = build(self.data, self.file)
            raise _locate(error, self.file, lines, value, shape, path) from None

    def error(self, path: Path_, reason: str) -> DocumentError:
        """An error about the value at `path`."""
        return DocumentError(self.file, self.line(path), reason)


def read_text(path: Path) -> Text:
    """The file's bytes, but no more than a document may have.

    Raises:
        DocumentError: it cannot be read, or is a pipe or a device, which would be waited for, maybe for ever.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DocumentError(str(path), 0, "cannot be read: it is no regular file")
            return Text(str(path), file.read(MAX_BYTES + 1))
    except (OSError, ValueError) as error:
        raise DocumentError(str(path), 0, f"cannot be read: {getattr(error, 'strerror', '') or error}") from None


def load_document(source: Path | Text, shape: type[T], substitute: Substitute | None = None) -> Document[T]:
    """The file's content as `shape` (a msgspec type). Checks that the shape cannot express can tell the line.

    Raises:
        DocumentError: unreadable, not YAML, not of the shape, or an unknown key.
    """
    text = read_text(source) if isinstance(source, Path) else source
    return open_document(text.data, text.name, shape, substitute)


def parse_document(text: bytes, name: str, shape: type[T]) -> T:
    """The value alone, from bytes. `name` stands in errors."""
    return open_document(text, name, shape).value


def open_document(text: bytes, name: str, shape: type[T], substitute: Substitute | None = None) -> Document[T]:
    """As `load_document`, from bytes. `substitute` is applied to every text value (not to keys)."""
    if substitute is None:
        try:
            return Document(msgspec.convert(build_plain(text), shape, strict=True), name, text)
        except (Unusual, msgspec.ValidationError):
            pass  # read again, slowly, by what can tell what is wrong and where
    plain, lines = build(text, name)
    if substitute is not None:
        plain = _substituted(plain, (), name, lines, substitute)
    try:
        return Document(msgspec.convert(plain, shape, strict=True), name, text)
    except msgspec.ValidationError as error:
        raise _locate(error, name, lines, plain, shape) from None


def _substituted(plain: Any, path: Path_, name: str, lines: Lines, substitute: Substitute) -> Any:
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


# What the words of a list are called, and where a new one is added; what is not here, such as operations, is ours.
_KINDS = {
    "tenants": ("tenant", "under `tenants` in tenants.yaml"),
    "teams": ("team", "to its tenant's `teams` in tenants.yaml"),
    "data_classes": ("class of data", "under `data_classes` in tenants.yaml"),
    "guards": ("guard", "in guardrails.yaml"),
}


def check_known(document: Document[Any], path: Path_, value: object, known: Known) -> None:
    """The words in the lists `value` has under the names of `known` must be declared somewhere; patterns may match
    nothing. A rule about somebody who does not exist is a slip of the pen, and if it denies, a hole.

    Raises:
        DocumentError: with the nearest word that is declared.
    """
    for name, declared in known.items():
        for index, word in enumerate(getattr(value, name, None) or ()):
            if not is_glob(word) and word not in declared:
                kind, new = _KINDS.get(name, (name.removesuffix("s"), ""))
                reason = f"the {kind} `{word}` is not known here{nearest(word, sorted(declared), new)}"
                raise document.error((*path, name, index), reason)


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
        return DocumentError(name, 0, empty(shape))
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
