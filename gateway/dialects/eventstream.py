"""AWS's binary event stream, `application/vnd.amazon.eventstream`, incremental.

    prelude   total length, length of the headers (both uint32), CRC32 of these eight bytes
    headers   name length (uint8), name, type (uint8), value; one after another
    payload   the rest
    CRC32     of everything before it

Source: AWS's pages "Amazon Transcribe: Event stream encoding" and Smithy's "Amazon Event Stream Specification". All
numbers are big-endian. A message with `:message-type` `event` has a `:event-type`; `exception` an `:exception-type`;
`error` an `:error-code` and `:error-message`.
"""

import struct
import uuid
import zlib
from collections.abc import Iterator, Mapping

import msgspec

from gateway.core.faults import UpstreamBroken

MAX_HEADERS_BYTES = 128 * 1024
MAX_PAYLOAD_BYTES = 24 * 1024 * 1024
_PRELUDE = struct.Struct("!III")
_FRAME_BYTES = _PRELUDE.size + 4
# Nearly every message of a stream has one of a handful of header blocks, byte for byte.
_REMEMBERED = 16


class Sized(msgspec.Struct, frozen=True):
    """A number in a header whose width matters: 1, 2, 4 or 8 bytes."""

    number: int
    size: int


class Timestamp(msgspec.Struct, frozen=True):
    """Milliseconds since 1970."""

    milliseconds: int


HeaderValue = bool | int | Sized | bytes | str | Timestamp | uuid.UUID
Headers = Mapping[str, HeaderValue]

_NUMBERS: Mapping[int, struct.Struct] = {
    2: struct.Struct("!b"),
    3: struct.Struct("!h"),
    4: struct.Struct("!i"),
    5: struct.Struct("!q"),
}
_BY_SIZE = {one.size: (kind, one) for kind, one in _NUMBERS.items()}


class EventMessage(msgspec.Struct, frozen=True):
    """One message. Its headers are shared with others of the stream: they are read, never changed."""

    headers: Headers
    payload: bytes

    def word(self, name: str) -> str:
        """A string header; empty if absent or of another type."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else ""


class EventStreamReader:
    """Cuts arriving bytes into messages, wherever they are cut."""

    __slots__ = ("_checked", "_known", "_rest")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._checked = (0, 0)  # total and header length of the message that begins the rest; 0 before its prelude
        self._known: dict[bytes, Headers] = {}

    @property
    def pending(self) -> bool:
        """A message has begun and is not whole."""
        return bool(self._rest)

    def feed(self, chunk: bytes) -> Iterator[EventMessage]:
        """The messages that are now whole. What is not asked for stays for the next time.

        Raises:
            UpstreamBroken: while they are asked for: a checksum or a length is wrong, or a header cannot be read.
        """
        self._rest += chunk
        return self._messages()

    def _messages(self) -> Iterator[EventMessage]:
        rest = self._rest
        while True:
            if not self._checked[0]:
                if len(rest) < _PRELUDE.size:
                    return
                self._checked = _lengths(rest)
            total, header_length = self._checked
            if len(rest) < total:
                return
            message = bytes(rest[:total])
            if zlib.crc32(message[:-4]) != int.from_bytes(message[-4:]):
                raise UpstreamBroken("the upstream's event stream is damaged: a message's checksum is wrong")
            headers = self._headers(message[_PRELUDE.size : _PRELUDE.size + header_length])
            del rest[:total]
            self._checked = (0, 0)
            yield EventMessage(headers, message[_PRELUDE.size + header_length : -4])

    def _headers(self, block: bytes) -> Headers:
        known = self._known.get(block)
        if known is None:
            known = read_headers(block)
            if len(self._known) < _REMEMBERED:
                self._known[block] = known
        return known


def _lengths(rest: bytearray) -> tuple[int, int]:
    """The prelude's total and header length, checked before anything is waited for."""
    total, header_length, checksum = _PRELUDE.unpack_from(rest)
    if zlib.crc32(rest[:8]) != checksum:
        raise UpstreamBroken("the upstream's event stream is damaged, or is none: a prelude's checksum is wrong")
    if header_length > MAX_HEADERS_BYTES or total > MAX_PAYLOAD_BYTES + header_length + _FRAME_BYTES:
        raise UpstreamBroken("the upstream sent a message larger than an event stream may hold")
    if total < header_length + _FRAME_BYTES:
        raise UpstreamBroken("the upstream's event stream is damaged: its lengths contradict each other")
    return total, header_length


def read_headers(block: bytes) -> Headers:
    """A header block.

    Raises:
        UpstreamBroken: it ends in mid-header, or has a type that there is not.
    """
    headers: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(block):
            end = at + 1 + block[at]
            name = block[at + 1 : end].decode()
            headers[name], at = _read_value(block, end)
    except (IndexError, struct.error, UnicodeDecodeError):
        at = len(block) + 1
    if at != len(block):  # a slice past the end is short, and no error
        raise UpstreamBroken("the upstream's event stream is damaged: a header cannot be read")
    return headers


def _read_value(block: bytes, at: int) -> tuple[HeaderValue, int]:
    kind = block[at]
    at += 1
    match kind:
        case 0 | 1:
            return kind == 0, at
        case 2 | 3 | 4 | 5:
            layout = _NUMBERS[kind]
            return layout.unpack_from(block, at)[0], at + layout.size
        case 6 | 7:
            end = at + 2 + int.from_bytes(block[at : at + 2])
            value = block[at + 2 : end]
            return (value if kind == 6 else value.decode()), end
        case 8:
            return Timestamp(_NUMBERS[5].unpack_from(block, at)[0]), at + 8
        case 9:
            if len(block) < at + 16:
                raise IndexError
            return uuid.UUID(bytes=block[at : at + 16]), at + 16
        case _:
            raise IndexError


def encode_message(headers: Headers, payload: bytes) -> bytes:
    """One message as bytes; a plain int goes as eight bytes."""
    block = b"".join(_write_header(name, value) for name, value in headers.items())
    lengths = struct.pack("!II", len(block) + len(payload) + _FRAME_BYTES, len(block))
    message = lengths + zlib.crc32(lengths).to_bytes(4) + block + payload
    return message + zlib.crc32(message).to_bytes(4)


def encode_event(kind: str, payload: bytes) -> bytes:
    """An event of JSON, as AWS's services send it."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return encode_message(headers, payload)


def encode_exception(kind: str, payload: bytes) -> bytes:
    """A modelled error inside a stream."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return encode_message(headers, payload)


def _write_header(name: str, value: HeaderValue) -> bytes:
    label = name.encode()
    return bytes((len(label),)) + label + _write_value(value)


def _write_value(value: HeaderValue) -> bytes:
    match value:
        case bool():
            return b"\0" if value else b"\1"
        case int():
            return b"\5" + _NUMBERS[5].pack(value)
        case Sized():
            kind, layout = _BY_SIZE[value.size]
            return bytes((kind,)) + layout.pack(value.number)
        case bytes():
            return b"\6" + len(value).to_bytes(2) + value
        case str():
            data = value.encode()
            return b"\7" + len(data).to_bytes(2) + data
        case Timestamp():
            return b"\x08" + _NUMBERS[5].pack(value.milliseconds)
        case uuid.UUID():
            return b"\x09" + value.bytes
