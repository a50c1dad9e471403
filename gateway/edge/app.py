"""The ASGI application: a dictionary for the endpoints that carry calls, Starlette for everything else.

Matching a route and wrapping a request costs Starlette about a third of a whole call; the hot endpoints are fixed
strings, so a dictionary finds them.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from gateway.core.clock import Clock, uuid7
from gateway.core.faults import Fault, Internal, MethodNotAllowed, Unauthenticated
from gateway.core.principal import Principal
from gateway.edge.asgi import App, Receive, Scope, Send
from gateway.edge.errors import SHAPES
from gateway.edge.evals import EvalDeps, eval_routes
from gateway.edge.feedback import PATH as FEEDBACK
from gateway.edge.feedback import FeedbackDeps, feedback_routes
from gateway.edge.files import file_routes
from gateway.edge.langfuse import LangfusePrompts, langfuse_routes
from gateway.edge.models import GEMINI_BASE, dialect_of, model_routes
from gateway.edge.operations import ARRAY_STREAM_PATH, BY_METHOD, STREAM_METHOD
from gateway.edge.organization import OrganizationDeps, organization_routes
from gateway.edge.reading import headers_of
from gateway.edge.stored import StoredResponses, stored_routes
from gateway.edge.unknown_paths import BASE, no_such
from gateway.identity.unknown_callers import unknown_caller

_log = logging.getLogger("gateway.edge")
# Where Google's SDKs look for a model: the Gemini API's versions, and Vertex's without a project.
MODEL_PATHS = ("/v1beta/models/", "/v1/models/", "/v1beta1/publishers/google/models/")
_encode = msgspec.json.Encoder().encode


class EdgeDeps(msgspec.Struct, frozen=True):
    """What the rest of the gateway lends to the edge, as plain functions.

    Attributes:
        identify: the caller of a request's headers, or None.
        list_models: the model objects the caller may use with a request of these headers, as `/v1/models` shows them.
        stored: responses kept for their tenants. feedback: what is said of answers. evals: OpenAI's evals, and files
            for them. organization: usage and costs in OpenAI's shape. langfuse: prompts in Langfuse's.
        ready: (is this worker ready, details without secrets).
        metrics: (headers → allowed), and the exposition with its content type.
    """

    clock: Clock
    identify: Callable[[Mapping[bytes, bytes]], Awaitable[Principal | None]]
    list_models: Callable[[Principal, Mapping[bytes, bytes]], Sequence[Mapping[str, object]]]
    stored: StoredResponses
    feedback: FeedbackDeps
    evals: EvalDeps
    organization: OrganizationDeps
    langfuse: LangfusePrompts
    ready: Callable[[], tuple[bool, Mapping[str, object]]]
    metrics_allowed: Callable[[bytes], bool]
    exposition: Callable[[], Awaitable[tuple[bytes, str]]]


def build_app(endpoints: Mapping[str, App], admin: Starlette, deps: EdgeDeps) -> App:
    """The whole application; `endpoints` maps paths below `/v1` to what answers a POST to them."""
    hot = {("POST", f"{BASE}/{path}"): app for path, app in endpoints.items()}
    by_method = methods_of(endpoints)
    rest = Starlette(
        routes=[
            *public_routes(deps),
            *call_routes(endpoints, deps),
            *langfuse_routes(deps.langfuse, deps.identify),
            Mount("/admin", app=admin),
        ],
        exception_handlers={
            Fault: _answer_fault(deps),
            HTTPException: _answer_http(deps, endpoints),
            Exception: _answer_bug(deps),
        },
    )
    rest.router.redirect_slashes = False

    async def other(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                await rest(scope, receive, send)
            except Exception:  # noqa: BLE001  the border: Starlette has answered 500, and raises the bug again
                _log.exception("%s %s failed", scope["method"], scope["path"])

    def app(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return other(scope, receive, send)
        endpoint = hot.get((scope["method"], scope["path"])) or by_method(scope) or other
        return endpoint(scope, receive, send)

    return app


def methods_of(endpoints: Mapping[str, App]) -> Callable[[Scope], App | None]:
    """Finds endpoints whose path holds the model and ends in a method: `/v1beta/models/NAME:generateContent`."""
    apps = {name: endpoints[operation.path] for name, operation in BY_METHOD.items()}
    array_stream = endpoints[ARRAY_STREAM_PATH]

    def found(scope: Scope) -> App | None:
        path: str = scope["path"]
        name, colon, method = path.rpartition(":")
        if not colon or scope["method"] != "POST" or method not in apps:
            return None
        for prefix in MODEL_PATHS:
            if name.startswith(prefix):
                scope["path_model"] = name[len(prefix) :]
                is_array = method == STREAM_METHOD and b"alt=sse" not in scope["query_string"]
                return array_stream if is_array else apps[method]
        return None

    return found


def public_routes(deps: EdgeDeps) -> list[Route]:
    """Health, open to all, and metrics with a credential of their own."""

    async def live(request: Request) -> Response:  # noqa: ARG001  the signature Starlette calls
        return _json({"status": "live"})

    async def ready(request: Request) -> Response:  # noqa: ARG001
        is_ready, details = deps.ready()
        return _json({"status": "ready" if is_ready else "not ready", **details}, 200 if is_ready else 503)

    async def metrics(request: Request) -> Response:
        if not deps.metrics_allowed(_bearer(request)):
            raise Unauthenticated(
                "metrics need their own credential, as `Authorization: Bearer …`",
                headers={"www-authenticate": "Bearer"},
            )
        body, kind = await deps.exposition()
        return Response(body, headers={"content-type": kind})

    return [Route("/health/live", live), Route("/health/ready", ready), Route("/metrics", metrics)]


def call_routes(endpoints: Mapping[str, App], deps: EdgeDeps) -> list[Route]:
    """What is below `/v1` besides calls. A caller is needed for all of it, even to hear that there is nothing."""

    async def caller(request: Request) -> Principal:
        headers = headers_of(request.scope)
        principal = await deps.identify(headers)
        if principal is None:
            raise unknown_caller(headers, dialect_of(request))
        return principal

    async def nothing(request: Request) -> Response:
        await caller(request)
        path = request.url.path
        if (name := path.removeprefix(f"{BASE}/")) in endpoints or name == FEEDBACK:
            raise MethodNotAllowed("this endpoint takes POST", headers={"allow": "POST"})
        raise no_such(f"{request.method} {path}", path, dialect_of(request), endpoints)

    every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return [
        *model_routes(BASE, deps.list_models, caller),
        *stored_routes(BASE, deps.stored, caller),
        *feedback_routes(BASE, deps.feedback, caller),
        *eval_routes(BASE, deps.evals, caller),
        *file_routes(BASE, deps.evals, caller),
        *organization_routes(BASE, deps.organization),
        Route(f"{BASE}/{{path:path}}", nothing, methods=every),
        Route(f"{GEMINI_BASE}/{{path:path}}", nothing, methods=every),
    ]


def _answer_fault(deps: EdgeDeps) -> Callable[[Request, Any], Response]:
    def answer(request: Request, fault: Fault) -> Response:
        request_id = uuid7(deps.clock.now_ns())
        shape = SHAPES[dialect_of(request)]
        headers = {**dict(shape.headers(fault)), shape.request_id_header: request_id}
        return Response(shape.body(fault, request_id), fault.status, headers)

    return answer


def _answer_http(deps: EdgeDeps, endpoints: Collection[str]) -> Callable[[Request, Any], Response]:
    """Starlette's own refusals (no such path, wrong method), in our shape."""
    answer_fault = _answer_fault(deps)

    def answer(request: Request, error: HTTPException) -> Response:
        if error.status_code == 405:
            return answer_fault(request, MethodNotAllowed("method not allowed", headers=error.headers))
        path = request.url.path
        return answer_fault(request, no_such(path, path, dialect_of(request), endpoints))

    return answer


def _answer_bug(deps: EdgeDeps) -> Callable[[Request, Any], Response]:
    answer_fault = _answer_fault(deps)

    def answer(request: Request, error: Exception) -> Response:  # noqa: ARG001
        return answer_fault(request, Internal("the gateway failed; its log holds the reason"))

    return answer


def _json(value: object, status: int = 200) -> Response:
    return Response(_encode(value), status, {"content-type": "application/json"})


def _bearer(request: Request) -> bytes:
    value = request.headers.get("authorization", "")
    return value[7:].strip().encode() if value[:7].lower() == "bearer " else b""
