"""OpenTelemetry by OTLP over HTTP: spans and GenAI metrics made from finished records.

A live span object with context costs 26 µs; a finished one, built once from the record, a fraction of that, and only
for sampled calls. Batches are exported by the SDK's own threads; a collector that is away costs a bounded queue.
"""

from collections.abc import Callable
from typing import Any

from gateway import __version__
from gateway.core.call import Call
from gateway.core.money import NANO
from gateway.core.record import Record
from gateway.telemetry import names
from gateway.telemetry.options import OtlpOptions

FLUSH_TIMEOUT_MS = 5_000


class MissingExtra(Exception):
    """A heavier part that config.yaml asks for is not installed."""


class Otlp:
    """Turns ended calls into spans and metrics. `provider_name`: `gen_ai.provider.name` of a target's provider."""

    def __init__(self, options: OtlpOptions, provider_name: Callable[[str], str]) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.metrics import MeterProvider
            from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise MissingExtra(
                "telemetry.otlp is configured, but the OpenTelemetry SDK is missing: pip install 'llm-gateway[otlp]'"
            ) from error
        base, headers = options.endpoint.rstrip("/"), dict(options.headers)
        self._resource = Resource.create({"service.name": "llm-gateway", "service.version": __version__})
        self._spans = BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{base}/v1/traces", headers=headers))
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(endpoint=f"{base}/v1/metrics", headers=headers),
            export_interval_millis=options.interval_s * 1000,
        )
        self._meters = MeterProvider([reader], self._resource, shutdown_on_exit=False)
        self._rename = names.LATEST if options.semconv == "latest" else {}
        self._provider_name = provider_name
        self._build = span_builder(self._resource)
        self._instruments()

    def _instruments(self) -> None:
        meter = self._meters.get_meter("gateway", __version__)

        def histogram(name: str, unit: str, buckets: tuple[float, ...]) -> Any:
            return meter.create_histogram(
                self._rename.get(name, name), unit=unit, explicit_bucket_boundaries_advisory=buckets
            )

        self._tokens = histogram(names.METRIC_TOKENS, "{token}", names.TOKEN_BUCKETS)
        self._client_duration = histogram(names.METRIC_CLIENT_DURATION, "s", names.DURATION_BUCKETS)
        self._server_duration = histogram(names.METRIC_SERVER_DURATION, "s", names.DURATION_BUCKETS)
        self._first_token = histogram(names.METRIC_FIRST_TOKEN, "s", names.FIRST_TOKEN_BUCKETS)
        self._per_token = histogram(names.METRIC_PER_TOKEN, "s", names.PER_TOKEN_BUCKETS)

    def ended(self, call: Call) -> None:
        """Export what is to be known of an ended call."""
        record = call.record
        provider = self._provider_name(call.target.provider) if call.target is not None else ""
        if call.trace is not None and call.trace.sampled:
            attributes = span_attributes(record, call.operation.otel_name, provider)
            for old, new in self._rename.items():
                if old in attributes:
                    attributes[new] = attributes.pop(old)
            self._spans.on_end(self._build(call, attributes))
        if provider:
            self._measure(record, call.operation.otel_name, provider)

    def _measure(self, record: Record, operation: str, provider: str) -> None:
        labels = {
            names.OPERATION: operation,
            names.PROVIDER: provider,
            names.REQUEST_MODEL: record.model,
            names.RESPONSE_MODEL: record.served_model,
            names.TENANT: record.tenant,
            names.TEAM: record.team,
        }
        failed = {**labels, names.ERROR_TYPE: record.error_code} if record.error_code else labels
        duration_s = record.duration_us / 1e6
        self._client_duration.record(duration_s, failed)
        self._server_duration.record(duration_s, failed)
        usage = record.usage
        if usage is None:
            return
        self._tokens.record(usage.total_input, {**labels, names.TOKEN_TYPE: "input"})
        self._tokens.record(usage.total_output, {**labels, names.TOKEN_TYPE: "output"})
        if record.stream and record.ttfb_us is not None:
            self._first_token.record(record.ttfb_us / 1e6, labels)
            if usage.total_output > 1:
                self._per_token.record((duration_s - record.ttfb_us / 1e6) / (usage.total_output - 1), labels)

    def close(self) -> None:
        """Flush within a bound and stop. Waits; call it from a thread."""
        self._spans.force_flush(FLUSH_TIMEOUT_MS)
        self._spans.shutdown()
        self._meters.shutdown(FLUSH_TIMEOUT_MS)


