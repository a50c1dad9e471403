"""The journal's lines, both ways: pure.

    {"o": record}    at the start of a call: what is needed to close it as interrupted
    {"c": record}    at its end
    {"f": feedback}  what was said of an answer, at any time after its call has begun

One line is one entry; JSON has no line break inside. Fields with their default value are left out. A line whose numbers
no call can have, or whose id is none, is no entry.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec

from gateway.core.feedback import Feedback
from gateway.core.record import Record

# Of one transaction: the fewer there are, the fewer times the same sums are written.
MAX_LINES = 6000
# Of what is read at a time, so that what is made of it is still in the processor's cache when it is used: all of a
# transaction's at once took a third longer.
CHUNK_BYTES = 128 * 1024
# A NUL in a text, and what is read in its place: PostgreSQL keeps none, and a record must be the same in every store.
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_REPLACED = rb"\1\\ufffd"

_encode = msgspec.json.Encoder().encode


class Entry(msgspec.Struct, gc=False):
    """Exactly one of opened (`o`), closed (`c`) and said (`f`)."""

    o: Record | None = None
    c: Record | None = None
    f: Feedback | None = None


class Batch(msgspec.Struct):
    """Some whole lines, sorted by what they are. `size`: their bytes. `broken`: lines that are no entries."""

    opened: list[Record]
    closed: list[Record]
    broken: list[bytes]
    size: int
    feedback: list[Feedback] = []


class Lines:
    """Whole lines of a journal, as many as go into one transaction: parsed a few at a time, as they are asked for.

    Attributes:
        size: their bytes.
    """

    def __init__(self, data: bytes, ends: Sequence[int], first: int = 0) -> None:
        """`data` from `first` on, in pieces of whole lines that end where `ends` says."""
        self._data = data
        self._ends = ends
        self._first = first
        self.size = ends[-1] - first

    def __iter__(self) -> Iterator[Batch]:
        begin = self._first
        for end in self._ends:
            yield parse(self._data[begin:end])
            begin = end


_decode = msgspec.json.Decoder(Entry).decode
_NO_ENTRY = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_has_nul = re.compile(rb"\\u0000").search  # in half the time that `in` takes
# A UUIDv7 of before the year 2527.
_is_id = re.compile("0[0-9a-f]{7}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_is_uuid = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


def encode_opened(record: Record) -> bytes:
    return b'{"o":' + _encode(record) + b"}\n"


def encode_closed(record: Record) -> bytes:
    return b'{"c":' + _encode(record) + b"}\n"


def encode_feedback(feedback: Feedback) -> bytes:
    return b'{"f":' + _encode(feedback) + b"}\n"


def cut(data: bytes, max_lines: int = MAX_LINES, piece_bytes: int = CHUNK_BYTES) -> Iterator[Lines]:
    """The whole lines of `data`, at most `max_lines` at a time, to be parsed in pieces of about `piece_bytes`. What
    follows the last line break is left to the caller: the sizes add up to the bytes before it."""
    first, begin, end, count = 0, 0, 0, 0
    ends: list[int] = []
    while (found := data.find(b"\n", end)) >= 0:
        end, count = found + 1, count + 1
        if end - begin >= piece_bytes or count == max_lines:
            ends.append(end)
            begin = end
        if count == max_lines:
            yield Lines(data, ends, first)
            first, ends, count = end, [], 0
    if end > begin:
        ends.append(end)
    if ends:
        yield Lines(data, ends, first)


def parse(data: bytes) -> Batch:
    """Sort lines, each with its line break, by what they are."""
    if _has_nul(data):
        data = _NUL.sub(_REPLACED, data)
    *lines, rest = data.split(b"\n")
    try:
        entries = list(map(_decode, lines))
    except _NO_ENTRY:
        return _one_by_one(data)
    opened = [entry.o for entry in entries if entry.o and not entry.c and not entry.f and _is_whole(entry.o)]
    closed = [entry.c for entry in entries if entry.c and not entry.o and not entry.f and _is_whole(entry.c)]
    others = len(lines) - len(opened) - len(closed)
    said = [entry.f for entry in entries if entry.f and _is_said(entry)] if others else []
    if rest or len(said) < others:
        return _one_by_one(data)
    return Batch(opened, closed, [], len(data), said)


def _one_by_one(data: bytes) -> Batch:
    """The same, where one is no entry."""
    batch = Batch([], [], [], len(data))
    for line in data.split(b"\n"):
        try:
            entry = _decode(line)
        except _NO_ENTRY:
            if line:
                batch.broken.append(line)
            continue
        record = entry.c or entry.o
        if entry.f is not None and _is_said(entry):
            batch.feedback.append(entry.f)
        elif record is None or entry.f or (entry.o and entry.c) or not _is_whole(record):
            batch.broken.append(line)
        elif entry.c:
            batch.closed.append(record)
        else:
            batch.opened.append(record)
    return batch


def _is_said(entry: Entry) -> bool:
    said = entry.f
    alone = entry.o is None and entry.c is None
    return alone and said is not None and _is_uuid(said.id) is not None and _is_id(said.call) is not None


def _is_whole(record: Record) -> bool:
    """Whether what stands in it can be told apart for ever: the call by its id, its attempts by their numbers."""
    attempts = record.attempts
    numbered = len(attempts) < 2 or len({attempt.n for attempt in attempts}) == len(attempts)
    return numbered and _is_id(record.id) is not None
