"""What stands in a request's first line, taken apart (RFC 9112, 3.2)."""

from urllib.parse import unquote_to_bytes

import httptools
import msgspec


class Target(msgspec.Struct, frozen=True, gc=False):
    """`path`: decoded, as ASGI wants it; `raw_path` and `query`: as they were sent."""

    path: str
    raw_path: bytes
    query: bytes


def take_apart(target: bytes) -> Target:
    """
    Raises:
        ValueError: it is no target.
    """
    if not target.startswith(b"/"):
        return _other_form(target)
    raw_path, _, query = target.partition(b"#")[0].partition(b"?") if b"#" in target else target.partition(b"?")
    return Target(_decoded(raw_path), raw_path, query)


def _other_form(target: bytes) -> Target:
    """`*`, which OPTIONS may ask, or a whole URL, which a client may send that takes us for its proxy."""
    if target == b"*":
        return Target("*", b"*", b"")
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        raise ValueError("the request's target is neither a path nor a URL") from None
    if url.schema not in (b"http", b"https"):
        raise ValueError("the request's target is neither a path nor a URL")
    raw_path = url.path or b"/"
    return Target(_decoded(raw_path), raw_path, url.query or b"")


def _decoded(raw_path: bytes) -> str:
    if b"%" in raw_path:
        raw_path = unquote_to_bytes(raw_path)
    return raw_path.decode("utf-8", "replace")
