"""The models a caller may use, listed as each dialect lists them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.access.nearby import nearby
from gateway.core.conversation import DialectName
from gateway.core.faults import NotFound
from gateway.core.principal import Principal
from gateway.edge.reading import headers_of

Caller = Callable[[Request], Awaitable[Principal]]
ListModels = Callable[[Principal, Mapping[bytes, bytes]], Sequence[Mapping[str, Any]]]
GEMINI_BASE = "/v1beta"


def dialect_of(request: Request) -> DialectName:
    """Whose client asks: Google's have a path or a key's header of their own, Anthropic's name their API's version."""
    if request.url.path.startswith(f"{GEMINI_BASE}/") or "x-goog-api-key" in request.headers:
        return "gemini"
    return "anthropic" if "anthropic-version" in request.headers else "openai"


def model_routes(base: str, list_models: ListModels, caller: Caller) -> list[Route]:
    """The routes; `caller` refuses who is not known."""

    async def models(request: Request) -> Response:
        found = list_models(await caller(request), headers_of(request.scope))
        return _json(_LISTS[dialect_of(request)](found))

    async def model(request: Request) -> Response:
        name: str = request.path_params["name"]
        usable = {found["id"]: found for found in list_models(await caller(request), headers_of(request.scope))}
        if name in usable:
            return _json(_ENTRIES[dialect_of(request)](usable[name]))
        close = nearby(name, usable)
        hint = f"; did you mean `{close[0]}`?" if close else ""
        said = "does not exist, is not yours to use, or none of its providers has a credential here"
        raise NotFound(f"the model `{name[:100]}` {said}{hint}", code="model_not_found")

    return [
        Route(f"{prefix}/models{path}", answer, methods=["GET"])
        for prefix in (base, GEMINI_BASE)
        for path, answer in (("", models), ("/{name:path}", model))
    ]


def _openai(model: Mapping[str, Any]) -> Mapping[str, Any]:
    return model


def _anthropic(model: Mapping[str, Any]) -> Mapping[str, Any]:
    created = datetime.fromtimestamp(model["created"], UTC).isoformat().replace("+00:00", "Z")
    return {"type": "model", "id": model["id"], "display_name": model["id"], "created_at": created}


def _gemini(model: Mapping[str, Any]) -> Mapping[str, Any]:
    methods = ["generateContent", "streamGenerateContent", "countTokens"]
    return {"name": f"models/{model['id']}", "displayName": model["id"], "supportedGenerationMethods": methods}


def _anthropic_list(models: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    data = [_anthropic(model) for model in models]
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"data": data, "has_more": False, "first_id": first, "last_id": last}


_ENTRIES: Mapping[DialectName, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "gemini": _gemini,
}
_LISTS: Mapping[DialectName, Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]]] = {
    "openai": lambda models: {"object": "list", "data": list(models)},
    "anthropic": _anthropic_list,
    "gemini": lambda models: {"models": [_gemini(model) for model in models]},
}


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), headers={"content-type": "application/json"})
