"""A URL, taken apart once."""

from urllib.parse import urlsplit

import msgspec


class Origin(msgspec.Struct, frozen=True, cache_hash=True):
    """Where a connection goes. Connections are pooled by it."""

    host: str
    port: int
    tls: bool


class Url(msgspec.Struct, frozen=True):
    """`target`: path and query as they stand in the request line; `host`: the Host header."""

    origin: Origin
    target: str
    host: str


def parse_url(text: str) -> Url:
    """Take an absolute http(s) URL apart.

    Raises:
        ValueError: it is not one, or holds a user name, a fragment or characters that have no place in one.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a base URL starts with http:// or https:// and names a host")
    if parts.username is not None or parts.fragment or not text.isascii() or any(c <= " " for c in text):
        raise ValueError("a base URL has no user name, no fragment and no spaces")
    tls = parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(Origin(parts.hostname, port, tls), target, parts.netloc)
