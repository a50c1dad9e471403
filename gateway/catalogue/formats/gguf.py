"""The head of a GGUF file: its metadata, and whether its tensors lie within it.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian. What a file claims
of itself is bounded before anything is read or kept by it: a count is a number that somebody wrote.
"""

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec

MAX_PAIRS = 65_536
MAX_TENSORS = 1_000_000
MAX_KEY = 65_535
# Vocabularies have hundreds of thousands of words; all the arrays of texts in a file together may have this many.
MAX_TEXTS = 8_000_000
# What is longer is skipped: nobody describes a model in as many characters, or in lists as long.
KEPT_CHARACTERS = 65_536
KEPT_ITEMS = 1024
# Reading over so many bytes is cheaper than asking the system to seek.
NEAR = 4096
MAX_DIMENSIONS = 8
MAX_ALIGNMENT = 1 << 20

Value = str | int | float | bool | list["Value"]
_SCALARS: Mapping[int, str] = {**dict(enumerate("BbHhIif?")), 10: "Q", 11: "q", 12: "d"}  # type → struct's letter
_TEXT, _ARRAY = 8, 9


class GgufError(ValueError):
    """Not a GGUF file, or one that does not mean what it says."""


class GgufHead(msgspec.Struct, frozen=True):
    """`metadata`: the pairs short enough to be read by people. `tensors`: how many."""

    version: int
    metadata: Mapping[str, Value]
    tensors: int


def read_gguf(path: Path) -> GgufHead:
    """The head of the file; the tensors themselves are not read.

    Raises:
        GgufError: it is not GGUF, cut short, or claims what cannot be.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return _Reader(file, os.fstat(file.fileno()).st_size).head()


class _Reader:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._at = 0
        self._texts = 0

    def head(self) -> GgufHead:
        if self._take(4) != b"GGUF":
            raise GgufError("is no GGUF file: it does not begin with `GGUF`")
        version = self._number("I")
        if version not in (2, 3):
            order = " (or written for big-endian machines)" if version & 0xFFFF == 0 else ""
            raise GgufError(f"has version {version}{order}; versions 2 and 3 can be read")
        tensors, pairs = self._number("Q"), self._number("Q")
        if pairs > MAX_PAIRS or tensors > MAX_TENSORS:
            raise GgufError(f"claims {pairs} pairs and {tensors} tensors; at most {MAX_PAIRS} and {MAX_TENSORS} can be")
        metadata: dict[str, Value] = {}
        seen: set[str] = set()
        for _ in range(pairs):
            key = self._text(MAX_KEY) or ""
            if key in seen:  # readers would differ on which of them counts
                raise GgufError(f"has the key `{key[:100]}` twice")
            seen.add(key)
            value = self._value(self._number("I"))
            if value is not None:
                metadata[key] = value
        self._check_tensors(tensors, metadata.get("general.alignment", 32))
        return GgufHead(version, metadata, tensors)

    def _check_tensors(self, count: int, alignment: Value) -> None:
        if not isinstance(alignment, int) or not 0 < alignment <= MAX_ALIGNMENT:
            raise GgufError(f"has an alignment of {str(alignment)[:20]}")
        furthest = 0
        for _ in range(count):
            self._text(MAX_KEY)
            dimensions = self._number("I")
            if dimensions > MAX_DIMENSIONS:
                raise GgufError(f"has a tensor of {dimensions} dimensions")
            self._take(8 * dimensions + 4)  # sizes and type
            offset = self._number("Q")
            if offset % alignment:
                raise GgufError(f"has a tensor at {offset}, which is no multiple of {alignment}")
            furthest = max(furthest, offset)
        begins = -(-self._at // alignment) * alignment
        if count and begins + furthest >= self._size:
            raise GgufError(f"has a tensor at {begins + furthest}, behind its end at {self._size}: it is cut short")

    def _value(self, kind: int) -> Value | None:
        """A value, or None for one too long to be kept."""
        if kind == _TEXT:
            return self._text(KEPT_CHARACTERS)
        if kind == _ARRAY:
            return self._array()
        if kind not in _SCALARS:
            raise GgufError(f"has a value of the unknown type {kind}")
        return self._number(_SCALARS[kind])

    def _array(self) -> Value | None:
        kind, count = self._number("I"), self._number("Q")
        if kind == _TEXT:
            self._texts += count
            if self._texts > MAX_TEXTS:
                raise GgufError(f"claims more than {MAX_TEXTS} texts")
            texts = [text for _ in range(count) if (text := self._text(KEPT_CHARACTERS if count <= KEPT_ITEMS else 0))]
            return list[Value](texts) if count <= KEPT_ITEMS else None
        if kind not in _SCALARS:
            raise GgufError(f"has a list of values of the type {kind}")
        if count <= KEPT_ITEMS:
            return [self._number(_SCALARS[kind]) for _ in range(count)]
        self._skip(count * struct.calcsize("<" + _SCALARS[kind]))
        return None

    def _text(self, kept: int) -> str | None:
        length = self._number("Q")
        if length > kept:
            self._skip(length)
            return None
        return self._take(length).decode(errors="replace")

    def _number(self, form: str) -> int:
        return struct.unpack("<" + form, self._take(struct.calcsize("<" + form)))[0]

    def _room(self, length: int) -> None:
        if length > self._size - self._at:
            raise GgufError(f"is cut short: {length} bytes should follow at {self._at}, it ends at {self._size}")
        self._at += length

    def _take(self, length: int) -> bytes:
        self._room(length)
        taken = self._file.read(length)
        if len(taken) < length:
            raise GgufError("became shorter while it was read")
        return taken

    def _skip(self, length: int) -> None:
        if length <= NEAR:
            self._take(length)
        else:
            self._room(length)
            self._file.seek(self._at)
