"""What is said of a path where there is nothing: and where it is that was probably meant."""

from collections.abc import Collection, Mapping

from gateway.core.faults import NotFound
from gateway.edge.feedback import PATH as FEEDBACK
from gateway.edge.operations import OPERATIONS

BASE = "/v1"
# What clients ask for below the base besides calls.
_BESIDES = ("models", "responses", FEEDBACK)
_DIALECTS: Mapping[str, str] = {operation.path: operation.dialect for operation in OPERATIONS}
# What people and probes try first; by their paths in small letters, without a slash at the end.
_HEALTH = "/health/ready says whether calls are taken, /health/live whether it runs"
_DOCS = f"GET {BASE}/models lists the models, /admin/openapi.json describes the admin API"
_TRIED: Mapping[str, str] = {
    "": f"calls go below {BASE}, as {BASE}/chat/completions or {BASE}/messages; {_DOCS}; {_HEALTH}",
    BASE: f"calls go below it, as {BASE}/chat/completions or {BASE}/messages; {_DOCS}",
    **dict.fromkeys(("/health", "/healthz", "/healthcheck", "/ping"), _HEALTH),
    **dict.fromkeys(("/ready", "/readyz", "/live", "/livez"), _HEALTH),
    **dict.fromkeys(("/docs", "/redoc", "/openapi.json", "/admin"), _DOCS),
}


def no_such(what: str, path: str, dialect: str, endpoints: Collection[str]) -> NotFound:
    """That there is nothing at this path. If a client's base URL is as another client's should be, how it should be:
    OpenAI's end in `/v1`, and those of Anthropic and Google do not. `dialect`: whose client asks, where the path does
    not say; `endpoints`: the paths below `/v1` that take calls."""
    hint = _TRIED.get(path.rstrip("/").lower()) or _base_url(path, dialect, endpoints)
    return NotFound(f"there is no {what} here{f'; {hint}' if hint else ''}", code="unknown_url")


def _base_url(path: str, dialect: str, endpoints: Collection[str]) -> str:
    doubled = path.startswith(f"{BASE}{BASE}/")
    if not doubled and path.startswith(f"{BASE}/"):
        return ""
    name = path.removeprefix(BASE).removeprefix(BASE).lstrip("/")
    if name not in endpoints and name.partition("/")[0] not in _BESIDES:
        return ""
    # Who leaves the base out puts nothing before the path himself, whatever he speaks.
    ends = "without /v1" if doubled and _DIALECTS.get(name, dialect) != "openai" else "in /v1, once"
    return f"it is {BASE}/{name}: the base URL should end {ends}"
