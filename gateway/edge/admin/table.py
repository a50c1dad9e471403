"""The shape of an endpoint row, and reading a request by it."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.requests import Request

from gateway.core.faults import BadRequest, TooLarge
from gateway.identity.roles import Operator, Permission

MAX_BODY_BYTES = 64 * 1024


class Param(msgspec.Struct, frozen=True, kw_only=True):
    """A query parameter; `type` is what its text is converted to."""

    name: str
    summary: str
    type: Any = str
    default: Any = None
    required: bool = False


class Asked(msgspec.Struct, frozen=True):
    """A request, read: who asks, path and query parameters, and the body as the row's type."""

    operator: Operator
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any = None


Handler = Callable[[Asked], Awaitable[Any]]
# Appends a line to the audit log: (asked, action, object, details).
Note = Callable[[Asked, str, str, Mapping[str, object]], Awaitable[None]]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint. `path` is below `/admin`; `permission`: what an operator's role must hold; `errors`: statuses
    besides 400, 401, 403, 405 that it may answer with; `media`: the answer's type; if it is not JSON, the handler makes
    the whole response."""

    method: str
    path: str
    id: str
    summary: str
    permission: Permission
    handler: Handler
    answer: Any
    status: int = 200
    query: tuple[Param, ...] = ()
    body: Any = None
    errors: tuple[int, ...] = ()
    media: str = "application/json"


async def read(request: Request, row: Row, operator: Operator) -> Asked:
    """The request by its row.

    Raises:
        BadRequest, TooLarge: it does not fit.
    """
    known = {param.name: param for param in row.query}
    values: dict[str, Any] = {param.name: param.default for param in row.query}
    for name, text in request.query_params.multi_items():
        if name not in known:
            said = f"unknown query parameter `{name[:100]}`; known: {', '.join(known) or 'none'}"
            raise BadRequest(said, param=name[:100])
        if "\0" in text:
            raise BadRequest(f"`{name}` has a NUL character in it", param=name)
        try:
            values[name] = msgspec.convert(text, known[name].type, strict=False)
        except msgspec.ValidationError as error:
            raise BadRequest(f"`{name}`: {error}", param=name) from None
    for param in row.query:
        if param.required and values[param.name] is None:
            raise BadRequest(f"the query parameter `{param.name}` is missing", param=param.name)
    return Asked(operator, request.path_params, values, await _body(request, row))


async def _body(request: Request, row: Row) -> Any:
    text = b""
    async for piece in request.stream():
        text += piece
        if len(text) > MAX_BODY_BYTES:
            raise TooLarge(f"the body is larger than {MAX_BODY_BYTES} bytes", headers={"connection": "close"})
    if row.body is None:
        return None
    try:
        return msgspec.json.decode(text or b"{}", type=row.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"the body does not fit: {error}") from None


_FOREIGN = "the cursor is not one this API gave out"


def cursor(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def from_cursor(text: str | None) -> str:
    """The key a cursor stands for; empty for none.

    Raises:
        BadRequest: it is not one of ours.
    """
    if not text:
        return ""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise BadRequest(_FOREIGN, param="cursor") from None


def cursor_of(key: Sequence[Any]) -> str:
    """The same for a key of several parts."""
    return cursor(msgspec.json.encode(key).decode())


def key_of_cursor(text: str | None, shape: Any) -> Any:
    """What such a cursor stands for; None for none.

    Raises:
        BadRequest: it is not one of ours.
    """
    key = from_cursor(text)
    try:
        return msgspec.json.decode(key, type=shape) if key else None
    except msgspec.MsgspecError:
        raise BadRequest(_FOREIGN, param="cursor") from None


def number_from_cursor(text: str | None) -> int | None:
    """The number a cursor stands for; None for none.

    Raises:
        BadRequest: it is not one of ours.
    """
    key = from_cursor(text)
    if key and not (key.isascii() and key.isdigit() and len(key) < 19):  # SQLite's integers have 19 digits
        raise BadRequest(_FOREIGN, param="cursor")
    return int(key) if key else None
