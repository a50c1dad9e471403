"""Changing strings inside JSON without touching a byte beside them."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.dialects.reading import decoded
from gateway.guard.walking import Path

_MARK = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],]', re.DOTALL)
_decode = msgspec.json.Decoder(str).decode
_encode = msgspec.json.Encoder().encode


def spliced(data: bytes, changes: Mapping[Path, str]) -> bytes:
    """The JSON with other strings at some places. A name that stands twice is changed twice."""
    pieces: list[bytes] = []
    at = 0
    path: list[Any] = []
    named = False  # inside an object, and its next string is a value
    for mark in _MARK.finditer(data):
        word = mark[0]
        if word in b"{[":
            path.append(None if word == b"{" else 0)
            named = False
        elif word in b"}]":
            path.pop()
            named = False
        elif word == b",":
            if isinstance(path[-1], int):
                path[-1] += 1
            named = False
        elif path and not isinstance(path[-1], int) and not named:
            path[-1], named = decoded(word, _decode), True
            if (new := changes.get((*path[:-1], (path[-1],)))) is not None:
                pieces += [data[at : mark.start()], _encode(new)]
                at = mark.end()
        elif (new := changes.get(tuple(path))) is not None:
            pieces += [data[at : mark.start()], _encode(new)]
            at = mark.end()
    return b"".join([*pieces, data[at:]])


def in_event(event: bytes, data: bytes, new: bytes) -> bytes:
    """An event with other data; `data`: as `sse.data_of` reads it."""
    if b"\n" not in data:
        return event.replace(data, new, 1)
    lines = [line for line in re.split(rb"\r\n|\r|\n", event) if line and not line.startswith(b"data")]
    return b"\n".join([*lines, *(b"data: " + line for line in new.split(b"\n")), b"", b""])
