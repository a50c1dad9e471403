"""W3C Trace Context (https://www.w3.org/TR/trace-context-2/) by hand: read, continue or start, decide, write."""

import re
from collections.abc import Callable

from gateway.core.call import TraceContext
from gateway.core.clock import Noise

_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16

MAX_MEMBERS = 32
MAX_STATE = 512  # what the specification wants carried on at least
LONG_MEMBER = 128  # longer ones go first when the whole is too long
_MEMBER = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")


def parse_traceparent(header: bytes) -> tuple[str, str, bool] | None:
    """(trace id, the caller's span id, sampled); None if the trace must be restarted.

    Version `ff` is invalid; `00` has exactly four parts; later versions may have more, which nobody may look at.
    """
    found = _TRACEPARENT.fullmatch(header)
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more is not None):
        return None
    trace, span = trace_id.decode(), span_id.decode()
    if trace == _NO_TRACE or span == _NO_SPAN:
        return None
    return trace, span, bool(int(flags, 16) & 1)


def parse_tracestate(header: bytes) -> str:
    """The list as it is sent on, without optional white space and empty members; empty if it does not follow the
    grammar (a bad list is dropped whole). Over MAX_STATE characters, whole members go: the long ones, then the last.
    """
    if len(header) > 32 * MAX_STATE:
        return ""
    members = [text for member in header.decode("latin-1").split(",") if (text := member.strip(" \t"))]
    if len(members) > MAX_MEMBERS or not all(map(_MEMBER.fullmatch, members)):
        return ""
    if len({member.partition("=")[0] for member in members}) != len(members):
        return ""
    state = ",".join(members)
    if len(state) > MAX_STATE:
        members = [member for member in members if len(member) <= LONG_MEMBER]
        while len(state := ",".join(members)) > MAX_STATE:
            members.pop()
    return state


def format_traceparent(trace: TraceContext) -> str:
    """The header for the upstream: our span is its parent. Always version 00, whatever came in."""
    return f"00-{trace.trace_id}-{trace.span_id}-{'01' if trace.sampled else '00'}"


class Tracer:
    """Starts the trace context of a call: a child of the caller's, or a trace of its own.

    `ratio` applies to traces that start here. Like the SDK's TraceIdRatioBased it looks at the low 64 bits of the trace
    id, so that every service which samples at the same ratio keeps the same traces.
    """

    def __init__(self, ratio: float, random_bytes: Callable[[int], bytes] | None = None) -> None:
        self._bound = round(ratio * (1 << 64))
        self._random = random_bytes or Noise().__call__  # a method is called in half the time that an object takes

    def start(self, traceparent: bytes | None, tracestate: bytes | None) -> TraceContext:
        parsed = parse_traceparent(traceparent) if traceparent else None
        if parsed is None:
            ids = self._digits(24)
            trace_id = ids[:32]
            return TraceContext(trace_id, ids[32:], "", int(trace_id[16:], 16) < self._bound, "")
        trace_id, parent_id, sampled = parsed
        return TraceContext(
            trace_id, self._digits(8), parent_id, sampled, parse_tracestate(tracestate) if tracestate else ""
        )

    def samples(self, trace_id: str) -> bool:
        return int(trace_id[16:], 16) < self._bound

    def _digits(self, length: int) -> str:
        """Random bytes in hexadecimal: an id of a span, and before it one of a trace if there is room. Zeros alone mean
        that there is none, so the dice are cast again."""
        digits = self._random(length).hex()
        while digits.endswith(_NO_SPAN) or digits.startswith(_NO_TRACE):
            digits = self._random(length).hex()
        return digits