def span_attributes(record: Record, operation: str, provider: str) -> dict[str, Any]:
    """The attributes of a call's span, by the conventions; never content."""
    attributes: dict[str, Any] = {
        names.OPERATION: operation,
        names.REQUEST_MODEL: record.model,
        names.REQUEST_STREAM: record.stream,
        names.STATUS_CODE: record.status,
        names.REQUEST_ID: record.id,
        names.TENANT: record.tenant,
        names.TEAM: record.team,
        names.KEY_ID: record.key_id,
        names.OUTCOME: record.outcome,
    }
    optional = {
        names.PROVIDER: provider,
        names.TARGET: record.target,
        names.RESPONSE_MODEL: record.served_model,
        names.RULE: record.rule_id,
        names.POLICY: record.policy_version,
        names.PRICE_VERSION: record.price_version,
        names.ERROR_TYPE: record.error_code,
    }
    attributes.update({name: value for name, value in optional.items() if value})
    if record.finish_reason:
        attributes[names.FINISH_REASONS] = (record.finish_reason,)
    if record.ttfb_us is not None:
        attributes[names.FIRST_CHUNK] = record.ttfb_us / 1e6
    if record.cost_nano is not None:
        attributes[names.COST] = record.cost_nano / NANO
        attributes[names.COST_NANO] = record.cost_nano
    if record.usage is not None:
        usage = record.usage
        attributes[names.INPUT_TOKENS] = usage.total_input
        attributes[names.OUTPUT_TOKENS] = usage.total_output
        attributes[names.CACHE_READ] = usage.cached_input_tokens
        attributes[names.CACHE_WRITE] = usage.cache_write_tokens
        attributes[names.REASONING] = usage.reasoning_tokens
        attributes[names.AUTHORITATIVE] = True
    return attributes


def span_builder(resource: Any) -> Callable[[Call, dict[str, Any]], Any]:
    """Makes finished spans. One SERVER span a call: its upstream attempt is the same interval but for microseconds,
    and the upstream's own span hangs below it by the `traceparent` it is sent."""
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
    from opentelemetry.trace.status import Status, StatusCode

    scope = InstrumentationScope("gateway", __version__)
    sampled, unset = TraceFlags(TraceFlags.SAMPLED), Status(StatusCode.UNSET)

    def build(call: Call, attributes: dict[str, Any]) -> Any:
        trace, record = call.trace, call.record
        assert trace is not None, "only traced calls have spans"
        trace_id = int(trace.trace_id, 16)
        parent = SpanContext(trace_id, int(trace.parent_id, 16), True, sampled) if trace.parent_id else None
        failed = record.outcome == "failed"
        return ReadableSpan(
            name=f"{call.operation.otel_name} {record.model}",
            context=SpanContext(trace_id, int(trace.span_id, 16), False, sampled),
            parent=parent,
            resource=resource,
            attributes=attributes,
            kind=SpanKind.SERVER,
            status=Status(StatusCode.ERROR, record.error_code) if failed else unset,
            start_time=record.started_ns,
            end_time=record.started_ns + record.duration_us * 1000,
            instrumentation_scope=scope,
        )

    return build


def instrument(app: Any) -> None:
    """Trace the admin API, where convenience counts more than microseconds, by the ready-made instrumentation."""
    try:
        from opentelemetry.instrumentation.starlette import StarletteInstrumentor
    except ImportError as error:
        raise MissingExtra("tracing the admin API needs: pip install 'llm-gateway[otlp]'") from error
    StarletteInstrumentor.instrument_app(app)
