"""Spans encoded by hand are those that the SDK encodes, whatever stands in the record."""

import typing
from collections.abc import Callable
from typing import Any, Optional

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.trace.status import Status, StatusCode

from gateway.core.attempt import Attempt, Charge, Terms
from gateway.core.call import Call, TraceContext
from gateway.core.record import Record
from gateway.core.usage import UnixNs, Usage, Whole
from gateway.telemetry import otlp_encoding
from gateway.telemetry.otlp_encoding import Span, SpanEncoder, varint
from gateway.telemetry.span_posting import request_encoder
from gateway.telemetry.spans import UNIQUE, Semconv, attempt_spans, call_span
from tests.telemetry.conftest import make_call

RecordMaker = Callable[..., Record]
RESOURCE = Resource(
    {"service.name": "door", "list": ("a", "b"), "ratio": 0.5}, "https://opentelemetry.io/schemas/1.41.0"
)
SCOPE = InstrumentationScope("gateway", "1.2.3")
REQUESTS = request_encoder(RESOURCE, SCOPE)
TRACE, SPAN, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"


def by_the_sdk(spans: list[Span]) -> ExportTraceServiceRequest:
    return encode_spans([readable(span) for span in spans])


def readable(span: Span) -> ReadableSpan:
    trace_id, sampled = int(span.trace_id, 16), TraceFlags(TraceFlags.SAMPLED)
    state = TraceState.from_header([span.state]) if span.state else None
    parent = SpanContext(trace_id, int(span.parent_id or "0", 16), span.remote, sampled)
    return ReadableSpan(
        name=span.name,
        context=SpanContext(trace_id, int(span.span_id, 16), False, sampled, state),
        parent=parent if span.parent_id else None,
        resource=RESOURCE,
        attributes=span.attributes,
        kind=SpanKind.SERVER if span.kind == "server" else SpanKind.CLIENT,
        status=Status(StatusCode.UNSET) if span.error is None else Status(StatusCode.ERROR, span.error),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=SCOPE,
    )


def by_hand(spans: list[Span], encoder: SpanEncoder | None = None) -> ExportTraceServiceRequest:
    encoder = encoder or SpanEncoder(UNIQUE)
    return ExportTraceServiceRequest.FromString(REQUESTS.encode([encoder.encode(span) for span in spans]))


TEXT, COUNT = st.text(max_size=150), st.integers(0, 300) | st.integers(0, 10**15)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    bool: st.booleans(),
    Whole: COUNT,
    Optional[Whole]: st.none() | COUNT,  # noqa: UP045  as `get_type_hints` has it
    UnixNs: st.integers(0, 2**62),
}


def any_struct(kind: Any, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any struct of `kind`, of whose fields those that are no plain texts, counts and choices are in `fields`."""
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        if name not in fields:
            fields[name] = BY_TYPE[hint] if hint in BY_TYPE else st.sampled_from(typing.get_args(hint))
    return st.builds(kind, **fields)


usages = st.none() | any_struct(Usage)
charges = st.builds(Charge, meter=TEXT, quantity=COUNT, nano=COUNT)
attempts = any_struct(Attempt, usage=usages, terms=st.just(Terms()), charges=st.lists(charges, max_size=2))
records = any_struct(Record, usage=usages, attempts=st.lists(attempts, max_size=2))
ids = st.integers(1, 2**64 - 1).map(lambda number: f"{number:016x}")
traces = st.builds(
    TraceContext,
    trace_id=st.integers(1, 2**128 - 1).map(lambda number: f"{number:032x}"),
    span_id=ids,
    parent_id=st.just("") | ids,
    sampled=st.just(True),
    state=st.sampled_from(("", "congo=1", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")),
)


def spans_of(record: Record, trace: TraceContext, provider: str, semconv: Semconv) -> list[Span]:
    call: Call = make_call(msgspec.structs.replace(record, target=""), trace)
    call.record.target = record.target
    return [call_span(call, provider, semconv), *attempt_spans(call, lambda name: name or "-", lambda: PARENT)]


@given(records, traces, TEXT, st.sampled_from(("legacy", "latest")))
def test_any_records_spans_are_what_the_sdk_would_send(
    record: Record, trace: TraceContext, provider: str, semconv: Semconv
) -> None:
    spans = spans_of(record, trace, provider, semconv)
    assert by_hand(spans) == by_the_sdk(spans)


@given(st.lists(st.tuples(records, traces), min_size=1, max_size=5))
def test_what_is_remembered_of_other_spans_changes_none(several: list[tuple[Record, TraceContext]]) -> None:
    encoder = SpanEncoder(UNIQUE)
    spans = [span for record, trace in several for span in spans_of(record, trace, "openai", "legacy")]
    assert by_hand(spans, encoder) == by_hand(spans, encoder) == by_the_sdk(spans)


def test_a_usual_calls_span_is_the_same_to_the_byte(record: RecordMaker) -> None:
    spans = spans_of(record(queued_us=1500), TraceContext(TRACE, SPAN, PARENT, sampled=True), "openai", "legacy")
    encoded = REQUESTS.encode([SpanEncoder(UNIQUE).encode(span) for span in spans])
    assert encoded == by_the_sdk(spans).SerializeToString()


def a_span(attributes: dict[str, Any]) -> Span:
    return Span(
        name="chat", kind="server", trace_id=TRACE, span_id=SPAN, start_ns=1, end_ns=2, attributes=attributes
    )  # fmt: skip


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=9),
        st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | TEXT | st.lists(TEXT, max_size=3).map(tuple),
    )
)
def test_any_attribute_is_what_the_sdk_would_send(attributes: dict[str, Any]) -> None:
    span = a_span(attributes)
    assert by_hand([span]).SerializeToString(deterministic=True) == by_the_sdk([span]).SerializeToString()


def test_equal_values_of_different_types_are_different_attributes() -> None:
    encoder = SpanEncoder(())
    sent = [by_hand([a_span({"x": value})], encoder) for value in (True, 1, 1.0, "1", ("1",))]
    kinds = [one.resource_spans[0].scope_spans[0].spans[0].attributes[0].value.WhichOneof("value") for one in sent]
    assert kinds == ["bool_value", "int_value", "double_value", "string_value", "array_value"]


def test_what_otlp_cannot_hold_does_not_harm_the_rest() -> None:
    span = a_span({"big": 2**63, "half": "\ud800", "good": 1})
    [found] = by_hand([span]).resource_spans[0].scope_spans[0].spans
    assert [pair.key for pair in found.attributes] == ["half", "good"]
    assert found.attributes[0].value.string_value == "?"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_encoding, "MAX_REMEMBERED", 3)
    encoder = SpanEncoder(("id",))
    for number in range(20):
        text = f"model-{number}"
        span = a_span({"model": text, "long": text * 50, "id": text, "length": "x" * number, "number": number})
        assert by_hand([span], encoder) == by_the_sdk([span])
        remembered, heads = encoder._remembered, encoder._heads
        assert len(remembered) <= 3
        assert len(heads) <= 3
        assert {name for name, _ in remembered} <= {"model", "length"}


@pytest.mark.parametrize(
    ("number", "encoded"),
    [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**64 - 1, "ffffffffffffffffff01")],
)
def test_numbers_are_written_seven_bits_a_byte(number: int, encoded: str) -> None:
    assert varint(number).hex() == encoded
