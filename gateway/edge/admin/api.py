"""The endpoints of the admin API, as a table, and the application made of it."""

import asyncio
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.core.faults import BadRequest, Fault, Internal, MethodNotAllowed, NotFound
from gateway.edge.admin.admission import not_permitted, operator_of
from gateway.edge.admin.feedback import SaidDeps, feedback_rows
from gateway.edge.admin.focus import Focus, focus_rows
from gateway.edge.admin.limits import Levels, limit_rows
from gateway.edge.admin.mirrors import PairsDeps, mirror_rows
from gateway.edge.admin.openapi import openapi
from gateway.edge.admin.policies import ExplainRequest, PastDeps, past_rows
from gateway.edge.admin.problems import problem_response
from gateway.edge.admin.prompts import PromptsDeps, prompt_rows
from gateway.edge.admin.table import Asked, Param, Row, cursor, from_cursor, number_from_cursor, read
from gateway.edge.admin.usage import UsageDeps, usage_rows
from gateway.identity.keys import OperatorCredentials
from gateway.identity.keystore import AuditLine, KeyInfo, KeyRequest, KeyStore
from gateway.stores.wording import nearest

MAX_PAGE = 1000
DOCUMENT = "/openapi.json"
DAY_S = 86_400.0


class KeyPage(msgspec.Struct, frozen=True):
    data: list[KeyInfo]
    next_cursor: str | None


class AuditPage(msgspec.Struct, frozen=True):
    data: list[AuditLine]
    next_cursor: str | None


class CreatedKey(msgspec.Struct, frozen=True):
    """The only answer that ever holds a key in clear."""

    key: str
    info: KeyInfo


class RotateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`overlap_s`: how long the old key goes on working; a day if left out."""

    overlap_s: Annotated[float, msgspec.Meta(ge=0, le=90 * DAY_S)] = DAY_S


class AdminDeps(msgspec.Struct, frozen=True):
    """What the rest of the gateway lends to this API, as plain functions.

    Attributes:
        declared: is this (tenant, team) in tenants.yaml? limits: how full those are that a question is about. said:
            feedback.
    """

    keys: KeyStore
    declared: Callable[[str, str], bool]
    tenants: Callable[[], list[dict[str, Any]]]
    models: Callable[[], list[dict[str, Any]]]
    usage: UsageDeps
    said: SaidDeps
    explain: Callable[[ExplainRequest], dict[str, Any]]
    past: PastDeps
    focus: Focus
    limits: Levels
    pairs: PairsDeps
    prompts: PromptsDeps
    status: Callable[[], Mapping[str, Any]]


_LIMIT = Param(
    name="limit", summary="how many at most", type=Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)], default=100
)
_CURSOR = Param(name="cursor", summary="`next_cursor` of the page before")
Object = dict[str, Any]


class Listing(msgspec.Struct, frozen=True):
    data: list[Object]


def rows(deps: AdminDeps) -> tuple[Row, ...]:
    """Every endpoint."""
    api = _Handlers(deps)
    page = (_LIMIT, _CURSOR)
    return (
        Row(method="GET", path="/keys", id="list_keys", summary="Keys, without their secrets", handler=api.list_keys,
            permission="keys.read", answer=KeyPage, query=page),
        Row(method="POST", path="/keys", id="create_key", summary="A new key, shown once", handler=api.create_key,
            permission="keys.write", answer=CreatedKey, status=201, body=KeyRequest),
        Row(method="GET", path="/keys/{id}", id="get_key", summary="One key", handler=api.get_key, answer=KeyInfo,
            permission="keys.read", errors=(404,)),
        Row(method="POST", path="/keys/{id}/rotate", id="rotate_key", summary="A successor; the old key overlaps",
            permission="keys.write", handler=api.rotate_key, answer=CreatedKey, status=201, body=RotateRequest,
            errors=(404, 409)),
        Row(method="POST", path="/keys/{id}/revoke", id="revoke_key", summary="End a key within a second",
            permission="keys.revoke", handler=api.revoke_key, answer=KeyInfo, errors=(404,)),
        Row(method="GET", path="/tenants", id="list_tenants", summary="Declared tenants and teams",
            permission="tenants.read", handler=api.list_tenants, answer=Listing),
        Row(method="GET", path="/models", id="list_models", summary="Aliases and their targets",
            permission="models.read", handler=api.list_models, answer=Listing),
        *usage_rows(deps.usage, page),
        *feedback_rows(deps.said, page, api.note),
        Row(method="GET", path="/audit", id="list_audit", summary="Who changed what", handler=api.list_audit,
            permission="audit.read", answer=AuditPage, query=page),
        Row(method="POST", path="/policy/explain", id="explain_policy", summary="Why a call would be allowed or not",
            permission="policy.read", handler=api.explain, answer=Object, body=ExplainRequest),
        Row(method="POST", path="/access/explain", id="explain_access", summary="The old name of /policy/explain",
            permission="policy.read", handler=api.explain, answer=Object, body=ExplainRequest),
        *focus_rows(deps.focus),
        *past_rows(deps.past, page),
        *limit_rows(deps.limits),
        *mirror_rows(deps.pairs, page, api.note),
        *prompt_rows(deps.prompts),
        Row(method="GET", path="/status", id="status", summary="State of this worker", handler=api.status,
            permission="status.read", answer=Object),
    )  # fmt: skip


class _Handlers:
    """What the endpoints do. SQLite is asked in a thread, one request at a time."""

    def __init__(self, deps: AdminDeps) -> None:
        self._deps = deps
        self._lock = asyncio.Lock()

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        async with self._lock:
            return await asyncio.to_thread(function, *arguments)

    async def note(self, asked: Asked, action: str, object: str, details: Mapping[str, object]) -> None:
        await self._in_thread(self._deps.keys.note, asked.operator.name, action, object, details)

    async def list_keys(self, asked: Asked) -> KeyPage:
        limit: int = asked.query["limit"]
        data = await self._in_thread(self._deps.keys.page, from_cursor(asked.query["cursor"]), limit)
        return KeyPage(data, cursor(data[-1].id) if len(data) == limit else None)

    async def create_key(self, asked: Asked) -> CreatedKey:
        request: KeyRequest = asked.body
        if not self._deps.declared(request.tenant, request.team):
            raise self._undeclared(request)
        info, key = await self._in_thread(self._deps.keys.create, request, asked.operator.name)
        return CreatedKey(key.clear, info)

    def _undeclared(self, request: KeyRequest) -> BadRequest:
        teams = {tenant["id"]: [team["id"] for team in tenant["teams"]] for tenant in self._deps.tenants()}
        known = teams.get(request.tenant)
        if known is None:
            said, param = f"the tenant `{request.tenant}`", "tenant"
        else:
            said, param = f"the team `{request.team}` of the tenant `{request.tenant}`", "team"
        hint = nearest(getattr(request, param), list(teams if known is None else known), "there")
        return BadRequest(f"{said} is not declared in policies/tenants.yaml{hint}", param=param)

    async def get_key(self, asked: Asked) -> KeyInfo:
        return await self._in_thread(self._deps.keys.get, asked.path["id"])

    async def rotate_key(self, asked: Asked) -> CreatedKey:
        who = asked.operator.name
        info, key = await self._in_thread(self._deps.keys.rotate, asked.path["id"], asked.body.overlap_s, who)
        return CreatedKey(key.clear, info)

    async def revoke_key(self, asked: Asked) -> KeyInfo:
        return await self._in_thread(self._deps.keys.revoke, asked.path["id"], asked.operator.name)

    async def list_tenants(self, asked: Asked) -> Listing:  # noqa: ARG002  all handlers have one shape
        return Listing(self._deps.tenants())

    async def list_models(self, asked: Asked) -> Listing:  # noqa: ARG002
        return Listing(self._deps.models())

    async def list_audit(self, asked: Asked) -> AuditPage:
        limit: int = asked.query["limit"]
        after = number_from_cursor(asked.query["cursor"])
        data = await self._in_thread(self._deps.keys.audit, after or 0, limit)
        return AuditPage(data, cursor(str(data[-1].id)) if len(data) == limit else None)

    async def explain(self, asked: Asked) -> Object:
        return self._deps.explain(asked.body)

    async def status(self, asked: Asked) -> Mapping[str, Any]:  # noqa: ARG002
        return self._deps.status()


def admin_app(deps: AdminDeps, credentials: OperatorCredentials) -> Starlette:
    """The application to mount below `/admin`."""
    table = rows(deps)
    document = openapi(table)

    def answering(row: Row) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            operator = await operator_of(request, credentials)
            if not operator.may(row.permission):
                raise not_permitted(operator, row.permission)
            result = await row.handler(await read(request, row, operator))
            return result if isinstance(result, Response) else _json(result, row.status)

        return answer

    async def show_document(request: Request) -> Response:
        await operator_of(request, credentials)
        return _json(document)

    paths = {DOCUMENT: ["GET"]}
    for row in table:
        paths.setdefault(row.path, []).append(row.method)

    async def nothing(request: Request, error: Exception) -> Response:  # noqa: ARG001
        """Where no row is, Starlette refuses. Even that there is nothing here is not for everybody."""
        try:
            await operator_of(request, credentials)
        except Fault as fault:
            return problem_response(fault)
        return problem_response(_nothing_there(request, paths))

    def answer_fault(request: Request, fault: Exception) -> Response:  # noqa: ARG001
        assert isinstance(fault, Fault), "registered for faults"
        return problem_response(fault)

    def answer_bug(request: Request, error: Exception) -> Response:  # noqa: ARG001
        return problem_response(Internal("the gateway failed; its log holds the reason"))

    app = Starlette(
        routes=[
            Route(DOCUMENT, show_document, methods=["GET"]),
            *(Route(row.path, answering(row), methods=[row.method], name=row.id) for row in table),
        ],
        exception_handlers={Fault: answer_fault, HTTPException: nothing, Exception: answer_bug},
    )
    app.router.redirect_slashes = False
    return app


def _nothing_there(request: Request, paths: Mapping[str, list[str]]) -> Fault:
    """`paths`: what there is, and its methods."""
    path = request.scope["path"].removeprefix(request.scope["root_path"])
    for pattern, methods in paths.items():
        if _same_path(pattern, path):
            allowed = ", ".join(sorted(methods))
            said = f"/admin{pattern} takes {allowed} and not {request.method[:20]}"
            return MethodNotAllowed(said, headers={"allow": allowed})
    shorter = path.rstrip("/")
    if any(_same_path(pattern, shorter) for pattern in paths):
        return NotFound(f"there is no /admin{path[:200]}; it is /admin{shorter[:200]}, without the slash at the end")
    close = get_close_matches(path[:200], list(paths), n=1, cutoff=0.7)
    hint = f"did you mean /admin{close[0]}? " if close else ""
    return NotFound(f"there is no /admin{path[:200]}; {hint}GET /admin{DOCUMENT} describes all that there is")


def _same_path(pattern: str, path: str) -> bool:
    steps, found = pattern.split("/"), path.split("/")
    return len(steps) == len(found) and all(
        step == word or (step.startswith("{") and word) for step, word in zip(steps, found, strict=True)
    )


def _json(value: object, status: int = 200) -> Response:
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return Response(msgspec.json.encode(value), status, headers)
