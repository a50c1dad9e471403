"""Server-Sent Events (WHATWG HTML, 9.2.6), incremental.

A framer cuts arriving bytes into batches of whole events and keeps the unfinished rest; nothing that is finished is
ever held back. Events are handed on as the bytes they came in, so that passing them on changes nothing.
"""

import re
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from gateway.core.faults import UpstreamBroken
from gateway.dialects.reading import decoded

# An event ends with an empty line; a line ends with CRLF, LF or CR.
_END = re.compile(rb"\r\n(?:\r\n|\n|\r(?!\n))|\n(?:\r\n|\n|\r(?!\n))|\r(?!\n)(?:\r\n|\n|\r(?!\n))")
_check = msgspec.json.Decoder(msgspec.Raw).decode
MAX_EVENT_BYTES = 64 * 1024 * 1024


class Framer:
    """Cuts a byte stream into batches of whole events."""

    __slots__ = ("_rest", "_searched")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._searched = 0

    def feed(self, chunk: bytes) -> bytes:
        """Whole events that are now complete (may be empty).

        Raises:
            UpstreamBroken: one event is larger than MAX_EVENT_BYTES.
        """
        rest = self._rest
        if not rest and chunk.endswith(b"\n\n"):
            return chunk  # the common case: the upstream writes whole events
        rest += chunk
        end = -1
        for found in _END.finditer(rest, self._searched):
            # A CR that is the last byte so far may be the first half of a CRLF.
            if found.end() < len(rest) or not rest.endswith(b"\r"):
                end = found.end()
        if end < 0:
            if len(rest) > MAX_EVENT_BYTES:
                raise UpstreamBroken(f"the upstream sent an event larger than {MAX_EVENT_BYTES} bytes")
            # The last three bytes may be the start of an ending.
            self._searched = max(0, len(rest) - 3)
            return b""
        batch = bytes(rest[:end])
        del rest[:end]
        self._searched = 0
        return batch

    def take_rest(self) -> bytes:
        """What has come after the last whole event."""
        rest = bytes(self._rest)
        self._rest.clear()
        return rest


def split(batch: bytes) -> Iterator[bytes]:
    """The single events of a batch of whole events, each with its ending. Joined again they are the batch."""
    start = 0
    if b"\r" not in batch:
        while (end := batch.find(b"\n\n", start)) >= 0:
            yield batch[start : end + 2]
            start = end + 2
    else:
        for found in _END.finditer(batch):
            yield batch[start : found.end()]
            start = found.end()
    if start < len(batch):
        yield batch[start:]


def data_of(event: bytes) -> bytes | None:
    """The event's data (its `data:` lines joined by LF), or None if it has none (a comment, a ping)."""
    if event.startswith(b"data: ") and event.find(b"\n") == len(event) - 2:
        return event[6:-2]
    found: list[bytes] = []
    for line in event.splitlines():
        if line.startswith(b"data:"):
            found.append(line[6:] if line.startswith(b"data: ") else line[5:])
        elif line == b"data":
            found.append(b"")
    return b"\n".join(found) if found else None


def event(data: bytes, name: str = "") -> bytes:
    """One event of JSON data (which holds no line break)."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n" if name else b"data: " + data + b"\n\n"


def read_object(data: bytes) -> dict[str, Any] | None:
    """An event's data as an object; None for other JSON, and for JSON with numbers no float can hold.

    Raises:
        UpstreamBroken: it is not JSON, or nested too deeply.
    """
    try:
        said = decoded(data)
    except RecursionError:  # it may well be an object, and nobody would have looked into it
        raise UpstreamBroken("the upstream sent an event that is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            _check(data)
        except (msgspec.DecodeError, RecursionError):
            raise UpstreamBroken("the upstream sent an event that is not valid JSON") from None
        return None
    return cast(dict[str, Any], said) if isinstance(said, dict) else None


class EventReader:
    """The JSON objects of a stream's events, in whatever pieces its bytes come; `[DONE]` stays bytes.

    Attributes:
        data: what the object given last was read from.
    """

    __slots__ = ("_framer", "data")

    def __init__(self) -> None:
        self._framer = Framer()
        self.data = b""

    def feed(self, chunk: bytes) -> Iterator[dict[str, Any] | bytes]:
        batch = self._framer.feed(chunk)
        return self._objects(batch) if batch else iter(())

    def rest(self) -> Iterator[dict[str, Any] | bytes]:
        """What the last event, left without its empty line, says. Nothing, if it was cut."""
        rest = self._framer.take_rest()
        try:
            yield from self._objects(rest)
        except UpstreamBroken:
            return

    def _objects(self, batch: bytes) -> Iterator[dict[str, Any] | bytes]:
        for one in split(batch):
            data = data_of(one)
            if not data:
                continue
            if data.strip() == b"[DONE]":
                yield b"[DONE]"
            elif (said := read_object(data)) is not None:
                self.data = data
                yield said
