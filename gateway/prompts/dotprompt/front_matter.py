"""The part of a file between its `---` lines, as values."""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, cast

import msgspec

from gateway.prompts.handlebars.values import kind_of
from gateway.stores.documents import open_document
from gateway.stores.yamltree import DocumentError, Path_, Unusual, build, build_plain

# Blank lines and comments, licences mostly, may stand before it.
_BEFORE = re.compile(r"(?:(?:#[^\n]*|[ \t]*)\r?\n)*---[ \t]*\r?\n")
_END = re.compile(r"^---[ \t]*(?:\r?\n|\Z)", re.MULTILINE)


class Input(msgspec.Struct, frozen=True):
    schema: Any = None
    default: dict[str, Any] = {}


class Shape(msgspec.Struct, frozen=True, rename="camel"):
    """The keys that mean something; `version` may be written as a number."""

    name: str | None = None
    variant: str | None = None
    version: str | int | float | None = None
    description: str | None = None
    model: str | None = None
    tools: tuple[str, ...] = ()
    tool_defs: tuple[dict[str, Any], ...] = ()
    config: dict[str, Any] = {}
    input: Input = Input()
    output: "Out" = msgspec.field(default_factory=lambda: Out())
    metadata: dict[str, Any] = {}


class Out(msgspec.Struct, frozen=True):
    format: str | None = None
    schema: Any = None


class Keys:
    """What the keys say. Versions of a prompt differ in the body mostly: they share it, and nobody changes it.

    Attributes:
        raw: all of them. shape: those that mean something. ext: dotted ones.
        schemas: what `reading` has made of the schemas, once it has.
    """

    __slots__ = ("ext", "raw", "schemas", "shape")

    def __init__(self, raw: Mapping[str, Any], shape: Shape) -> None:
        self.raw, self.shape = raw, shape
        self.schemas: Any = None
        self.ext: dict[str, dict[str, Any]] = {}
        for key, value in raw.items():
            if "." in key:
                space, _, name = key.rpartition(".")
                self.ext.setdefault(space, {})[name] = value


class FrontMatter(NamedTuple):
    """Attributes:
    body: the template. body_line: of the file, the line that it begins on.
    text: the front matter, with as many lines before it as stand before it in the file.
    """

    keys: Keys
    body: str
    body_line: int
    text: str
    path: str

    def error(self, where: Path_, reason: str) -> DocumentError:
        """An error about the value at `where`, such as `("input", "schema")`."""
        _, lines = build(self.text.encode(), self.path)
        return DocumentError(self.path, lines.at(where), reason)


def cut(source: str, path: str) -> FrontMatter:
    """Raises: DocumentError: front matter that is not closed, not YAML, or of another shape."""
    begun = _BEFORE.match(source)
    if begun is None:
        return FrontMatter(Keys({}, Shape()), source, 1, "", path)
    end = _END.search(source, begun.end())
    if end is None:
        line = source.count("\n", 0, begun.end())
        raise DocumentError(path, line, "the front matter is not closed; end it with a line `---`")
    text = source[begun.end() : end.start()]
    bare = source[end.end() :].lstrip()
    body_line = source.count("\n", 0, len(source) - len(bare)) + 1
    before = "\n" * source.count("\n", 0, begun.end())
    return FrontMatter(_keys(text, before, path), bare.rstrip(), body_line, before + text, path)


def _keys(text: str, before: str, path: str) -> Keys:
    try:
        return _quickly(text)
    except (Unusual, msgspec.ValidationError, UnicodeEncodeError):
        pass  # read again, slowly, by what can tell what is wrong and where
    # Lines that stand before it are left blank, so that those which are told are the file's.
    open_document((before + text).encode("utf-8", "replace"), path, Shape)
    raise DocumentError(path, before.count("\n"), "the front matter is no mapping (lines of `key: value`)")


@lru_cache(maxsize=1024)
def _quickly(text: str) -> Keys:
    """Raises: Unusual, ValidationError: something is wrong with it."""
    raw: Any = build_plain(text.encode())
    if raw is None:
        return Keys({}, Shape())
    if not isinstance(raw, dict):
        raise Unusual
    _floats(raw)
    return Keys(cast("dict[str, Any]", raw), msgspec.convert(raw, Shape, strict=True))


def _floats(value: Any) -> None:
    """Numbers with a point are Decimals, as prices are; here they are settings of models."""
    for key, one in value.items() if kind_of(value) is dict else enumerate(value):
        kind = kind_of(one)
        if kind is Decimal:
            value[key] = float(one)
        elif kind is dict or kind is list:
            _floats(one)
