"""The endpoints of the admin API, as a table, and the application made of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.core.faults import BadRequest, Fault, Internal, MethodNotAllowed, NotAllowed, NotFound, Unauthenticated
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
from gateway.identity.roles import Operator, Permission, roles_with

MAX_PAGE = 1000
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
            raise BadRequest(
                f"the team `{request.team}` of tenant `{request.tenant}` is not declared in policies/tenants.yaml",
                param="team",
            )
        info, key = await self._in_thread(self._deps.keys.create, request, asked.operator.name)
        return CreatedKey(key.clear, info)

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
            operator = await _operator_of(request, credentials)
            if not operator.may(row.permission):
                raise _not_permitted(operator, row.permission)
            result = await row.handler(await read(request, row, operator))
            return result if isinstance(result, Response) else _json(result, row.status)

        return answer

    async def show_document(request: Request) -> Response:
        await _operator_of(request, credentials)
        return _json(document)

    async def nothing(request: Request) -> Response:
        """Even that there is nothing here is not for everybody."""
        await _operator_of(request, credentials)
        allowed = {row.method for row in table if _same_path(row.path, request.path_params["path"])}
        if allowed:
            raise MethodNotAllowed("method not allowed", headers={"allow": ", ".join(sorted(allowed))})
        raise NotFound(f"there is no {request.method} /admin/{request.path_params['path']}")

    def answer_fault(request: Request, fault: Exception) -> Response:  # noqa: ARG001
        assert isinstance(fault, Fault), "registered for faults"
        return problem_response(fault)

    def answer_bug(request: Request, error: Exception) -> Response:  # noqa: ARG001
        return problem_response(Internal("the gateway failed; its log holds the reason"))

    every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
    app = Starlette(
        routes=[
            Route("/openapi.json", show_document, methods=["GET"]),
            *(Route(row.path, answering(row), methods=[row.method], name=row.id) for row in table),
            Route("/{path:path}", nothing, methods=every),
        ],
        exception_handlers={
            Fault: answer_fault,
            HTTPException: lambda request, error: _http(error),  # noqa: ARG005
            Exception: answer_bug,
        },
    )
    # Starlette tries the next route when only the method differs, and the last one knows what to say.
    app.router.redirect_slashes = False
    return app


def admitting(credentials: OperatorCredentials, permission: Permission) -> Callable[[Request], Awaitable[None]]:
    """A test for endpoints elsewhere that are for operators too; what it returns raises a fault for who may not."""

    async def admit(request: Request) -> None:
        operator = await _operator_of(request, credentials)
        if not operator.may(permission):
            raise _not_permitted(operator, permission)

    return admit


async def _operator_of(request: Request, credentials: OperatorCredentials) -> Operator:
    header = request.headers.get("authorization", "")
    given = header[7:].strip() if header[:7].lower() == "bearer " else ""
    operator = await credentials.operator(given.encode("latin-1", "replace"))
    if operator is None:
        raise Unauthenticated(
            "the admin API needs its own credential, as `Authorization: Bearer …`",
            code="invalid_credential",
            headers={"www-authenticate": "Bearer"},
        )
    return operator


def _not_permitted(operator: Operator, permission: Permission) -> NotAllowed:
    roles = ", ".join(roles_with(permission))
    said = f"the role `{operator.role}` does not hold `{permission}`; roles that do: {roles}"
    return NotAllowed(said, code="role_not_allowed")


def _http(error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return problem_response(MethodNotAllowed("method not allowed") if status == 405 else NotFound("not found"))


def _same_path(pattern: str, path: str) -> bool:
    steps, found = pattern.strip("/").split("/"), path.strip("/").split("/")
    return len(steps) == len(found) and all(
        step == word or step.startswith("{") for step, word in zip(steps, found, strict=True)
    )


def _json(value: object, status: int = 200) -> Response:
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return Response(msgspec.json.encode(value), status, headers)
