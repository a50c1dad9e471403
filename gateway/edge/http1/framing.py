"""Answers as bytes (RFC 9112): which length an answer has, whether its connection goes on, and its head."""

from http import HTTPStatus
from typing import NamedTuple

from gateway.edge.peer import Headers

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
# Of the connection, which is ours, whatever an application says of it; and what its framing goes by.
_OURS = frozenset({"connection", "content-length", "date", "keep-alive", "transfer-encoding", "upgrade"})
_BODILESS = (204, 304)


class Asked(NamedTuple):
    """What a request says of the form of its answer."""

    head_only: bool = False
    http_1_1: bool = True
    keep_alive: bool = True


class Begun(NamedTuple):
    """Attributes:
    length: bytes that the body will have, None if that is not said before. chunked: each piece says its own.
    bodiless: no piece may be sent. close: the connection ends with this answer.
    """

    head: bytes
    length: int | None
    chunked: bool
    bodiless: bool
    close: bool


def begin(status: int, headers: Headers, asked: Asked, date: str) -> Begun:
    """An answer's head; names are in lower case, and `date` is the line that says when it was sent.

    Raises:
        ValueError: the length is no number.
    """
    lines = [_STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n", date]
    length: int | None = None
    close = not asked.keep_alive
    bodiless = asked.head_only or status in _BODILESS
    for name, value in headers:
        if name not in _OURS:
            lines.append(f"{name}: {value}\r\n")
        elif name == "content-length":
            length = int(value)
        elif name == "connection":
            close = close or value.lower() == "close"
    if length is not None and status != 204:
        lines.append(f"content-length: {length}\r\n")
    elif not bodiless and asked.http_1_1:
        lines.append("transfer-encoding: chunked\r\n")
    elif not bodiless:
        close = True  # HTTP/1.0 knows a body's end only by the connection's
    if close:
        lines.append("connection: close\r\n")
    elif not asked.http_1_1:
        lines.append("connection: keep-alive\r\n")
    text = "".join(lines)
    if text.count("\n") != len(lines) or text.count("\r") != len(lines):
        text = "".join(f"{_one_line(line[:-2])}\r\n" for line in lines)
    head = f"{text}\r\n".encode("latin-1", "replace")
    return Begun(head, length, length is None and not bodiless and asked.http_1_1, bodiless, close)


def chunk(piece: bytes) -> bytes:
    """A piece that says its own length; an empty one would be the end, and is left out."""
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""


def _one_line(line: str) -> str:
    """A line break in a value would be another header, or the end of them."""
    return line.replace("\r", " ").replace("\n", " ")
