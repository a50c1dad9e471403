"""Encoded spans by the SDK's own exporter.

That exporter knows what the environment says of certificates, headers and compression, which answers are worth another
try, and when; but it sends only what it has encoded itself. It can be given a session to post with: ours sends our
bytes, and the exporter, asked to export no span at all, does the rest.
"""

import gzip
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gateway.telemetry.otlp_encoding import RequestEncoder

if TYPE_CHECKING:
    import requests
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope


class SpanPosting:
    """`post` for one thread at a time. `url`: all of it; `headers`: besides those of the environment."""

    def __init__(self, url: str, headers: Mapping[str, str], timeout_s: float) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        self._body = b""
        self._taken = self._ended = False
        session = _session(self._take)
        self._exporter = OTLPSpanExporter(url, headers=dict(headers), timeout=timeout_s, session=session)

    def post(self, body: bytes) -> None:
        """Send an `ExportTraceServiceRequest`, for `timeout_s` at most. What fails is logged by the exporter.

        Raises:
            RuntimeError: this version of the exporter does not send what holds no span.
        """
        if self._ended:
            return
        self._body, self._taken = body, False
        self._exporter.export(())
        if not self._taken and not self._ended:
            raise RuntimeError("this version of the OpenTelemetry exporter does not post with the session it is given")

    def shutdown(self) -> None:
        """Give up what is under way, as far as it waits for another try, and send nothing any more."""
        self._ended = True
        self._exporter.shutdown()

    def _take(self) -> bytes:
        self._taken = True
        return self._body


def _session(body: Callable[[], bytes]) -> "requests.Session":
    """One that sends `body()` in the place of whatever it is told to send, compressed as the request's headers say."""
    import requests

    class Substituting(requests.Session):
        def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
            request.prepare_body(_compressed(body(), str(request.headers.get("content-encoding"))), None)
            return super().send(request, **kwargs)

    return Substituting()


def _compressed(body: bytes, encoding: str) -> bytes:
    match encoding:
        case "gzip":
            return gzip.compress(body)
        case "deflate":
            return zlib.compress(body)
        case _:
            return body


def request_encoder(resource: "Resource", scope: "InstrumentationScope") -> RequestEncoder:
    """For spans of that resource and scope, both encoded by the SDK, as a span of no meaning has them."""
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

    span = ReadableSpan("", SpanContext(1, 1, False), resource=resource, instrumentation_scope=scope)
    [encoded] = encode_spans([span]).resource_spans
    [scope_spans] = encoded.scope_spans
    return RequestEncoder(
        encoded.resource.SerializeToString(), scope_spans.scope.SerializeToString(), encoded.schema_url
    )
