"""Answers as bytes (RFC 9112): which length an answer has, whether its connection goes on, and its head."""

from http import HTTPStatus
from operator import itemgetter

import msgspec

from gateway.edge.peer import Headers

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
# Of the connection, which is ours, whatever an application says of it; and what its framing goes by.
_OURS = frozenset({"connection", "content-length", "date", "keep-alive", "transfer-encoding", "upgrade"})
_BODILESS = (204, 304)
_line = ": ".join
_name = itemgetter(0)


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What a request says of the form of its answer."""

    head_only: bool = False
    http_1_1: bool = True
    keep_alive: bool = True


class Begun(msgspec.Struct, frozen=True, gc=False):
    """Attributes:
    length: bytes that the body will have, None if that is not said before. chunked: each piece says its own.
    bodiless: no piece may be sent. close: the connection ends with this answer.
    """

    head: bytes
    length: int | None
    chunked: bool
    bodiless: bool
    close: bool


def begin(status: int, headers: Headers, asked: Asked, date: str, length: int | None = None) -> Begun:
    """An answer's head; names are in lower case, and `date` is the line that says when it was sent. `length`: of the
    body, where it is known, whatever the headers say of it.

    Raises:
        ValueError: the length is no number.
    """
    close = not asked.keep_alive
    bodiless = asked.head_only or status in _BODILESS
    if not _OURS.isdisjoint(map(_name, headers)):  # asked of a dictionary of them it takes three times as long
        said, close = _ours(headers, close)
        length = said if length is None else length
        headers = [pair for pair in headers if pair[0] not in _OURS]
    lines = [*map(_line, headers)]  # without a step of the interpreter for each
    # A line break in a value would be another header, or the end of them. To look for one in all of the text costs a
    # third of counting those that belong there.
    joined = "".join(lines)
    if "\n" in joined or "\r" in joined:
        lines = [line.replace("\r", " ").replace("\n", " ") for line in lines]
    chunked = False
    if length is not None and status != 204:
        lines.append(f"content-length: {length}")
    elif not bodiless and asked.http_1_1:
        chunked = True
        lines.append("transfer-encoding: chunked")
    elif not bodiless:
        close = True  # HTTP/1.0 knows a body's end only by the connection's
    if close:
        lines.append("connection: close")
    elif not asked.http_1_1:
        lines.append("connection: keep-alive")
    lines.append("\r\n")
    text = "\r\n".join(lines)
    first = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"
    return Begun(f"{first}{date}{text}".encode("latin-1", "replace"), length, chunked, bodiless, close)


def _ours(headers: Headers, close: bool) -> tuple[int | None, bool]:
    """What an application says of the body's length, and whether the connection is to end."""
    length: int | None = None
    for name, value in headers:
        if name == "content-length":
            length = int(value)
        elif name == "connection":
            close = close or value.lower() == "close"
    return length, close


def chunk(piece: bytes) -> bytes:
    """A piece that says its own length; an empty one would be the end, and is left out."""
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
