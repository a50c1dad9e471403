"""Stored responses over HTTP: `GET`, `DELETE /v1/responses/{id}`, `GET …/input_items`. A tenant sees its own only."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.core.faults import BadRequest, NotFound
from gateway.core.principal import Principal
from gateway.dialects.responses.history import item_list
from gateway.edge.reading import whole_number

Caller = Callable[[Request], Awaitable[Principal]]


class StoredResponses(msgspec.Struct, frozen=True):
    """Attributes:
    get: (response as the client got it, this turn's input items) of a tenant's response, or None.
    delete: whether it was there; also where the upstream keeps it.
    """

    get: Callable[[str, str], Awaitable[tuple[bytes, Sequence[Mapping[str, Any]]] | None]]
    delete: Callable[[str, str], Awaitable[bool]]


def stored_routes(base: str, stored: StoredResponses, caller: Caller) -> list[Route]:
    """The routes; `caller` refuses who is not known."""

    async def found(request: Request) -> tuple[str, bytes, Sequence[Mapping[str, Any]]]:
        id: str = request.path_params["id"]  # noqa: A001  the field's own word
        kept = await stored.get((await caller(request)).tenant, id)
        if kept is None:
            raise _missing(id)
        return id, *kept

    async def get(request: Request) -> Response:
        _, response, _ = await found(request)
        if request.query_params.get("stream") == "true":
            raise BadRequest("a stored response is given whole; leave `stream` out", param="stream")
        return Response(response, headers={"content-type": "application/json"})

    async def items(request: Request) -> Response:
        id, _, inputs = await found(request)  # noqa: A001
        query = request.query_params
        limit = whole_number(query.get("limit", "20"), 1, 100)
        if limit is None:
            raise BadRequest("`limit` is a number from 1 to 100", param="limit")
        page = item_list(inputs, id, after=query.get("after", ""), limit=limit, order=query.get("order", "desc"))
        return Response(msgspec.json.encode(page), headers={"content-type": "application/json"})

    async def delete(request: Request) -> Response:
        id: str = request.path_params["id"]  # noqa: A001
        if not await stored.delete((await caller(request)).tenant, id):
            raise _missing(id)
        gone = {"id": id, "object": "response", "deleted": True}
        return Response(msgspec.json.encode(gone), headers={"content-type": "application/json"})

    return [
        Route(f"{base}/responses/{{id}}", get, methods=["GET"]),
        Route(f"{base}/responses/{{id}}", delete, methods=["DELETE"]),
        Route(f"{base}/responses/{{id}}/input_items", items, methods=["GET"]),
    ]


def _missing(id: str) -> NotFound:
    return NotFound(f"no response `{id[:100]}` is stored here; it may have expired", code="response_not_found")
