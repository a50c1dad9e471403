"""What requests to a provider begin with: where they go, and their headers. Most of it is the same for all calls of one
kind, and written once."""

from collections.abc import Callable
from urllib.parse import quote

import msgspec

from gateway.core.call import Call
from gateway.providers.headers import NEVER_TO_UPSTREAM, TO_UPSTREAM, base_headers, forwarded
from gateway.providers.options import ProviderOptions
from gateway.providers.profiles import Path, Profile
from gateway.telemetry.trace import format_traceparent
from gateway.transport.client import opening_of
from gateway.transport.url import Url, parse_url

MAX_REMEMBERED = 1_000
JSON = "application/json"
# Where a request goes, what its head begins with (empty: with nothing that was written before), and its other headers.
Head = tuple[Url, str, dict[str, str]]


class Endpoint(msgspec.Struct, frozen=True):
    """Where a provider is and what opens it. `api_key` never appears in a repr."""

    base_url: str
    api_key: str

    def __repr__(self) -> str:
        return f"Endpoint({self.base_url!r})"


class Heads:
    """Of one provider.

    Attributes:
        by_deployment: the URL names the model, and nothing else does (Azure). forwarded: the request headers that go
            upstream.
    """

    def __init__(
        self,
        profile: Profile,
        options: ProviderOptions,
        endpoint: Endpoint,
        now: Callable[[], float],
        *,
        signed: bool,
    ) -> None:
        """`signed`: somebody must see all headers by name, so none are written before."""
        self._base_url, self._version = endpoint.base_url.rstrip("/"), options.api_version
        self._has_deployments = profile.deployment_paths
        self._now = now
        self._signed = signed
        self._base = base_headers(profile, endpoint.api_key)
        self.by_deployment = profile.deployment_paths and bool(options.api_version)
        extra = (header.lower() for header in options.forward_headers)
        allowed = (*TO_UPSTREAM, *(name.encode() for name in profile.forwards))
        self.forwarded = allowed + tuple(h.encode() for h in extra if h not in NEVER_TO_UPSTREAM)
        self._forwarded = frozenset(self.forwarded)
        self._urls: dict[tuple[str, str], Url] = {}
        self._openings: dict[tuple[str, str, str], tuple[Url, str]] = {}

    def of(self, call: Call, path: Path, model: str, content_type: str) -> Head:
        """Of a call's request.

        Raises:
            UpstreamBroken: there is a line break in the provider's credential.
        """
        place, accept = path.path, JSON
        if call.stream:
            place, accept = path.stream or place, "text/event-stream"
        if "{model}" in place:
            place = place.replace("{model}", quote(model, safe="@"))
        if call.operation.answers == "binary":
            accept = "*/*"
        if content_type == JSON and not self._signed and self._forwarded.isdisjoint(call.headers):
            key = (place, model if self.by_deployment else "", accept)
            url, opening = self._openings.get(key) or self._opening(key, model)
            headers: dict[str, str] = {}
        else:
            url, opening, headers = self.url(place, model), "", {**self._base}
            if not self._forwarded.isdisjoint(call.headers):
                headers |= forwarded(call.headers, self.forwarded, call.caller.tenant)
            headers["content-type"], headers["accept"] = content_type, accept
        if call.deadline is not None:
            headers["x-request-timeout"] = f"{max(0.001, call.deadline - self._now()):.3f}"
        if (trace := call.trace) is not None:  # W3C trace context: our span is the parent of the upstream's
            headers["traceparent"] = format_traceparent(trace)
            if trace.state:
                headers["tracestate"] = trace.state
        return url, opening, headers

    def bare(self, place: str) -> Head:
        """Of a request that is no call's."""
        return self.url(place, ""), "", {**self._base}

    def url(self, place: str, model: str) -> Url:
        """The parsed URL, remembered: parsing costs more than looking it up."""
        key = (place, model if self.by_deployment else "")
        url = self._urls.get(key)
        if url is None:
            base = self._base_url
            if self.by_deployment:
                version = quote(self._version, safe="")
                url = parse_url(f"{base}/openai/deployments/{quote(model, safe='')}/{place}?api-version={version}")
            elif self._has_deployments:
                url = parse_url(f"{base}/openai/v1/{place}")
            else:
                url = parse_url(f"{base}/{place}")
            if len(self._urls) < MAX_REMEMBERED:
                self._urls[key] = url
        return url

    def _opening(self, key: tuple[str, str, str], model: str) -> tuple[Url, str]:
        """The same for all calls that send JSON and bring no headers of their own."""
        place, _, accept = key
        url = self.url(place, model)
        found = url, opening_of("POST", url, {**self._base, "content-type": JSON, "accept": accept})
        if len(self._openings) < MAX_REMEMBERED:
            self._openings[key] = found
        return found
