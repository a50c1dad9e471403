"""A stream's chunks out of its bytes, in both framings.

Source: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent. With `alt=sse` chunks are
server-sent events; without, they are the elements of one JSON array that is written as they come. An error may come
as a bare object. Which framing it is, the first byte says.

    state     { or [ first   any other first byte   the array's end     bytes end
    unknown   → json         → sse                                      nothing came: cut short
    json                                            → closed            cut short, but for `closed`
    sse                                                                 the rest must be an event
"""

import re
from typing import Literal

from gateway.core.faults import UpstreamBroken
from gateway.dialects.sse import MAX_EVENT_BYTES, Framer, data_of, split

_MARK = re.compile(rb'\\.|["{}\[\]]', re.DOTALL)
_BLANK = b" \t\r\n\xef\xbb\xbf"


def cut_short() -> UpstreamBroken:
    return UpstreamBroken("the upstream's stream ended before its answer did", code="upstream_cut_short")


class Chunks:
    """Cuts a byte stream into the JSON of its chunks."""

    __slots__ = ("_events", "_json", "_state")

    def __init__(self) -> None:
        self._state: Literal["unknown", "json", "sse"] = "unknown"
        self._events = Framer()
        self._json = _Objects()

    def feed(self, chunk: bytes) -> list[bytes]:
        """The chunks that are now complete.

        Raises:
            UpstreamBroken: one is too large, or brackets do not match.
        """
        if self._state == "unknown":
            chunk = chunk.lstrip(_BLANK)
            if not chunk:
                return []
            self._state = "json" if chunk[:1] in (b"{", b"[") else "sse"
        if self._state == "json":
            return self._json.feed(chunk)
        return _data(self._events.feed(chunk))

    def end(self) -> list[bytes]:
        """What the last bytes hold, if they miss only their line breaks.

        Raises:
            UpstreamBroken: the stream ended within something, or never began.
        """
        if self._state == "unknown" or (self._state == "json" and not self._json.closed):
            raise cut_short()
        return _data(self._events.take_rest())


def _data(batch: bytes) -> list[bytes]:
    found = (data_of(event) for event in split(batch))
    return [data for data in found if data and data.strip() != b"[DONE]"]


class _Objects:
    """The objects of a JSON array, or a bare object, found by counting brackets outside strings."""

    __slots__ = ("_depth", "_floor", "_rest", "_searched", "_start", "_within_string", "closed")

    def __init__(self) -> None:
        self.closed = False
        self._rest = bytearray()
        self._searched = 0
        self._depth = 0
        self._floor = 0
        self._start = -1
        self._within_string = False

    def feed(self, chunk: bytes) -> list[bytes]:
        if self.closed:
            return []
        self._rest += chunk
        found: list[bytes] = []
        for mark in _MARK.finditer(self._rest, self._searched):
            done = self._bracket(mark.group(), mark.start())
            if done is not None:
                found.append(done)
            self._searched = mark.end()
            if self.closed:
                break
        self._forget()
        return found

    def _bracket(self, mark: bytes, at: int) -> bytes | None:
        """Count one mark; the object that it ends."""
        if mark == b'"':
            self._within_string = not self._within_string
        elif self._within_string or len(mark) > 1:
            return None
        elif mark in b"{[":
            if mark == b"[" and not self._depth and not self._floor:
                self._floor = 1
            elif mark == b"{" and self._depth == self._floor:
                self._start = at
            self._depth += 1
        else:
            self._depth -= 1
            if self._depth < self._floor or not self._depth:
                self.closed = True
            if self._depth == self._floor and self._start >= 0:
                done = bytes(self._rest[self._start : at + 1])
                self._start = -1
                return done
        return None

    def _forget(self) -> None:
        """Keep only an object that has begun; look again at a last backslash, whose other half is still to come."""
        size = len(self._rest)
        keep = self._start if self._start >= 0 else size
        if not (self._within_string and self._rest.endswith(b"\\")):
            self._searched = size
        keep = min(keep, self._searched)
        del self._rest[:keep]
        self._searched -= keep
        if self._start >= 0:
            self._start -= keep
        if len(self._rest) > MAX_EVENT_BYTES:
            raise UpstreamBroken(f"the upstream sent an event larger than {MAX_EVENT_BYTES} bytes")
