"""HTTP/1.1 answers read from bytes as they come: no I/O, so that it can be cut anywhere in a test."""

from typing import Literal

MAX_HEAD = 64 * 1024


class Malformed(Exception):
    """Not an HTTP/1.1 answer that a client could rely on."""


def request_bytes(port: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """A request for a server on this machine that keeps its connection."""
    lines = [f"{method} {path} HTTP/1.1", f"host: 127.0.0.1:{port}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class AnswerReader:
    """One answer. `feed` what arrives until `complete`; `payload()` is the body without its framing, so far.

    Attributes:
        closes: the server said that it closes the connection after this answer.
    """

    __slots__ = ("_buffer", "_left", "_pieces", "_state", "closes", "status")

    def __init__(self) -> None:
        self.status = 0
        self.closes = False
        self._buffer = b""
        self._pieces: list[bytes] = []
        self._left = 0
        self._state: Literal["head", "sized", "chunk size", "chunk", "trailer", "complete"] = "head"

    @property
    def complete(self) -> bool:
        return self._state == "complete"

    def payload(self) -> bytes:
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)

    def feed(self, data: bytes) -> None:
        """Take in what arrived.

        Raises:
            Malformed: the framing is broken, or more came than belongs to the answer.
        """
        data = self._buffer + data if self._buffer else data
        position = 0
        while position < len(data) and self._state != "complete":
            step = self._step(data, position)
            if step == position:
                break
            position = step
        self._buffer = data[position:]
        if self._buffer and self._state == "complete":
            raise Malformed(f"{len(self._buffer)} bytes after the end of the answer")

    def _step(self, data: bytes, position: int) -> int:
        """Read one element; where the next begins, or `position` again if more bytes are needed."""
        if self._state == "chunk size":
            return self._read_chunk_size(data, position)
        if self._state == "chunk":
            end = position + self._left
            if len(data) < end + 2:
                return position
            if data[end : end + 2] != b"\r\n":
                raise Malformed("a chunk does not end where its size says")
            self._pieces.append(data[position:end])
            self._state = "chunk size"
            return end + 2
        if self._state == "sized":
            piece = data[position : position + self._left]
            self._pieces.append(piece)
            self._left -= len(piece)
            self._state = "sized" if self._left else "complete"
            return position + len(piece)
        if self._state == "trailer":
            end = data.find(b"\r\n", position)
            if end == position:
                self._state = "complete"
            return position if end < 0 else end + 2
        return self._read_head(data, position)

    def _read_chunk_size(self, data: bytes, position: int) -> int:
        end = data.find(b"\r\n", position)
        if end < 0:
            return position
        try:
            self._left = int(data[position:end].split(b";", 1)[0], 16)
        except ValueError:
            raise Malformed(f"{data[position:end][:40]!r} is no chunk size") from None
        self._state = "chunk" if self._left else "trailer"
        return end + 2

    def _read_head(self, data: bytes, position: int) -> int:
        end = data.find(b"\r\n\r\n", position)
        if end < 0:
            if len(data) > MAX_HEAD:
                raise Malformed("the head does not end")
            return position
        head = data[position:end].lower()
        if not head.startswith(b"http/1.1 "):
            raise Malformed(f"{head[:40]!r} is no status line of HTTP/1.1")
        self.status = int(head[9:12])
        self.closes = b"\r\nconnection: close" in head
        start = head.find(b"\r\ncontent-length:")
        if start >= 0:
            self._left = int(head[start + 17 :].split(b"\r\n", 1)[0])
            self._state = "sized" if self._left else "complete"
        elif b"\r\ntransfer-encoding: chunked" in head:
            self._state = "chunk size"
        else:
            raise Malformed("the answer says neither its length nor that it comes in chunks")
        return end + 4
