"""Which headers pass, in each direction. Everything that is not listed stays behind."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256

from gateway import __version__
from gateway.providers.profiles import Profile

# Never credentials (ours is set by the provider), never hop-by-hop (RFC 9110, 7.6.1), never what chooses a host.
TO_UPSTREAM: frozenset[bytes] = frozenset(
    {
        b"accept-language",
        b"idempotency-key",
        b"openai-beta",
        b"x-client-request-id",
        b"x-session-id",
    }
)
NEVER_TO_UPSTREAM: frozenset[str] = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "x-api-key",
        "x-goog-api-key",
        "api-key",
        "cookie",
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "accept-encoding",
        "forwarded",
    }
)

TO_CLIENT: frozenset[str] = frozenset(
    {
        "content-type",
        "content-disposition",
        "openai-processing-ms",
        "openai-version",
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
    }
)
_REQUEST_ID = "x-upstream-request-id"
_REQUEST_IDS = (
    "x-request-id",
    "request-id",
    "apim-request-id",
    "x-ms-request-id",
    "x-groq-request-id",
    "x-amzn-requestid",
)


def forwarded(headers: Mapping[bytes, bytes], allowed: Iterable[bytes], tenant: str) -> dict[str, str]:
    """The request headers that may go upstream. Tenants share the upstream's account, so an idempotency key is made one
    of the tenant's own: equal keys of two tenants are not the same request."""
    found: dict[str, str] = {}
    for name in allowed:
        value = headers.get(name)
        if value is not None:
            found[name.decode("latin-1")] = value.decode("latin-1")
    if (key := found.get("idempotency-key")) is not None:
        found["idempotency-key"] = sha256(f"{tenant}\0{key}".encode()).hexdigest()
    return found


def returned(headers: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], str]:
    """The response headers the client gets, and the upstream's request id.

    The upstream's rate limits and request id describe the organisation's account, not the caller's quota: they come
    back as `x-upstream-ratelimit-…` and `x-upstream-request-id`.
    """
    passed: list[tuple[str, str]] = []
    request_id = ""
    for name, value in headers:
        told = _told_as(name)
        if told == _REQUEST_ID:
            if not request_id:
                request_id = value[:128]
                passed.append((told, request_id))
        elif told:
            passed.append((told, value))
    return passed, request_id


@lru_cache(maxsize=1_000)
def _told_as(name: str) -> str:
    """What a header of an upstream's answer is called when the client gets it; empty: he does not. An upstream has the
    same twenty in each answer."""
    if name in TO_CLIENT:
        return name
    if name in _REQUEST_IDS:
        return _REQUEST_ID
    if name.startswith(("x-ratelimit-", "anthropic-ratelimit-")):
        return "x-upstream-" + name[name.index("ratelimit-") :]
    return ""


_KEY_HEADERS = ("api-key", "x-api-key", "x-goog-api-key")


def base_headers(profile: Profile, api_key: str) -> dict[str, str]:
    """What every request to an upstream has: who we are, its version, our credential."""
    headers = {"user-agent": f"llm-gateway/{__version__}", "accept-encoding": "identity", **profile.headers}
    if not api_key:
        return headers
    if profile.auth in _KEY_HEADERS:
        headers[profile.auth] = api_key
    elif profile.auth != "none":
        headers["authorization"] = f"Bearer {api_key}"
    return headers
