"""W3C Trace Context (https://www.w3.org/TR/trace-context-2/) by hand: parse, continue or start, decide sampling."""

import os
import re
from collections.abc import Callable

from gateway.core.call import TraceContext

_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE, _NO_SPAN = b"0" * 32, b"0" * 16
MAX_STATE_BYTES = 512


def parse(header: bytes) -> tuple[str, str, bool] | None:
    """(trace id, parent's span id, sampled) of a `traceparent`; None if it is not one.

    Version ff is invalid; version 00 has exactly four parts; later versions may have more, which are ignored.
    """
    found = _TRACEPARENT.fullmatch(header)
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more is not None) or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return trace_id.decode(), span_id.decode(), bool(int(flags, 16) & 1)


class Tracer:
    """Starts the trace context of a call.

    `ratio` applies to traces that start here, by the low 63 bits of the trace id as TraceIdRatioBased does, so that
    every service that samples at the same ratio keeps the same traces.
    """

    def __init__(self, ratio: float, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._bound = round(ratio * (1 << 63))
        self._random = random_bytes

    def start(self, traceparent: bytes | None, tracestate: bytes | None) -> TraceContext:
        parsed = parse(traceparent) if traceparent else None
        noise = self._random(24).hex()
        if parsed is None:
            trace_id, span_id = noise[:32], noise[32:]
            return TraceContext(trace_id, span_id, "", self.samples(trace_id), "")
        trace_id, parent_id, sampled = parsed
        state = tracestate.decode("latin-1") if tracestate and len(tracestate) <= MAX_STATE_BYTES else ""
        return TraceContext(trace_id, noise[32:], parent_id, sampled, state)

    def samples(self, trace_id: str) -> bool:
        return int(trace_id[16:], 16) & ((1 << 63) - 1) < self._bound
