"""Trace context in, and one report of every call on its way out: metrics, span, log line."""

from gateway.core.call import Call, Layer, Reply, Service
from gateway.pipeline.parts import Parts


def observe(parts: Parts) -> Layer:
    start_trace, ended = parts.start_trace, parts.ended

    def layer(service: Service) -> Service:
        async def observed(call: Call) -> Reply:
            headers = call.headers
            call.trace = start_trace(headers.get(b"traceparent"), headers.get(b"tracestate"))
            call.record.trace_id = call.trace.trace_id
            call.on_end(lambda: ended(call))
            return await service(call)

        return observed

    return layer
