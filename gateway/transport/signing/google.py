"""Google: OAuth 2.0 access tokens, by google-auth.

Either of a service account's key, given as its JSON, or of Application Default Credentials: a file named by
GOOGLE_APPLICATION_CREDENTIALS (keys, workload identity federation), gcloud's own, or the metadata server.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.core.clock import Clock
from gateway.core.faults import Fault, NotConfigured
from gateway.transport.signing.authorizer import FOREVER, Kept, Renewing, load, refused_by
from gateway.transport.url import Url

# Google's tokens live an hour; the metadata server gives out the same one until its last five minutes.
_RENEW_BEFORE_S = 240.0
_TIMEOUT_S = 10.0


class GoogleOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`service_account`: the text of a key file (`${file:/path}` in config.yaml); empty takes default credentials."""

    service_account: str = ""
    scopes: tuple[str, ...] = ("https://www.googleapis.com/auth/cloud-platform",)

    def __repr__(self) -> str:
        return f"GoogleOptions(scopes={self.scopes!r})"


class GoogleAuthorizer:
    """An `Authorizer` for Google Cloud."""

    def __init__(self, options: GoogleOptions, clock: Clock | None = None) -> None:
        self._renewing = Renewing(_GoogleAuth(options).fetch, _failed, clock)

    async def headers(
        self,
        method: str,  # noqa: ARG002  the protocol's signature
        url: Url,  # noqa: ARG002
        headers: Mapping[str, str],  # noqa: ARG002
        body: bytes,  # noqa: ARG002
    ) -> Mapping[str, str]:
        return await self._renewing.get()


class _GoogleAuth:
    """Google's library. All of it blocks, and is only called from a thread."""

    def __init__(self, options: GoogleOptions) -> None:
        self._options = options
        self._credentials: Any = None

    def fetch(self) -> Kept[Mapping[str, str]]:
        """A new token, as headers (with the project that pays, if the credentials name one)."""
        transport = load("google.auth.transport.requests", "google")
        requests = load("requests", "google")
        with requests.Session() as session:
            session.request = _in_time(session.request)
            request = transport.Request(session)
            if self._credentials is None:
                self._credentials = self._find(request)
            self._credentials.refresh(request)
        headers: dict[str, str] = {}
        self._credentials.apply(headers)
        expiry: datetime | None = self._credentials.expiry
        expires = FOREVER if expiry is None else expiry.replace(tzinfo=UTC).timestamp()
        return Kept({name.lower(): value for name, value in headers.items()}, expires - _RENEW_BEFORE_S, expires)

    def _find(self, request: Any) -> Any:
        scopes = list(self._options.scopes)
        if not self._options.service_account:
            return load("google.auth", "google").default(scopes=scopes, request=request)[0]
        try:
            info = json.loads(self._options.service_account)
            return load("google.oauth2.service_account", "google").Credentials.from_service_account_info(
                info, scopes=scopes
            )
        except (ValueError, TypeError, AttributeError):
            raise NotConfigured("`service_account` is not the JSON of a Google service account's key") from None


def _in_time(send: Any) -> Any:
    """Requests waits for ever unless it is told; google-auth tells it two minutes."""

    def sent(*args: Any, **named: Any) -> Any:
        named["timeout"] = min(named.get("timeout") or _TIMEOUT_S, _TIMEOUT_S)
        return send(*args, **named)

    return sent


def _failed(error: Exception) -> Fault:
    exceptions = load("google.auth.exceptions", "google")
    return refused_by("Google", error, (exceptions.TransportError,))
