"""The ASGI shapes this room uses (https://asgi.readthedocs.io/en/latest/specs/www.html)."""

from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def encode_headers(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Header pairs as ASGI wants them. Names are lower case already; a value keeps to one line of latin-1."""
    return [
        (_name(name), (value if value.isprintable() else _one_line(value)).encode("latin-1", "replace"))
        for name, value in headers
    ]


@lru_cache(maxsize=1024)
def _name(name: str) -> bytes:
    return name.encode("latin-1", "replace")


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")
