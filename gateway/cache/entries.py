"""A kept answer: its bytes, the places where a stream was cut into pieces and when each came, and what it cost."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import msgspec

from gateway.cache.options import OVERHEAD_BYTES

# Measured on recorded traffic (zlib, level 1): streams of this size and more shrink to a seventh, for 5 to 8 µs a
# kilobyte and 2 to 3 to read them again. Whole answers shrink to a half, for twice the time: they stay as they are.
PACKED_FROM = 4_096
BATCH_BYTES = 64 * 1024
_LEVEL = 1
# A number in each of two tuples.
PIECE_BYTES = 2 * (32 + 8)


class Entry(msgspec.Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """Attributes:
    stored_at: Unix seconds at which the answer was whole.
    headers: of the upstream's answer, as the client got them. told: of those that steps add, the upstream's.
    cuts: of a stream, the length of each piece; at_ms: when it came, after the first.
    ended: the piece with which a stream said that it is whole; -1: none did.
    body: all bytes; packed: compressed.
    cost_nano: what it cost to make; None: not known. model, finish_reason, response_id: as the upstream said.
    """

    stored_at: float
    headers: tuple[tuple[str, str], ...]
    told: Mapping[str, str] = {}
    stream: bool = False
    cuts: tuple[int, ...] = ()
    at_ms: tuple[int, ...] = ()
    ended: int = -1
    body: bytes = b""
    packed: bool = False
    cost_nano: int | None = None
    model: str = ""
    finish_reason: str = ""
    response_id: str = ""

    @property
    def held_bytes(self) -> int:
        """What it takes in memory, and rather too much than too little."""
        size, told = OVERHEAD_BYTES + len(self.body) + PIECE_BYTES * len(self.cuts), self.told
        return size + sum(map(len, chain(*self.headers, told, told.values())))

    def whole(self) -> bytes:
        return zlib.decompress(self.body) if self.packed else self.body


def packed_stream(body: bytes) -> tuple[bytes, bool]:
    """A stream's bytes as they are kept, and whether that is compressed."""
    if len(body) < PACKED_FROM:
        return body, False
    small = zlib.compress(body, _LEVEL)
    return (small, True) if len(small) < len(body) else (body, False)


def pieces_of(entry: Entry) -> Iterator[bytes]:
    """A stream's pieces, cut as they came."""
    body, at = entry.whole(), 0
    for length in entry.cuts:
        yield body[at : at + length]
        at += length


def batches_of(entry: Entry) -> Sequence[bytes]:
    """A stream in as few pieces as a reader's buffer likes, cut where the upstream had cut it. The last holds the piece
    that ends the answer."""
    batches: list[bytes] = []
    body, start, at = entry.whole(), 0, 0
    for length in entry.cuts:
        if at > start and at + length - start > BATCH_BYTES:
            batches.append(body[start:at])
            start = at
        at += length
    batches.append(body[start:])
    return batches


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode


def encode_entry(entry: Entry) -> bytes:
    return _encode(entry)


def decode_entry(data: bytes) -> Entry | None:
    """None: it is no entry of this version's."""
    try:
        return _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
