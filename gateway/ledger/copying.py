"""Rows in the bytes of PostgreSQL's binary COPY: pure.

A field is its length in four bytes and then itself: whole numbers as `bigint`, texts in UTF-8, ids as `uuid`. Every
whole number is a `bigint`, so a value has one encoding wherever it stands, and is encoded once: fields come from a
dictionary, which takes a quarter of the time that it takes to make them. Columns side by side that are alike for many
rows are one entry: who called, what the terms were, meters that count nothing. What hardly ever comes again is made a
column at a time, and not kept. (psycopg's own `write_row` takes ten times as long.)

Source: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, cast

from gateway.ledger.rows import Row

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
MAX_KEPT = 20_000
MAX_KEPT_BYTES = 128
MAX_KEPT_GROUP_BYTES = 1_024
MAX_KEPT_LENGTH = 4_096
KEPT_BELOW = 1 << 40  # what is larger is a time, and comes once
_NULL = b"\xff\xff\xff\xff"

_number = struct.Struct(">iq").pack


class _Lengths(dict[int, bytes]):
    def __missing__(self, length: int) -> bytes:
        data = length.to_bytes(4, "big")
        if length <= MAX_KEPT_LENGTH:
            self[length] = data
        return data


_LENGTHS = _Lengths()


class Fields(dict[Any, bytes]):
    """Fields by value, and those of several columns by their values. Whole numbers, texts, bytes and None; a bool or a
    float would be mistaken for its equal."""

    def __missing__(self, value: Any) -> bytes:
        if type(value) is int:
            try:
                field = _number(8, value)
            except struct.error:
                raise OverflowError(f"{value} is no bigint") from None
            if value < KEPT_BELOW:
                self[value] = field
            return field
        if type(value) is tuple:
            group = b"".join(map(self.__getitem__, cast(Row, value)))
            if len(group) <= MAX_KEPT_GROUP_BYTES:
                self[value] = group
            return group
        if value is None:
            return self.setdefault(None, _NULL)
        data = value.encode() if type(value) is str else value
        assert isinstance(data, bytes), "a column has no other kinds"
        field = _LENGTHS[len(data)] + data
        if len(data) <= MAX_KEPT_BYTES:
            self[value] = field
        return field

    def bounded(self) -> "Fields":
        """Itself, emptied if it has grown large."""
        if len(self) > MAX_KEPT:
            self.clear()
        return self


class Uuids(dict[str, bytes]):
    """The same for ids: of one commit, whose rows of three tables begin with them."""

    def __missing__(self, text: str) -> bytes:
        """Raises:
        ValueError: it is no UUID.
        """
        field = self[text] = b"\x00\x00\x00\x10" + bytes.fromhex(text.replace("-", ""))
        return field


class Layout:
    """The columns of a table, the first of them a UUID; which of them are encoded as one, and which hold whole numbers
    or texts that hardly ever come again."""

    def __init__(
        self, columns: Sequence[str], alike: Sequence[tuple[str, str]], once: Mapping[str, Sequence[str]]
    ) -> None:
        """`alike`: first and last column of each group, in order. `once`: by kind (`numbers`, `texts`, `bytes`)."""
        places: list[int | slice] = []
        at = 0
        for first, last in alike:
            begin, end = columns.index(first), columns.index(last) + 1
            places += [*range(at, begin), slice(begin, end)]
            at = end
        places += range(at, len(columns))
        self.head = len(columns).to_bytes(2, "big")
        self.parts = itemgetter(*places)
        made = {name: _ONCE[kind] for kind, names in once.items() for name in names}
        self.kinds = [_known if isinstance(place, slice) else made.get(columns[place], _known) for place in places[1:]]


def _known(column: Sequence[Any], fields: Fields) -> tuple[Iterable[bytes], ...]:
    return (map(fields.__getitem__, column),)


def _numbers(column: Sequence[int | None], _: Fields) -> tuple[Iterable[bytes], ...]:
    return ([_NULL if number is None else _number(8, number) for number in column],)


def _texts(column: Sequence[str], _: Fields) -> tuple[Iterable[bytes], ...]:
    data = [text.encode() for text in column]
    return _bytes(data, _)


def _bytes(column: Sequence[bytes], _: Fields) -> tuple[Iterable[bytes], ...]:
    return map(_LENGTHS.__getitem__, map(len, column)), column


_ONCE = {"numbers": _numbers, "texts": _texts, "bytes": _bytes}


def encode_rows(rows: Sequence[Row], uuids: Uuids, fields: Fields, layout: Layout) -> bytes:
    """Raises:
    OverflowError: a number that is no `bigint`.
    """
    if not rows:
        return b""
    ids, *columns = zip(*map(layout.parts, rows), strict=True)
    parts: list[Iterable[bytes]] = [map(uuids.__getitem__, ids)]
    try:
        for kind, column in zip(layout.kinds, columns, strict=True):
            parts += kind(column, fields)
    except struct.error:
        raise OverflowError("a number is no bigint") from None
    return b"".join(chain.from_iterable(zip(repeat(layout.head), *parts, strict=False)))


def bigint_arrays(rows: Sequence[Sequence[int]]) -> str:
    """The columns of rows of whole numbers, each as the text of a SQL array: nothing but digits gets into a query."""
    columns = (",".join(map(str, map(int, column))) for column in zip(*rows, strict=True))
    return ", ".join(f"'{{{column}}}'::bigint[]" for column in columns)
