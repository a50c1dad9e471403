"""The Service that speaks to one upstream in OpenAI's dialect."""

from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import quote

import msgspec

from gateway import __version__
from gateway.core.call import Call, Reply
from gateway.core.faults import BadRequest
from gateway.providers.answering import Reading, read_reply
from gateway.providers.headers import NEVER_TO_UPSTREAM, TO_UPSTREAM, forwarded
from gateway.providers.options import ProviderOptions
from gateway.providers.pacing import Pacer
from gateway.providers.profiles import Profile
from gateway.transport.client import HttpClient
from gateway.transport.url import Url, parse_url

MAX_URLS = 1_000


class Endpoint(msgspec.Struct, frozen=True):
    """Where a provider is and what opens it. `api_key` never appears in a repr."""

    base_url: str
    api_key: str

    def __repr__(self) -> str:
        return f"Endpoint({self.base_url!r})"


class Provider:
    """One upstream. Calls come in with `call.target` set."""

    def __init__(
        self,
        name: str,
        profile: Profile,
        options: ProviderOptions,
        endpoint: Endpoint,
        client: HttpClient,
        now: Callable[[], float],
        pacer: Pacer | None = None,
    ) -> None:
        self.name = name
        self.profile = profile
        self._options = options
        self._endpoint = endpoint
        self._client = client
        self._now = now
        self._pacer = pacer
        self._base_headers = _base_headers(profile, endpoint)
        extra = (header.lower() for header in options.forward_headers)
        self._forwarded = tuple(TO_UPSTREAM) + tuple(h.encode() for h in extra if h not in NEVER_TO_UPSTREAM)
        self._urls: dict[tuple[str, str], Url] = {}

    async def __call__(self, call: Call) -> Reply:
        """Send the call and read the answer.

        Raises:
            UpstreamFault: no answer in the dialect came back.
            Overloaded: too many calls already wait for this upstream.
        """
        assert call.target is not None, "the router chooses a target first"
        model = call.target.model
        changes, reading = self._changes(call, model)
        headers = self._headers(call)
        if self._pacer is not None:
            call.record.queued_us = int(await self._pacer.wait() * 1e6)
        call.served.asked = True
        url = self._url(call.operation.path, model)
        exchange = await self._client.send(url, headers, call.fields.encode(changes), self._options.timeouts)
        call.on_close(exchange.close)
        try:
            return await read_reply(call, exchange, reading, self._now)
        except BaseException:
            exchange.close()
            raise

    def _changes(self, call: Call, model: str) -> tuple[Mapping[str, object], Reading]:
        """What must differ from the client's body, and how the answer is to be read then."""
        changes: dict[str, object] = {}
        if model != call.model and not self._by_deployment:
            changes["model"] = model
        alias = call.model if self.profile.opaque_model else ""
        strip = False
        if call.stream and call.operation.ends_with_done and self.profile.stream_usage == "ask":
            asked = call.fields.get("stream_options")
            if asked is not None and not isinstance(asked, dict):
                raise BadRequest("`stream_options` must be an object", param="stream_options")
            options = cast(dict[str, object], asked or {})
            if options.get("include_usage") is not True:
                changes["stream_options"] = {**options, "include_usage": True}
                strip = True
        return changes, Reading(self.name, alias, strip)

    @property
    def _by_deployment(self) -> bool:
        return self.profile.deployment_paths and bool(self._options.api_version)

    def _headers(self, call: Call) -> dict[str, str]:
        headers = {**self._base_headers, **forwarded(call.headers, self._forwarded)}
        headers["content-type"] = call.fields.content_type.decode("latin-1")
        headers["accept"] = "text/event-stream" if call.stream else "application/json"
        if call.operation.answers == "binary":
            headers["accept"] = "*/*"
        if call.trace is not None:
            trace = call.trace
            headers["traceparent"] = f"00-{trace.trace_id}-{trace.span_id}-{'01' if trace.sampled else '00'}"
            if trace.state:
                headers["tracestate"] = trace.state
        return headers

    def _url(self, path: str, model: str) -> Url:
        """The parsed URL, remembered: parsing costs more than looking it up."""
        key = (path, model if self._by_deployment else "")
        url = self._urls.get(key)
        if url is None:
            base = self._endpoint.base_url.rstrip("/")
            if self._by_deployment:
                version = quote(self._options.api_version, safe="")
                url = parse_url(f"{base}/openai/deployments/{quote(model, safe='')}/{path}?api-version={version}")
            elif self.profile.deployment_paths:
                url = parse_url(f"{base}/openai/v1/{path}")
            else:
                url = parse_url(f"{base}/{path}")
            if len(self._urls) < MAX_URLS:
                self._urls[key] = url
        return url


def _base_headers(profile: Profile, endpoint: Endpoint) -> dict[str, str]:
    headers = {"user-agent": f"llm-gateway/{__version__}", "accept-encoding": "identity"}
    if profile.auth == "bearer" and endpoint.api_key:
        headers["authorization"] = f"Bearer {endpoint.api_key}"
    elif profile.auth == "api-key" and endpoint.api_key:
        headers["api-key"] = endpoint.api_key
    return headers
