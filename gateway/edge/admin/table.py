"""The shape of an endpoint row, and reading a request by it."""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.requests import Request

from gateway.core.faults import BadRequest, TooLarge
from gateway.identity.roles import Operator, Permission
from gateway.stores.wording import fields_of, nearest, reworded

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
            hint = nearest(name, list(known)) or "; nothing can be asked for here"
            raise BadRequest(f"unknown query parameter `{name[:100]}`{hint}", param=name[:100])
        if "\0" in text:
            raise BadRequest(f"`{name}` has a NUL character in it", param=name)
        try:
            values[name] = msgspec.convert(text, known[name].type, strict=False)
        except msgspec.ValidationError as error:
            said = reworded(str(error).replace(text, text[:100]), known[name].type)
            raise BadRequest(f"`{name}`: {said}; it is: {known[name].summary}", param=name) from None
    for param in row.query:
        if param.required and values[param.name] is None:
            said = f"the query parameter `{param.name}` is missing: {param.summary}"
            raise BadRequest(said, param=param.name)
    return Asked(operator, request.path_params, values, await _body(request, row))


async def _body(request: Request, row: Row) -> Any:
    text = b""
    async for piece in request.stream():
        text += piece
        if len(text) > MAX_BODY_BYTES:
            raise TooLarge(f"the body is larger than {MAX_BODY_BYTES} bytes", headers={"connection": "close"})
    if row.body is None:
        if text.strip() not in (b"", b"{}") and row.method == "POST":  # what is in it would have no effect
            raise BadRequest(f"POST /admin{row.path} takes no body; send it without one")
        return None
    try:
        return msgspec.json.decode(text or b"{}", type=row.body)
    except msgspec.ValidationError as error:
        raise _unfit(str(error), row.body) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"the body is not JSON ({error}); {_wanted(row.body)}") from None


_WHERE = " - at `$"
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`$", re.DOTALL)


def _unfit(reason: str, shape: Any) -> BadRequest:
    """msgspec's reason, for people."""
    said, where, place = reason.rpartition(_WHERE)  # the last: what a client made up may stand before it
    said, place = (said, place.removesuffix("`").removeprefix(".")) if where else (reason, "")
    steps = [step for step in place.split(".") if step]
    param = steps[0].partition("[")[0] if steps else None
    known = fields_of(shape, steps)
    if unknown := _UNKNOWN.match(said):
        word = unknown[1][:100]
        return BadRequest(
            f"unknown field `{word}`{f' in `{place}`' if place else ''}{nearest(word, known)}", param=word
        )
    said = reworded(said, shape).replace("a mapping (lines of `key: value`)", "an object")
    return BadRequest(f"`{place}`: {said}" if place else f"the body: {said}; {_wanted(shape)}", param=param)


def _wanted(shape: Any) -> str:
    return f"send a JSON object with these fields: {', '.join(fields_of(shape))}"


_FOREIGN = "the cursor is not one this API gave out; leave it out for the first page, then send `next_cursor` as it is"


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
