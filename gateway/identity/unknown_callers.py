"""What a caller hears whom nobody knows, wherever he comes in."""

from collections.abc import Mapping

from gateway.core.faults import Unauthenticated
from gateway.identity.callers import credential_in

# How the SDKs of a dialect send a key, where not as a bearer's.
_WAYS = {"anthropic": "x-api-key: …", "gemini": "x-goog-api-key: …"}
_INVALID = "the API key is not valid here; ask whoever runs this gateway for one"


def unknown_caller(headers: Mapping[bytes, bytes], dialect: str) -> Unauthenticated:
    """Unknown, malformed, expired and revoked credentials are answered alike; that there is none is told."""
    said = _INVALID if credential_in(headers) else _missing(headers, dialect)
    return Unauthenticated(said, headers={"www-authenticate": "Bearer"})


def _missing(headers: Mapping[bytes, bytes], dialect: str) -> str:
    if b"authorization" in headers:
        return "the authorization header must be `Bearer` and the API key"
    return f"no API key was given; send it as `{_WAYS.get(dialect, 'Authorization: Bearer …')}`"
