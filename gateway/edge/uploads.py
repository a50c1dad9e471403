"""A form with one file in it (multipart/form-data, RFC 7578), read as it comes: the file is never whole in memory.

Strict, as `dialects/openai/multipart.py` is: every part begins with one plain Content-Disposition.
"""

import re
from collections.abc import Iterator

import msgspec

from gateway.core.faults import BadRequest
from gateway.dialects.openai.multipart import delimiter_in

_NAME = re.compile(rb'content-disposition:[ \t]*form-data;[ \t]*name="([^"\\\r\n]*)"(.*)', re.IGNORECASE)
_FILENAME = re.compile(rb';[ \t]*filename="((?:[^"\r\n])*)"', re.IGNORECASE)
MAX_HEAD, MAX_FIELD, MAX_PARTS = 4_096, 1_024, 20


class Part(msgspec.Struct):
    """`filename`: None: a plain field, and `value` is all of it."""

    name: str
    filename: str | None = None
    value: bytes = b""


class FormReader:
    """`feed` it pieces of a body; `end` at its end.

    Attributes:
        fields: plain fields, by name. file: the part that is a file; None: it has not begun.
    """

    def __init__(self, content_type: bytes) -> None:
        """Raises:
        BadRequest: there is no boundary.
        """
        self._delimiter = delimiter_in(content_type)
        # The first boundary has no line before it.
        self._buffer = b"\r\n"
        self._part: Part | None = None
        self._parts = 0
        self._begun = self._ended = False
        self.fields: dict[str, str] = {}
        self.file: Part | None = None

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The file's bytes that have come. To be read to its end before the next piece.

        Raises:
            BadRequest: it is no such form.
        """
        if self._ended:  # what comes behind a form is nobody's, and is not kept
            return
        self._buffer += piece
        while not self._ended:
            if self._part is None:
                if not self._head():
                    return
                continue
            at = self._buffer.find(self._delimiter)
            data = self._buffer[: at if at >= 0 else max(0, len(self._buffer) - len(self._delimiter))]
            self._buffer = self._buffer[len(data) :]
            if self._part.filename is not None:
                if data:
                    yield data
            else:
                self._part.value += data
                if len(self._part.value) > MAX_FIELD:
                    raise BadRequest(f"`{self._part.name}` is longer than {MAX_FIELD} bytes", param=self._part.name)
            if at < 0:
                return
            self._close(self._part)

    def end(self) -> None:
        """Raises:
        BadRequest: the form is not whole.
        """
        if not self._ended:
            raise BadRequest("the form is cut short: no closing boundary")

    def _head(self) -> bool:
        """Whether a part has begun, or the form has ended; otherwise there is too little yet."""
        if not self._buffer.startswith(self._delimiter[: len(self._buffer)]):
            raise BadRequest("the form must start with its boundary")
        start = len(self._delimiter)
        if len(self._buffer) < start + 2:
            return False
        if self._buffer[start : start + 2] == b"--":
            self._ended, self._buffer = True, b""
            return True
        head_end = self._buffer.find(b"\r\n\r\n", start)
        if head_end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise BadRequest("a part of the form begins with more headers than any needs")
            return False
        self._parts += 1
        if self._parts > MAX_PARTS or self._buffer[start : start + 2] != b"\r\n":
            raise BadRequest(f"the form has more than {MAX_PARTS} parts, or a boundary that is none")
        self._part = self._opened(self._buffer[start + 2 : head_end].split(b"\r\n"))
        self._buffer = self._buffer[head_end + 4 :]
        return True

    def _opened(self, lines: list[bytes]) -> Part:
        found = [said for line in lines if (said := _NAME.fullmatch(line)) is not None]
        if len(found) != 1:
            raise BadRequest('every part of the form must have one `Content-Disposition: form-data; name="…"`')
        name = found[0][1].decode("utf-8", "replace")
        named = _FILENAME.search(found[0][2])
        if named is None and b"filename" in found[0][2].lower():
            raise BadRequest('a file of the form must have a plain `filename="…"`', param=name)
        part = Part(name, None if named is None else named[1].decode("utf-8", "replace"))
        if part.filename is not None:
            if self.file is not None or name != "file":
                raise BadRequest("the form has one file, as `file`", param=name)
            self.file = part
        elif name in self.fields:
            raise BadRequest(f"`{name}` stands twice in the form", param=name)
        return part

    def _close(self, part: Part) -> None:
        if part.filename is None:
            self.fields[part.name] = part.value.decode("utf-8", "replace")
        self._part = None
