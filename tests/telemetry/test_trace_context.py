"""W3C Trace Context: the specification's examples, and properties of what is made of any header."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from gateway.core.call import TraceContext
from gateway.telemetry.trace import (
    MAX_STATE,
    Tracer,
    format_traceparent,
    parse_traceparent,
    parse_tracestate,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEX = "0123456789abcdef"
trace_ids = st.text(HEX, min_size=32, max_size=32).filter(lambda text: text.strip("0"))
span_ids = st.text(HEX, min_size=16, max_size=16).filter(lambda text: text.strip("0"))


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-09", True),  # other flags are not looked at
        (f"00-{TRACE}-{SPAN}-02", False),
        (f"cc-{TRACE}-{SPAN}-01", True),  # a later version
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", True),
        (f"cc-{TRACE}-{SPAN}-01-", True),
    ],
)
def test_valid_headers(header: str, sampled: bool) -> None:
    assert parse_traceparent(header.encode()) == (TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",  # the forbidden version
        f"00-{TRACE}-{SPAN}-01-",  # version 00 has four parts
        f"00-{TRACE}-{SPAN}-01-extra",
        f"cc-{TRACE}-{SPAN}-01.what",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f"00-{TRACE}-{SPAN[:-1]}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-0g",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01",
        f"00.{TRACE}.{SPAN}.01",
    ],
)
def test_invalid_headers_restart_the_trace(header: str) -> None:
    assert parse_traceparent(header.encode()) is None
    started = Tracer(0.0).start(header.encode(), b"congo=t61rcWkgMzE")
    assert started.trace_id != TRACE
    assert (started.parent_id, started.state) == ("", ""), "a new trace keeps nothing of the old"


@given(st.binary(max_size=120))
def test_any_bytes_give_a_context_that_can_be_sent_on(header: bytes) -> None:
    started = Tracer(0.5).start(header, header)
    sent = format_traceparent(started)
    assert parse_traceparent(sent.encode()) == (started.trace_id, started.span_id, started.sampled)


@given(trace_ids, span_ids, st.booleans())
def test_a_call_is_a_child_of_the_callers_span(trace_id: str, span_id: str, sampled: bool) -> None:
    header = format_traceparent(TraceContext(trace_id, span_id, sampled=sampled)).encode()
    child = Tracer(0.5).start(header, None)
    assert (child.trace_id, child.parent_id, child.sampled) == (trace_id, span_id, sampled)
    assert re.fullmatch(r"[0-9a-f]{16}", child.span_id)
    assert child.span_id != span_id


@given(trace_ids, st.floats(0, 1))
def test_new_traces_are_sampled_as_the_sdk_would(trace_id: str, ratio: float) -> None:
    sdk = TraceIdRatioBased(ratio).should_sample(None, int(trace_id, 16), "chat")
    assert Tracer(ratio).samples(trace_id) == (sdk.decision is Decision.RECORD_AND_SAMPLE)


def test_ids_are_never_all_zero() -> None:
    cast = iter([bytes(24), bytes(16) + b"12345678", b"1234567890abcdef" + bytes(8), b"x" * 24])
    started = Tracer(1.0, lambda _: next(cast)).start(None, None)
    assert started.trace_id == b"x".hex() * 16
    assert started.span_id == b"x".hex() * 8


@pytest.mark.parametrize(
    ("header", "sent_on"),
    [
        ("congo=t61rcWkgMzE", "congo=t61rcWkgMzE"),
        ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        ("rojo=1 ,\t congo=2 , ", "rojo=1,congo=2"),  # optional white space and empty members
        ("tenant@system=1,0a_-*/=x", "tenant@system=1,0a_-*/=x"),
        ("a= leading space stays", "a= leading space stays"),
        ("", ""),
        (",,,", ""),
        ("Congo=1", ""),  # keys are in lower case
        ("congo", ""),
        ("congo=", ""),
        ("congo=a=b", ""),
        ("congo=\x7f", ""),
        ("congo=\u00e9", ""),
        ("a=1,a=2", ""),  # one member a key
        (f"{'k' * 257}=1", ""),
        (",".join(f"k{number}=1" for number in range(33)), ""),
    ],
)
def test_tracestate(header: str, sent_on: str) -> None:
    assert parse_tracestate(header.encode("latin-1")) == sent_on


def test_a_bad_tracestate_does_not_harm_the_traceparent() -> None:
    started = Tracer(0.0).start(f"00-{TRACE}-{SPAN}-01".encode(), b"not a list")
    assert (started.trace_id, started.parent_id, started.state) == (TRACE, SPAN, "")


def test_of_a_long_tracestate_long_members_go_first_then_the_last() -> None:
    long, short = f"long={'x' * 200}", [f"k{number}={'y' * 60}" for number in range(10)]
    sent_on = parse_tracestate(",".join([short[0], long, *short[1:]]).encode())
    assert sent_on == ",".join(short[:8])


@given(
    st.lists(st.tuples(st.text("abc019_", min_size=1, max_size=8), st.text("xyz=, \u00e9", max_size=300)), max_size=40)
)
def test_what_is_sent_on_is_bounded_and_again_valid(members: list[tuple[str, str]]) -> None:
    sent_on = parse_tracestate(",".join(f"{key}={value}" for key, value in members).encode("latin-1"))
    assert len(sent_on) <= MAX_STATE
    assert parse_tracestate(sent_on.encode()) == sent_on
