"""The journal's lines, both ways: pure.

    {"o": record}    at the start of a call: what is needed to close it as interrupted
    {"c": record}    at its end

One line is one entry; JSON has no line break inside. Fields with their default value are left out. A line whose numbers
no call can have, or whose id is none, is no entry.
"""

import re
from collections.abc import Iterator

import msgspec

from gateway.core.record import Record

# Of one transaction: the fewer there are, the fewer times the same sums are written.
MAX_LINES = 4000
# A NUL in a text, and what is read in its place: PostgreSQL keeps none, and a record must be the same in every store.
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_REPLACED = rb"\1\\ufffd"

_encode = msgspec.json.Encoder().encode


class Entry(msgspec.Struct):
    """Exactly one of opened (`o`) and closed (`c`)."""

    o: Record | None = None
    c: Record | None = None


class Batch(msgspec.Struct):
    """Some whole lines, sorted by what they are. `size`: their bytes. `broken`: lines that are no entries."""

    opened: list[Record]
    closed: list[Record]
    broken: list[bytes]
    size: int


_decode = msgspec.json.Decoder(Entry).decode
# A UUIDv7 of before the year 2527.
_is_id = re.compile("0[0-9a-f]{7}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch


def encode_opened(record: Record) -> bytes:
    return b'{"o":' + _encode(record) + b"}\n"


def encode_closed(record: Record) -> bytes:
    return b'{"c":' + _encode(record) + b"}\n"


def parse(data: bytes, max_lines: int = MAX_LINES) -> Iterator[Batch]:
    """The whole lines of `data`, at most `max_lines` a batch. What follows the last line break is left to the caller:
    the batches' sizes add up to the bytes before it."""
    if rb"\u0000" in data:
        data = _NUL.sub(_REPLACED, data)
    lines = data.split(b"\n")
    del lines[-1]
    for start in range(0, len(lines), max_lines):
        yield _batch(lines[start : start + max_lines])


def _batch(lines: list[bytes]) -> Batch:
    batch = Batch([], [], [], sum(map(len, lines)) + len(lines))
    for line in lines:
        try:
            entry = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            if line:
                batch.broken.append(line)
            continue
        record = entry.c or entry.o
        if record is None or (entry.o and entry.c) or not _is_whole(record):
            batch.broken.append(line)
        elif entry.c:
            batch.closed.append(record)
        else:
            batch.opened.append(record)
    return batch


def _is_whole(record: Record) -> bool:
    """Whether what stands in it can be told apart for ever: the call by its id, its attempts by their numbers."""
    attempts = record.attempts
    numbered = len(attempts) < 2 or len({attempt.n for attempt in attempts}) == len(attempts)
    return numbered and _is_id(record.id) is not None
