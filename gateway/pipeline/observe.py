"""Trace context in, and one report of every call on its way out: metrics, span, log line."""

from collections.abc import Awaitable

from gateway.core.call import Call, Layer, Reply, Service
from gateway.pipeline.parts import Parts


def observe(parts: Parts) -> Layer:
    start_trace, ended = parts.start_trace, parts.ended

    def layer(service: Service) -> Service:
        def observed(call: Call) -> Awaitable[Reply]:
            headers = call.headers
            call.trace = trace = start_trace(headers.get(b"traceparent"), headers.get(b"tracestate"))
            call.record.trace_id = trace.trace_id
            call.on_end(ended)
            return service(call)

        return observed

    return layer
