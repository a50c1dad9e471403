"""Feedback as the conventions' event `gen_ai.evaluation.result`, a log record by OTLP. Never what people wrote.

The event belongs to the trace of its call; below which span, nobody remembers any more, so it names the answer by
`gen_ai.response.id`, as the conventions say for that case. Nothing is started before the first one.
"""

from typing import TYPE_CHECKING

from gateway import __version__
from gateway.core.feedback import Feedback
from gateway.telemetry import names

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
    from opentelemetry.sdk.resources import Resource

QUEUE, BATCH = 2048, 128


class Evaluations:
    """`told` belongs to the event loop and never waits: what has no room in the queue is dropped."""

    def __init__(self, exporter: "LogRecordExporter", resource: "Resource") -> None:
        self._exporter = exporter
        self._resource = resource
        self._processor: BatchLogRecordProcessor | None = None

    def told(self, feedback: Feedback, response_id: str, trace_id: str) -> None:
        """`response_id`, `trace_id`: of its call; empty where they are not known."""
        from opentelemetry._logs import LogRecord, SeverityNumber
        from opentelemetry.sdk._logs import ReadWriteLogRecord
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

        if self._processor is None:
            self._processor = BatchLogRecordProcessor(self._exporter, max_queue_size=QUEUE, max_export_batch_size=BATCH)
        span = SpanContext(int(trace_id or "0", 16), 0, True, TraceFlags(TraceFlags.DEFAULT))
        record = LogRecord(
            timestamp=feedback.at_ns,
            observed_timestamp=feedback.at_ns,
            context=set_span_in_context(NonRecordingSpan(span)),
            severity_number=SeverityNumber.INFO,
            attributes=event_attributes(feedback, response_id),
            event_name=names.EVALUATION_EVENT,
        )
        scope = InstrumentationScope("gateway", __version__)
        self._processor.on_emit(ReadWriteLogRecord(record, self._resource, scope))

    def close(self) -> None:
        """Export what is left. It waits."""
        if self._processor is None:
            self._exporter.shutdown()
        else:
            self._processor.shutdown()


def event_attributes(feedback: Feedback, response_id: str) -> dict[str, str | float]:
    """The attributes of the event, by the conventions, and whose call it was."""
    attributes: dict[str, str | float] = {
        names.EVALUATION: feedback.metric,
        names.REQUEST_ID: feedback.call,
        names.TENANT: feedback.tenant,
        names.TEAM: feedback.team,
    }
    if feedback.score is not None:
        attributes[names.SCORE] = feedback.score
    if feedback.label:
        attributes[names.SCORE_LABEL] = feedback.label
    if response_id:
        attributes[names.RESPONSE_ID] = response_id
    return attributes
