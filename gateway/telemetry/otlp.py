"""OpenTelemetry by OTLP over HTTP: where finished spans and metrics leave the process.

    event loop ── encoded span ──▶ bounded queue ──▶ thread ──▶ POST /v1/traces
               ├─ feedback ──▶ bounded queue ──▶ thread, from the first on ──▶ POST /v1/logs
               └─ additions ──▶ series in memory ──▶ thread, every interval_s ──▶ POST /v1/metrics

A collector that is away costs what fits into the queues, and nothing else: spans and feedback are dropped, metrics are
cumulative and catch up. Nothing of the SDK is imported before an `Otlp` is made. The admin API's few spans go the
SDK's own way, which those of calls would find too slow (`otlp_encoding.py`).
"""

import logging
import secrets
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from gateway import __version__
from gateway.core.call import Call
from gateway.core.clock import Clock, SystemClock, uuid7
from gateway.core.extras import installing
from gateway.core.feedback import Feedback
from gateway.telemetry.evaluations import Evaluations
from gateway.telemetry.gathering import Ended
from gateway.telemetry.genai import GenAiMetrics
from gateway.telemetry.options import OtlpOptions
from gateway.telemetry.otlp_encoding import SpanEncoder
from gateway.telemetry.span_posting import SpanPosting, request_encoder
from gateway.telemetry.span_queue import SpanQueue
from gateway.telemetry.spans import UNIQUE, attempt_spans, call_span

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

_log = logging.getLogger("gateway.telemetry")

EXPORT_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 3.0


class MissingExtra(Exception):
    """A heavier part that config.yaml asks for is not installed."""


class Otlp:
    """`with Otlp(options, provider_name) as otlp: otlp.ended(call)`. Threads start on entering or with the first call.

    `provider_name`: a configured provider's `gen_ai.provider.name`. Each process is an instance of the service with an
    id of its own: the cumulative sums of several workers would overwrite each other otherwise.

    Raises:
        MissingExtra: the SDK is not installed.
    """

    def __init__(self, options: OtlpOptions, provider_name: Callable[[str], str], clock: Clock | None = None) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        except ImportError as error:
            raise MissingExtra(
                f"telemetry.otlp is configured, but the OpenTelemetry SDK is missing: {installing('otlp')}"
            ) from error
        self._options = options
        self._provider_name = provider_name
        self._clock: Clock = clock or SystemClock()
        self._exporting: _Exporting | None = None
        self._admin: BatchSpanProcessor | None = None
        self._closed = False
        self._resource = Resource.create(
            {
                "service.name": options.service_name,
                "service.version": __version__,
                "service.instance.id": uuid7(self._clock.now_ns()),
            }
        )
        self._scope = InstrumentationScope("gateway", __version__)
        base, headers = options.endpoint.rstrip("/"), dict(options.headers)
        self._posting = SpanPosting(f"{base}/v1/traces", headers, EXPORT_TIMEOUT_S)
        self._admin_exporter = OTLPSpanExporter(f"{base}/v1/traces", headers=headers, timeout=EXPORT_TIMEOUT_S)
        self._metric_exporter = OTLPMetricExporter(f"{base}/v1/metrics", headers=headers, timeout=EXPORT_TIMEOUT_S)
        self._log_exporter = OTLPLogExporter(f"{base}/v1/logs", headers=headers, timeout=EXPORT_TIMEOUT_S)
        self._evaluations = Evaluations(self._log_exporter, self._resource)
        self._encode = SpanEncoder(UNIQUE).encode
        self._requests = request_encoder(self._resource, self._scope)
        self._metrics = GenAiMetrics(options.semconv, self._clock.now_ns())

    def __enter__(self) -> "Otlp":
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ended(self, call: Call | Ended) -> None:
        """Tell of an ended call; not any more once closed."""
        if self._closed:
            return
        record = call.record
        exporting = self._exporting or self._start()
        provider = self._provider_name(call.target.provider) if call.target is not None else ""
        if provider:
            self._metrics.record(record, call.operation.otel_name, provider)
        if call.trace is not None and call.trace.sampled:
            exporting.spans.put(self._encode(call_span(call, provider, self._options.semconv)))
            if len(record.attempts) > 1:
                self._told_attempts(call, exporting)

    def ended_apart(self, call: Call | Ended) -> None:
        """Tell of a call that was made beside another and has its trace: its attempts stand below the other's span."""
        if not self._closed and call.trace is not None and call.trace.sampled:
            self._told_attempts(call, self._exporting or self._start())

    def _told_attempts(self, call: Call | Ended, exporting: "_Exporting") -> None:
        for span in attempt_spans(call, self._provider_name, _new_span_id):
            exporting.spans.put(self._encode(span))

    def rated(self, feedback: Feedback, response_id: str, trace_id: str) -> None:
        """Tell of feedback; not any more once closed. `response_id`, `trace_id`: of its call, if they are known."""
        if not self._closed:
            self._evaluations.told(feedback, response_id, trace_id)

    def instrument(self, app: Any) -> None:
        """Trace the admin API, where convenience counts more than microseconds, by the ready-made instrumentation.

        Raises:
            MissingExtra: the instrumentation is not installed.
        """
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

        if self._admin is None:
            self._admin = BatchSpanProcessor(self._admin_exporter)
        ratio = ParentBasedTraceIdRatio(self._options.sample_ratio)
        provider = TracerProvider(ratio, self._resource, shutdown_on_exit=False)
        provider.add_span_processor(self._admin)
        instrument(app, provider)

    def close(self) -> None:
        """Export what is left, for CLOSE_TIMEOUT_S at most, and stop. It waits: an event loop calls it in a thread."""
        if self._closed:
            return
        self._closed = True
        exporting, self._exporting = self._exporting, None
        ends = [_in_thread(self._evaluations.close, "otlp-close-logs")]
        end_admin = self._admin_exporter.shutdown if self._admin is None else self._admin.shutdown
        ends.append(_in_thread(end_admin, "otlp-close-admin"))
        if exporting is not None:
            exporting.stop.set()
            ends += [exporting.metrics_thread, exporting.spans.end()]
        # Each end may wait for a collector that is away, longer than we want to.
        deadline = self._clock.monotonic() + CLOSE_TIMEOUT_S
        for thread in ends:
            thread.join(max(0.0, deadline - self._clock.monotonic()))
        if any(thread.is_alive() for thread in ends):
            _log.warning("not all telemetry could be exported within %.1f s", CLOSE_TIMEOUT_S)
            if exporting is not None:
                exporting.spans.give_up()  # what is left is given up, and the threads end
            self._admin_exporter.shutdown()
            self._log_exporter.shutdown()
        self._posting.shutdown()
        self._metric_exporter.shutdown()  # pyright: ignore[reportUnknownMemberType]

    def _start(self) -> "_Exporting":
        spans = SpanQueue(lambda batch: self._posting.post(self._requests.encode(batch)))
        spans.start()
        stop = threading.Event()
        thread = _in_thread(lambda: self._export_metrics(stop), "otlp-metrics")
        self._exporting = _Exporting(spans, thread, stop)
        return self._exporting

    def _export_metrics(self, stop: threading.Event) -> None:
        """Until `stop`, and once more then."""
        from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics

        ending = False
        while not ending:
            ending = stop.wait(self._options.interval_s)
            metrics = self._metrics.collect(self._clock.now_ns())
            if metrics:
                data = MetricsData([ResourceMetrics(self._resource, [ScopeMetrics(self._scope, metrics, "")], "")])
                try:
                    self._metric_exporter.export(data)  # pyright: ignore[reportUnknownMemberType]
                except Exception:  # noqa: BLE001  a border: whatever the exporter trips over, the next round tries again
                    _log.warning("metrics could not be exported", exc_info=True)


