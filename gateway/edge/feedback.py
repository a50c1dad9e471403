"""`POST /v1/feedback`: what people and programs say of an answer, by whoever got that answer."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.core.faults import BadRequest
from gateway.core.principal import Principal
from gateway.edge.reading import headers_of, read_plain_body
from gateway.stores.wording import nearest, reworded

PATH = "feedback"
MAX_BODY_BYTES = 256 * 1024
MAX_LABELS = 16
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
_Word = Annotated[str, msgspec.Meta(max_length=256)]
_KEY = re.compile(rb"[\x21-\x7e]{1,255}").fullmatch
_WHERE = re.compile(r" - at (`key` in )?`\$\.?([a-z_]*)([^`]*)`$")
_LENGTH = re.compile(r"Expected `str` of length (<|>)= (\d+)")
_VALUE = '"up" or "down", true or false, a number, or a word'
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
Caller = Callable[[Request], Awaitable[Principal]]


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The body. Exactly one of `request_id` and `response_id`.

    Attributes:
        request_id: the answer's header `x-request-id` (for Anthropic's clients `request-id`).
        response_id: `id` in the body of the answer, for 30 days.
        value: "up" or "down", true or false, a number, or a word.
        user: who says so, as the request would have named them.
        labels: words to find it by again.
        comment, correction: what people wrote, and what the answer should have been.
    """

    request_id: _Id | None = None
    response_id: _Id | None = None
    metric: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "feedback"
    value: bool | int | float | Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    user: _Word = ""
    labels: dict[Annotated[str, msgspec.Meta(min_length=1, max_length=64)], _Word] = {}
    comment: Annotated[str, msgspec.Meta(max_length=4_000)] = ""
    correction: Annotated[str, msgspec.Meta(max_length=32_000)] = ""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. `status` is `recorded`, or `accepted` where only the ledger can say whether the call is the caller's,
    and it is away: then it counts if it is."""

    id: str
    object: str = "feedback"
    request_id: str
    metric: str
    value: bool | int | float | str
    status: str


class FeedbackDeps(msgspec.Struct, frozen=True):
    """`take`: (who, what is said, its idempotency key) → what became of it; it raises faults. `body_s`: how long a body
    may take to come."""

    take: Callable[[Principal, Said, str], Awaitable[Taken]]
    body_s: float


def feedback_routes(base: str, deps: FeedbackDeps, caller: Caller) -> list[Route]:
    """The route; `caller` refuses who is not known."""

    async def post(request: Request) -> Response:
        principal = await caller(request)
        headers = headers_of(request.scope)
        said = _read(await read_plain_body(request.receive, headers, MAX_BODY_BYTES, deps.body_s))
        taken = await deps.take(principal, said, _idempotency_key(headers))
        status = 201 if taken.status == "recorded" else 202
        return Response(msgspec.json.encode(taken), status, {"content-type": "application/json"})

    return [Route(f"{base}/{PATH}", post, methods=["POST"])]


def _read(body: bytes) -> Said:
    """Raises:
    BadRequest: it is not what this endpoint takes; what is in it is not repeated.
    """
    try:
        said = msgspec.json.decode(body, type=Said)
    except msgspec.ValidationError as error:
        raise _unfit(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest('the body is not JSON; send an object such as {"request_id": …, "value": "up"}') from None
    if (said.request_id is None) == (said.response_id is None):
        raise BadRequest(
            "name the answer by `request_id` (its header x-request-id) or by `response_id` (its `id`), not by both",
            param="request_id",
        )
    if len(said.labels) > MAX_LABELS:
        raise BadRequest(f"there are more than {MAX_LABELS} labels", param="labels")
    return said


def _unfit(reason: str) -> BadRequest:
    """msgspec's reason, for people. It names places and kinds, and never what stands there."""
    if unknown := _UNKNOWN.match(reason):
        word = unknown[1][:64]
        return BadRequest(f"unknown field `{word}`{nearest(word, list(Said.__struct_fields__))}", param=word)
    if reason.startswith("Object missing required field"):
        return BadRequest(f"`value` is missing: {_VALUE}", param="value")
    where = _WHERE.search(reason)
    if where is None or not where[2]:
        return BadRequest('the body is a JSON object, such as {"request_id": "…", "value": "up"}')
    param = where[2]
    if length := _LENGTH.match(reason):
        what = f"a text in `{param}`" if where[1] or where[3] else f"`{param}`"
        said = f"is longer than {length[2]} characters" if length[1] == "<" else "is empty"
        return BadRequest(f"{what} {said}", param=param)
    if param == "value":
        return BadRequest(f"`value` is {_VALUE}", param=param)
    return BadRequest(f"`{param}`: {reworded(reason[: where.start()], None)}", param=param)


def _idempotency_key(headers: Mapping[bytes, bytes]) -> str:
    key = headers.get(b"idempotency-key", b"")
    if key and not _KEY(key):
        raise BadRequest("an Idempotency-Key is up to 255 visible characters", param="idempotency-key")
    return key.decode("latin-1")
