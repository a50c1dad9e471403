"""`/v1/evals` over HTTP, as OpenAI's SDKs call it. A tenant sees its own only; any of its keys may use it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.core.faults import BadRequest, NotFound
from gateway.core.principal import Principal
from gateway.edge.reading import headers_of, read_plain_body, whole_number
from gateway.evals.desk import Desk
from gateway.evals.rows import Page
from gateway.stores.wording import nearest

Caller = Callable[[Request], Awaitable[Principal]]
# Asked by a known caller, of the desk, for his tenant.
Asked = Callable[[Request, Desk, str], Awaitable[Response]]
Add = Callable[[str, str, Asked], Route]
_encode = msgspec.json.Encoder().encode
STATUSES = ("queued", "in_progress", "completed", "canceled", "failed")
# What OpenAI's SDK sends, and what its documentation says.
ITEM_STATUSES: Mapping[str, str] = {"pass": "pass", "fail": "fail", "failed": "fail", "error": "error"}
MOST = 100


class EvalDeps(msgspec.Struct, frozen=True):
    """`desk`: None where evals are switched off. `body_s`: how long a body may take to come."""

    desk: Desk | None
    body_s: float


def eval_routes(base: str, deps: EvalDeps, caller: Caller) -> list[Route]:
    """The routes; `caller` refuses who is not known."""
    add = admitting(deps, caller)
    return [*_evals(base, deps, add), *_runs(base, deps, add), *_items(base, add)]


def _evals(base: str, deps: EvalDeps, add: Add) -> list[Route]:
    async def create(request: Request, desk: Desk, tenant: str) -> Response:
        return json(await desk.create_eval(tenant, await _body(request, deps, desk)), 201)

    async def listed(request: Request, desk: Desk, tenant: str) -> Response:
        by = one_of(request, "order_by", ("created_at", "updated_at"), "created_at")
        page = msgspec.structs.replace(page_of(request, "asc"), by_update=by == "updated_at")
        return json(await desk.list_evals(tenant, page))

    async def get(request: Request, desk: Desk, tenant: str) -> Response:
        return json(await desk.get_eval(tenant, request.path_params["eval_id"]))

    async def update(request: Request, desk: Desk, tenant: str) -> Response:
        body = await _body(request, deps, desk)
        return json(await desk.update_eval(tenant, request.path_params["eval_id"], body))

    async def delete(request: Request, desk: Desk, tenant: str) -> Response:
        return json(await desk.delete_eval(tenant, request.path_params["eval_id"]))

    one = f"{base}/evals/{{eval_id}}"
    return [
        add("POST", f"{base}/evals", create),
        add("GET", f"{base}/evals", listed),
        add("GET", one, get),
        add("POST", one, update),
        add("DELETE", one, delete),
    ]


def _runs(base: str, deps: EvalDeps, add: Add) -> list[Route]:
    async def create(request: Request, desk: Desk, tenant: str) -> Response:
        body, headers = await _body(request, deps, desk), headers_of(request.scope)
        eval_id = request.path_params["eval_id"]
        return json(await desk.create_run(tenant, eval_id, body, headers, str(request.base_url)), 201)

    async def listed(request: Request, desk: Desk, tenant: str) -> Response:
        status = one_of(request, "status", STATUSES, "")
        page = msgspec.structs.replace(page_of(request, "asc"), status=status)
        return json(await desk.list_runs(tenant, request.path_params["eval_id"], page, str(request.base_url)))

    async def get(request: Request, desk: Desk, tenant: str) -> Response:
        return json(await desk.get_run(tenant, *_run_in(request), str(request.base_url)))

    async def cancel(request: Request, desk: Desk, tenant: str) -> Response:
        return json(await desk.cancel_run(tenant, *_run_in(request), str(request.base_url)))

    async def delete(request: Request, desk: Desk, tenant: str) -> Response:
        return json(await desk.delete_run(tenant, *_run_in(request)))

    several, one = f"{base}/evals/{{eval_id}}/runs", f"{base}/evals/{{eval_id}}/runs/{{run_id}}"
    return [
        add("POST", several, create),
        add("GET", several, listed),
        add("GET", one, get),
        # As the API's reference has it, and as its SDKs of late call it.
        add("POST", one, cancel),
        add("POST", f"{one}/cancel", cancel),
        add("DELETE", one, delete),
    ]


def _items(base: str, add: Add) -> list[Route]:
    async def listed(request: Request, desk: Desk, tenant: str) -> Response:
        status = ITEM_STATUSES.get(one_of(request, "status", tuple(ITEM_STATUSES), ""), "")
        page = msgspec.structs.replace(page_of(request, "asc"), status=status)
        return json(await desk.list_items(tenant, *_run_in(request), page))

    async def get(request: Request, desk: Desk, tenant: str) -> Response:
        return json(await desk.get_item(tenant, *_run_in(request), request.path_params["item_id"]))

    several = f"{base}/evals/{{eval_id}}/runs/{{run_id}}/output_items"
    return [add("GET", several, listed), add("GET", f"{several}/{{item_id}}", get)]


def admitting(deps: EvalDeps, caller: Caller) -> Add:
    """What makes a route, by (method, path, what answers it), whose callers are known; where evals are switched off,
    there is nothing there."""

    def add(method: str, path: str, asked: Asked) -> Route:
        async def answer(request: Request) -> Response:
            principal = await caller(request)
            if deps.desk is None:
                raise NotFound("evals are switched off here (evals.enabled in config.yaml)", code="evals_disabled")
            return await asked(request, deps.desk, principal.tenant)

        return Route(path, answer, methods=[method])

    return add


def page_of(request: Request, order: str, most: int = MOST, usual: int = 20) -> Page:
    """`after`, `limit` and `order` of a list. `order`: the usual one.

    Raises:
        BadRequest: they are none.
    """
    limit = whole_number(request.query_params.get("limit", str(usual)), 1, most)
    if limit is None:
        raise BadRequest(f"`limit` is a number from 1 to {most}", param="limit")
    descending = one_of(request, "order", ("asc", "desc"), order) == "desc"
    return Page(after=request.query_params.get("after", ""), limit=limit, descending=descending)


def one_of(request: Request, name: str, words: Sequence[str], otherwise: str) -> str:
    """A parameter of the query that is one of a few words."""
    found = request.query_params.get(name, otherwise)
    if found not in words and found != otherwise:
        raise BadRequest(f"`{name}` is one of {', '.join(words)}{nearest(found[:64], list(words))}", param=name)
    return found


def json(value: Any, status: int = 200) -> Response:
    return Response(_encode(value), status, {"content-type": "application/json"})


def _run_in(request: Request) -> tuple[str, str]:
    return request.path_params["eval_id"], request.path_params["run_id"]


async def _body(request: Request, deps: EvalDeps, desk: Desk) -> bytes:
    headers = headers_of(request.scope)
    return await read_plain_body(request.receive, headers, desk.options.max_request_bytes, deps.body_s)