class _Exporting(msgspec.Struct, frozen=True):
    """What runs between start and close."""

    spans: SpanQueue
    metrics_thread: threading.Thread
    stop: threading.Event


def instrument(app: Any, tracer_provider: "TracerProvider | None" = None) -> None:
    """Trace a Starlette application by `opentelemetry-instrumentation-asgi`, one span for a request; not for the hot
    path. The instrumentation for Starlette itself makes five, and leaves out below what an application is mounted.

    Raises:
        MissingExtra: the instrumentation is not installed.
    """
    try:
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    except ImportError as error:
        raise MissingExtra(f"tracing the admin API needs: {installing('otlp')}") from error
    app.add_middleware(
        OpenTelemetryMiddleware,
        default_span_details=span_details,
        tracer_provider=tracer_provider,
        exclude_spans=["receive", "send"],
    )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})


def span_details(scope: Any) -> tuple[str, dict[str, str]]:
    """A request's span by the conventions for HTTP: `{method} {http.route}`, and the route; neither holds what a client
    made up. `scope`: ASGI's, in a Starlette application."""
    best, route = 0, ""
    for one in scope["app"].routes:
        match, _ = one.matches(scope)
        if match.value > best:  # of the path alone, or of the method too
            best, route = match.value, f"{scope.get('root_path', '')}{one.path}"
    method = scope["method"] if scope["method"] in _METHODS else "HTTP"
    return (f"{method} {route}", {"http.route": route}) if route else (method, {})


def _new_span_id() -> str:
    return f"{secrets.randbits(64) or 1:016x}"


def _in_thread(work: Callable[[], None], name: str) -> threading.Thread:
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread
