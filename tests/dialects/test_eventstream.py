"""AWS's binary event stream: our reader, our writer and botocore's reader agree, and damage is told."""

import uuid
import zlib
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.faults import UpstreamBroken
from gateway.dialects.eventstream import (
    EventMessage,
    EventStreamReader,
    Sized,
    Timestamp,
    encode_event,
    encode_exception,
    encode_message,
)


def read(*pieces: bytes) -> list[EventMessage]:
    reader = EventStreamReader()
    return [message for piece in pieces for message in reader.feed(piece)]


def plain(value: Any) -> Any:
    """What is read for what was written: a number is a number, whatever its width."""
    return value.number if isinstance(value, Sized) else value


def test_the_vector_of_the_specification_that_has_a_header_and_a_payload() -> None:
    """Smithy's and the SDKs' shared vector `json_payload` … in the layout of the page, byte for byte."""
    message = encode_message({"content-type": "application/json"}, b"{'foo':'bar'}")
    assert message.hex() == (
        "0000003d0000002007fd83960c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b27666f6f273a27626172277d8d9c08b1"
    )
    assert read(message) == [EventMessage({"content-type": "application/json"}, b"{'foo':'bar'}")]


def test_the_empty_vector() -> None:
    assert encode_message({}, b"").hex() == "000000100000000005c248eb7d98c8ff"


def test_events_and_exceptions_are_written_as_aws_writes_them() -> None:
    event, exception = read(encode_event("chunk", b"{}") + encode_exception("throttlingException", b"{}"))
    assert (event.word(":message-type"), event.word(":event-type")) == ("event", "chunk")
    assert (exception.word(":message-type"), exception.word(":exception-type")) == ("exception", "throttlingException")


numbers = st.one_of(
    *(
        st.builds(Sized, st.integers(-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1), st.just(size))
        for size in (1, 2, 4, 8)
    )
)
values = st.one_of(
    st.booleans(),
    numbers,
    st.binary(max_size=300),
    st.text(max_size=60),
    st.builds(Timestamp, st.integers(0, 2**41)),
    st.uuids(),
)
names = st.text(min_size=1, max_size=20)
messages = st.lists(st.tuples(st.dictionaries(names, values, max_size=6), st.binary(max_size=400)), max_size=5)


@given(messages, st.data())
def test_what_is_written_is_read_wherever_it_is_cut(told: list[tuple[dict[str, Any], bytes]], data: Any) -> None:
    stream = b"".join(encode_message(headers, payload) for headers, payload in told)
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]
    expected = [({name: plain(value) for name, value in headers.items()}, payload) for headers, payload in told]
    assert [(dict(one.headers), one.payload) for one in read(*pieces)] == expected


@given(messages)
def test_botocore_reads_what_we_write(told: list[tuple[dict[str, Any], bytes]]) -> None:
    buffer = EventStreamBuffer()
    for headers, payload in told:
        buffer.add_data(encode_message(headers, payload))

    def theirs(value: Any) -> Any:
        if isinstance(value, Timestamp):
            return value.milliseconds
        return value.bytes if isinstance(value, uuid.UUID) else plain(value)

    expected = [({name: theirs(value) for name, value in headers.items()}, payload) for headers, payload in told]
    assert [(one.headers, one.payload) for one in buffer] == expected


@given(st.binary(max_size=200), st.binary(max_size=60))
def test_arbitrary_bytes_are_a_fault_or_too_few(noise: bytes, block: bytes) -> None:
    for stream in (noise, encode_event("x", b"{}")[:-1] + noise, with_headers(block)):
        reader = EventStreamReader()
        try:
            list(reader.feed(stream))
        except UpstreamBroken:
            with pytest.raises(UpstreamBroken):
                list(reader.feed(b""))


def with_headers(block: bytes) -> bytes:
    """A message whose checksums are right, whatever its headers are."""
    lengths = (len(block) + 16).to_bytes(4) + len(block).to_bytes(4)
    message = lengths + zlib.crc32(lengths).to_bytes(4) + block
    return message + zlib.crc32(message).to_bytes(4)


@pytest.mark.parametrize(
    "block",
    [b"\x01", b"\x01a", b"\x01a\x0a", b"\x01a\x07\x00\x05ab", b"\x01a\x04\x00", b"\x01a\x09abc", b"\x02\xff\xfe\x00"],
    ids=["no name", "no type", "unknown type", "short string", "short number", "short uuid", "name not UTF-8"],
)
def test_a_damaged_header_is_told(block: bytes) -> None:
    with pytest.raises(UpstreamBroken, match="header"):
        read(with_headers(block))


def test_every_flipped_byte_is_found() -> None:
    message = encode_event("messageStop", b'{"stopReason":"end_turn"}')
    for at in range(len(message)):
        damaged = bytearray(message)
        damaged[at] ^= 0x20
        with pytest.raises(UpstreamBroken):
            read(bytes(damaged))


def test_too_large_is_told_before_it_is_waited_for() -> None:
    lengths = (2**31).to_bytes(4) + bytes(4)
    with pytest.raises(UpstreamBroken, match="larger"):
        read(lengths + zlib.crc32(lengths).to_bytes(4))


def test_what_came_before_the_damage_is_given() -> None:
    reader = EventStreamReader()
    found = reader.feed(encode_event("messageStart", b"{}") + b"<html>this is no event stream</html>")
    assert next(found).word(":event-type") == "messageStart"
    with pytest.raises(UpstreamBroken):
        next(found)
