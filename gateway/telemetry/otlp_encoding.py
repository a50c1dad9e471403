"""Spans in OTLP's wire format, by hand: protobuf messages of opentelemetry-proto's `trace.proto`, v1. Pure.

The SDK's way, an object for each span, attribute and value, takes 70 µs a span, more in a gateway at work, and holds
the interpreter for a whole batch: 9 ms for 128 spans. Here a span is a join of bytes, most of which were made for a
span before: 10 µs; a batch of 512 takes 0.2 ms.

    ExportTraceServiceRequest ▷ ResourceSpans ▷ resource, ScopeSpans ▷ scope, Span, Span, …
"""

from collections.abc import Iterable, Mapping
from struct import Struct
from typing import Literal

import msgspec

Attribute = str | bool | int | float | tuple[str, ...]

MAX_REMEMBERED = 2_048
# Callers choose some values: so long a one is encoded anew each time, that what is remembered stays below 3 MB.
MAX_REMEMBERED_CHARACTERS = 128

_BYTES = tuple(bytes((number,)) for number in range(128))
_DOUBLE = Struct("<d").pack
_TIMES = Struct("<BQBQ").pack  # two fields of eight bytes, each behind its tag
_FLAGS = Struct("<HI").pack
_KINDS = {"server": b"\x30\x02", "client": b"\x30\x03"}
_HAS_IS_REMOTE, _IS_REMOTE = 0x100, 0x200  # `SpanFlags`
_HALF = 2**63


def varint(number: int) -> bytes:
    """A number of 0 to 2**64 - 1: seven bits a byte, the lowest first."""
    if number < 128:
        return _BYTES[number]
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def field(tag: bytes, content: bytes) -> bytes:
    """A text, or a message in another. `tag`: the field's number * 8 + 2, as a varint."""
    return tag + varint(len(content)) + content


def _head(name: str, length: int) -> bytes:
    """What of an attribute, `KeyValue` in `Span`, stands before a value of `length` bytes."""
    before = _text(b"\x0a", name) + b"\x12" + varint(length)
    return b"\x4a" + varint(len(before) + length) + before


def _any_value(value: Attribute) -> bytes:
    """`AnyValue`; nothing if no field of it could hold the value. A bool is an int too: it comes first."""
    if isinstance(value, str):
        return _text(b"\x0a", value)
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        return b"\x18" + varint(value & 0xFFFF_FFFF_FFFF_FFFF) if -_HALF <= value < _HALF else b""
    if isinstance(value, float):
        return b"\x21" + _DOUBLE(value)
    return field(b"\x2a", b"".join([field(b"\x0a", _any_value(one)) for one in value]))


def _text(tag: bytes, text: str) -> bytes:
    """What is no Unicode (half of a surrogate pair) would make the receiver refuse the whole message."""
    return field(tag, text.encode(errors="replace"))


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A finished span. Ids in hexadecimal: 32 digits and twice 16. Times in Unix nanoseconds.

    Attributes:
        parent_id: empty at the top of a trace. remote: the parent is another service's.
        state: `tracestate`, as it is sent on.
        error: what failed; None leaves the status unset.
    """

    name: str
    kind: Literal["server", "client"]
    trace_id: str
    span_id: str
    parent_id: str = ""
    remote: bool = False
    state: str = ""
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Attribute]
    error: str | None = None


class SpanEncoder:
    """Encodes spans, and remembers the attributes whose values come again: who calls, which model, what rule.

    Args:
        unique: attributes whose texts do not come again.
    """

    def __init__(self, unique: Iterable[str]) -> None:
        self._unique = frozenset(unique)
        self._remembered: dict[tuple[str, Attribute], bytes] = {}
        self._heads: dict[tuple[str, int], bytes] = {}

    def encode(self, span: Span) -> bytes:
        """`Span`, as a field of `ScopeSpans`."""
        flags, parent = _HAS_IS_REMOTE, b""
        if span.parent_id:
            flags |= _IS_REMOTE if span.remote else 0
            parent = b"\x22\x08" + bytes.fromhex(span.parent_id)
        parts = [
            b"\x0a\x10",
            bytes.fromhex(span.trace_id),
            b"\x12\x08",
            bytes.fromhex(span.span_id),
            _text(b"\x1a", span.state) if span.state else b"",
            parent,
            _text(b"\x2a", span.name),
            _KINDS[span.kind],
            _TIMES(0x39, span.start_ns, 0x41, span.end_ns),
        ]
        remembered = self._remembered
        for attribute in span.attributes.items():
            # Nothing is remembered of what may be equal and yet another attribute: True, 1, 1.0.
            parts.append(remembered.get(attribute) or self._attribute(*attribute))
        parts.append(b"\x7a\x00" if span.error is None else field(b"\x7a", _text(b"\x12", span.error) + b"\x18\x02"))
        parts.append(_FLAGS(0x0185, flags))
        return field(b"\x12", b"".join(parts))

    def _attribute(self, name: str, value: Attribute) -> bytes:
        """An attribute that is not remembered, and may be from now on."""
        content = _any_value(value)
        if not content:
            return b""
        encoded = self._head(name, len(content)) + content
        if type(value) is str and name not in self._unique and len(value) <= MAX_REMEMBERED_CHARACTERS:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[name, value] = encoded
        return encoded

    def _head(self, name: str, length: int) -> bytes:
        found = self._heads.get((name, length))
        if found is None:
            if len(self._heads) >= MAX_REMEMBERED:
                self._heads.clear()
            found = self._heads[name, length] = _head(name, length)
        return found


class RequestEncoder:
    """Encodes requests with spans of one resource and one scope.

    Args:
        resource, scope: the messages `Resource` and `InstrumentationScope`. schema_url: of the resource.
    """

    def __init__(self, resource: bytes, scope: bytes, schema_url: str) -> None:
        self._resource = field(b"\x0a", resource)
        self._scope = field(b"\x0a", scope)
        self._schema = _text(b"\x1a", schema_url)

    def encode(self, spans: Iterable[bytes]) -> bytes:
        """`ExportTraceServiceRequest`, with what `SpanEncoder.encode` gave."""
        scope_spans = b"".join([self._scope, *spans])
        head = self._resource + b"\x12" + varint(len(scope_spans))
        size = len(head) + len(scope_spans) + len(self._schema)
        return b"".join([b"\x0a", varint(size), head, scope_spans, self._schema])
