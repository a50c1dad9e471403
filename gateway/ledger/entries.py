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
_ESCAPED_NUL = rb"\u0000"

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

    def __init__(self, data: bytes, pieces: Sequence[tuple[int, int]], first: int = 0) -> None:
        """`data` from `first` on, in `pieces` of whole lines: where each ends, and how many lines it has that are
        not empty."""
        self._data = data
        self._pieces = pieces
        self._first = first
        self.size = pieces[-1][0] - first

    def __iter__(self) -> Iterator[Batch]:
        begin = self._first
        for end, count in self._pieces:
            yield parse(self._data[begin:end], count)
            begin = end


_decoder = msgspec.json.Decoder(Entry)
_decode, _decode_lines = _decoder.decode, _decoder.decode_lines
_NO_ENTRY = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
# A UUIDv7 of before the year 2527.
_is_id = re.compile("0[0-9a-f]{7}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
# The same of many: their shape where every digit is taken for 0, and two places where a digit has to be a certain one.
_HEX_AS_0 = bytes.maketrans(b"123456789abcdef", b"0" * 15)
_ID_LINE, _VERSION = b"00000000-0000-0000-0000-000000000000\n", 14
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
    first, begin, end, count, entries = 0, 0, 0, 0, 0
    pieces: list[tuple[int, int]] = []
    while (found := data.find(b"\n", end)) >= 0:
        if found > end:  # an empty line is nothing
            entries += 1
        end, count = found + 1, count + 1
        if end - begin >= piece_bytes or count == max_lines:
            pieces.append((end, entries))
            begin, entries = end, 0
        if count == max_lines:
            yield Lines(data, pieces, first)
            first, pieces, count = end, [], 0
    if end > begin:
        pieces.append((end, entries))
    if pieces:
        yield Lines(data, pieces, first)


def parse(data: bytes, count: int | None = None) -> Batch:
    """Sort lines, each with its line break, by what they are. `count`: how many are not empty, if that is known."""
    if data.rfind(_ESCAPED_NUL) >= 0:  # in a third of the time that `in` takes
        data = _NUL.sub(_REPLACED, data)
    try:
        entries = _decode_lines(data)
    except _NO_ENTRY:
        return _one_by_one(data)
    opened = [entry.o for entry in entries if entry.o and not entry.c and not entry.f]
    closed = [entry.c for entry in entries if entry.c and not entry.o and not entry.f]
    others = len(entries) - len(opened) - len(closed)
    said = [entry.f for entry in entries if entry.f and _is_said(entry)] if others else []
    # All are decoded at once, which knows no lines: only that there are as many entries.
    if count is None:
        count = len(list(filter(None, data.split(b"\n"))))
    if len(entries) == count and len(said) == others and _are_whole(opened) and _are_whole(closed):
        return Batch(opened, closed, [], len(data), said)
    return _one_by_one(data)


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


def _are_whole(records: Sequence[Record]) -> bool:
    """The same of many, in a tenth of the time."""
    if not records:
        return True
    text, count = "\n".join([record.id for record in records]), len(records)
    if not text.isascii():
        return False
    data = text.encode() + b"\n"
    return (
        data.translate(_HEX_AS_0) == _ID_LINE * count
        and data[:: len(_ID_LINE)] == b"0" * count
        and data[_VERSION :: len(_ID_LINE)] == b"7" * count
        and not [record for record in records if len(record.attempts) > 1 and not _is_whole(record)]
    )
