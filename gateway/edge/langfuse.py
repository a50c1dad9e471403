"""Prompts as Langfuse's SDKs ask for them: `GET /api/public/v2/prompts/{name}`, and the list.

An SDK is given this gateway's address, any public key, and a key of the gateway as its secret key. What it may see is
what that key may use. Source: Langfuse's API reference, "Prompts" (v2).
"""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.core.faults import NotFound, OwnFault
from gateway.core.principal import Principal
from gateway.edge.reading import headers_of

BASE = "/api/public/v2/prompts"
MAX_LIMIT, DEFAULT_LIMIT = 100, 10
MAX_DIGITS = 9
Identify = Callable[[Mapping[bytes, bytes]], Awaitable[Principal | None]]
_encode = msgspec.json.Encoder().encode


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is asked for: only the prompts with this name, label, tag, where they are said."""

    name: str = ""
    label: str = ""
    tag: str = ""
    page: int = 1
    limit: int = DEFAULT_LIMIT


class LangfusePrompts(msgspec.Struct, frozen=True):
    """Attributes:
    get: (caller, name, version or label; empty: production) → the prompt as Langfuse shows it.
        Raises NotFound, UnusablePrompt.
    page: (caller, what for) → a page of the list.
    """

    get: Callable[[Principal, str, str], Mapping[str, Any]]
    page: Callable[[Principal, Listed], Mapping[str, Any]]


def langfuse_routes(prompts: LangfusePrompts, identify: Identify) -> list[Route]:
    async def get(request: Request) -> Response:
        principal = await identify(with_bearer(headers_of(request.scope)))
        if principal is None:
            return _unauthorized()
        query = request.query_params
        version, label = query.get("version", ""), query.get("label", "")
        if version and not version.isdecimal():
            return _error(400, "InvalidRequestError", "`version` is a whole number")
        if version and label:
            return _error(400, "InvalidRequestError", "`version` and `label` cannot both be given")
        try:
            return _json(prompts.get(principal, request.path_params["name"], version or label))
        except NotFound as fault:
            return _error(404, "LangfuseNotFoundError", str(fault))
        except OwnFault as fault:
            return _error(fault.status, "ServiceUnavailableError", str(fault))

    async def listed(request: Request) -> Response:
        principal = await identify(with_bearer(headers_of(request.scope)))
        if principal is None:
            return _unauthorized()
        query = request.query_params
        page, limit = query.get("page", "1"), query.get("limit", str(DEFAULT_LIMIT))
        for name, text, most in (("page", page, 1_000_000), ("limit", limit, MAX_LIMIT)):
            if not text.isdecimal() or len(text) > MAX_DIGITS or not 1 <= int(text) <= most:
                return _error(400, "InvalidRequestError", f"`{name}` is a whole number from 1 to {most}")
        words = {name: query.get(name, "") for name in ("name", "label", "tag")}
        return _json(prompts.page(principal, Listed(**words, page=int(page), limit=int(limit))))

    return [Route(BASE, listed, methods=["GET"]), Route(f"{BASE}/{{name:path}}", get, methods=["GET"])]


def with_bearer(headers: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
    """The headers with the secret key of basic authentication as a bearer's; as they are, if there is none."""
    said = headers.get(b"authorization", b"")
    if said[:6].lower() != b"basic ":
        return headers
    try:
        _, _, secret = base64.b64decode(said[6:].strip(), validate=True).partition(b":")
    except binascii.Error:
        secret = b""
    return {**headers, b"authorization": b"Bearer " + secret}


def _unauthorized() -> Response:
    told = "Invalid credentials: use a key of this gateway as the secret key. Public keys are not looked at."
    return _error(401, "UnauthorizedError", told)


def _error(status: int, kind: str, message: str) -> Response:
    return _json({"error": kind, "message": message}, status)


def _json(value: object, status: int = 200) -> Response:
    return Response(_encode(value), status, {"content-type": "application/json"})
