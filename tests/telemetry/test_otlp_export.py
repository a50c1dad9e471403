"""Spans and metrics as an OTLP/HTTP receiver sees them, and as nobody sees them when the receiver is away."""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from gateway.core.attempt import MIRRORS, Attempt
from gateway.core.call import Call, TraceContext
from gateway.core.feedback import Feedback
from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.telemetry import genai as genai_module
from gateway.telemetry import names
from gateway.telemetry import otlp as otlp_module
from gateway.telemetry.genai import Distribution, GenAiMetrics
from gateway.telemetry.options import OtlpOptions
from gateway.telemetry.otlp import MissingExtra, Otlp

RecordMaker = Callable[..., Record]
CallMaker = Callable[..., Call]
TRACE, SPAN, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
SAMPLED = TraceContext(TRACE, SPAN, PARENT, sampled=True)


def plain(attributes: Any) -> dict[str, Any]:
    """OTLP's key-value list as a dict."""
    found: dict[str, Any] = {}
    for pair in attributes:
        kind = pair.value.WhichOneof("value")
        value = getattr(pair.value, kind)
        found[pair.key] = [one.string_value for one in value.values] if kind == "array_value" else value
    return found


class Receiver:
    """An OTLP/HTTP collector: `spans`, `events` and `metrics` (name → data), and every request's headers."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.metrics: dict[str, Any] = {}
        self.events: list[Any] = []
        self.resources: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.take(self.path, self.rfile.read(int(self.headers["content-length"])))
                receiver.headers.append({name.lower(): value for name, value in self.headers.items()})
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resources.append(plain(part.resource.attributes))
                self.spans += [span for scope in part.scope_spans for span in scope.spans]
        elif path == "/v1/metrics":
            for part in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.resources.append(plain(part.resource.attributes))
                self.metrics |= {metric.name: metric for scope in part.scope_metrics for metric in scope.metrics}
        elif path == "/v1/logs":
            for part in ExportLogsServiceRequest.FromString(body).resource_logs:
                self.resources.append(plain(part.resource.attributes))
                self.events += [one for scope in part.scope_logs for one in scope.log_records]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def exporting(receiver: Receiver, **options: Any) -> Otlp:
    return Otlp(OtlpOptions(endpoint=receiver.url + "/", **options), {"openai": "openai", "az": "azure.ai.openai"}.get)


def test_what_was_made_beside_a_call_stands_below_its_span(
    receiver: Receiver, record: RecordMaker, call: CallMaker
) -> None:
    made = Attempt(role="mirror", provider="az", target="az/gpt-4o", outcome="completed", status=200, account=MIRRORS)
    with exporting(receiver) as otlp:
        otlp.ended_apart(call(record(attempts=(made,)), SAMPLED))
        otlp.ended_apart(call(record(attempts=(made,)), TraceContext(TRACE, SPAN, sampled=False)))
    otlp.ended_apart(call(record(attempts=(made,)), SAMPLED))

    [span] = receiver.spans
    assert (span.name, span.trace_id.hex(), span.parent_span_id.hex()) == ("mirror az/gpt-4o", TRACE, SPAN)
    found = plain(span.attributes)
    assert (found[names.PROVIDER], found[names.ROLE], found[names.ACCOUNT]) == ("azure.ai.openai", "mirror", MIRRORS)
    assert receiver.metrics == {}


def test_a_sampled_call_arrives_as_a_span_and_every_call_in_the_metrics(
    receiver: Receiver, record: RecordMaker, call: CallMaker
) -> None:
    with exporting(receiver, headers={"authorization": "Bearer collector"}) as otlp:
        otlp.ended(call(record(), SAMPLED))
        otlp.ended(call(record(), TraceContext(TRACE, SPAN, sampled=False)))

    [span] = receiver.spans
    assert span.name == "chat smart"
    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN, PARENT)
    found = plain(span.attributes)
    assert found["gen_ai.provider.name"] == "openai"
    assert found["gen_ai.usage.input_tokens"] == 100
    assert found["gen_ai.response.finish_reasons"] == ["stop"]
    assert found["gateway.tenant"] == "acme"

    assert set(receiver.metrics) == {
        "gen_ai.client.token.usage",
        "gen_ai.client.operation.duration",
        "gen_ai.server.request.duration",
        "gen_ai.server.time_to_first_token",
        "gen_ai.server.time_per_output_token",
    }
    [duration] = receiver.metrics["gen_ai.server.request.duration"].histogram.data_points
    assert (duration.count, duration.sum) == (2, pytest.approx(2.5))
    assert tuple(duration.explicit_bounds) == names.DURATION_BOUNDS
    assert plain(duration.attributes)["gen_ai.response.model"] == "gpt-4o-2024-08-06"
    tokens = receiver.metrics["gen_ai.client.token.usage"]
    assert tokens.unit == "{token}"
    assert {plain(one.attributes)["gen_ai.token.type"]: one.sum for one in tokens.histogram.data_points} == {
        "input": 200,
        "output": 22,
    }
    assert all(headers["authorization"] == "Bearer collector" for headers in receiver.headers)


def test_the_latest_conventions_count_tokens_by_kind_and_modality(
    receiver: Receiver, record: RecordMaker, call: CallMaker
) -> None:
    usage = Usage(input_tokens=5, cached_input_tokens=3, input_audio_tokens=2, output_tokens=4, reasoning_tokens=1)
    with exporting(receiver, semconv="latest") as otlp:
        otlp.ended(call(record(usage=usage)))

    def used(name: str) -> dict[str, int]:
        points = receiver.metrics[name].sum.data_points
        return {plain(one.attributes)["gen_ai.token.modality"]: one.as_int for one in points}

    assert used("gen_ai.client.inference.usage.input_tokens") == {"text": 8, "audio": 2}
    assert used("gen_ai.client.inference.usage.output_tokens") == {"text": 5}
    assert used("gen_ai.client.inference.usage.cache_read.input_tokens") == {"text": 3}
    assert used("gen_ai.client.inference.usage.reasoning.output_tokens") == {"text": 1}
    assert "gen_ai.client.inference.usage.cache_write.input_tokens" not in receiver.metrics
    assert receiver.metrics["gen_ai.client.inference.operation.input_tokens"].histogram.data_points[0].sum == 10
    assert "gen_ai.client.inference.duration" in receiver.metrics
    assert not {"gen_ai.client.token.usage", "gen_ai.client.operation.duration"} & set(receiver.metrics)


def test_two_workers_are_two_instances_of_one_service(receiver: Receiver, record: RecordMaker, call: CallMaker) -> None:
    """Else the cumulative sums of one would overwrite the other's."""
    for _ in range(2):
        with exporting(receiver, service_name="door") as otlp:
            otlp.ended(call(record(), SAMPLED))
    assert {resource["service.name"] for resource in receiver.resources} == {"door"}
    assert len({resource["service.instance.id"] for resource in receiver.resources}) == 2


def test_a_refused_call_is_no_operation_of_a_provider(receiver: Receiver, record: RecordMaker, call: CallMaker) -> None:
    with exporting(receiver) as otlp:
        otlp.ended(call(record(outcome="refused", status=403, error_code="model_not_allowed", target=""), SAMPLED))
    assert [plain(span.attributes)["error.type"] for span in receiver.spans] == ["model_not_allowed"]
    assert receiver.metrics == {}


def test_time_in_our_queue_is_the_servers_and_not_the_clients(
    receiver: Receiver, record: RecordMaker, call: CallMaker
) -> None:
    with exporting(receiver) as otlp:
        otlp.ended(call(record(queued_us=250_000)))
    assert receiver.metrics["gen_ai.server.request.duration"].histogram.data_points[0].sum == pytest.approx(1.25)
    assert receiver.metrics["gen_ai.client.operation.duration"].histogram.data_points[0].sum == pytest.approx(1.0)


def feedback(**fields: Any) -> Feedback:
    known = {"id": "018bcfe5-687b-7000-8000-00000000000a", "call": "018bcfe5-687b-7000-8000-000000000001"}
    who = {"at_ns": 1_700_000_000_000_000_000, "tenant": "acme", "team": "team-a", "metric": "stars", "kind": "score"}
    return Feedback(**{**known, **who, **fields})


def test_feedback_arrives_as_the_conventions_event_in_its_calls_trace_and_without_what_people_wrote(
    receiver: Receiver,
) -> None:
    texts = {"comment": "secret", "correction": "secret", "user": "secret", "labels": "secret"}
    with exporting(receiver) as otlp:
        otlp.rated(feedback(score=4.0, **texts), "chatcmpl-1", TRACE)
        otlp.rated(feedback(metric="feedback", kind="thumbs", score=0.0, label="down"), "", "")
        otlp.rated(feedback(metric="fault", kind="label", label="slow"), "", "")
    otlp.rated(feedback(score=1.0), "", "")
    first, second, third = receiver.events
    assert {one.event_name for one in receiver.events} == {"gen_ai.evaluation.result"}
    assert (first.trace_id.hex(), first.span_id, first.time_unix_nano) == (TRACE, b"", 1_700_000_000_000_000_000)
    whose = {"gateway.request.id": feedback().call, "gateway.tenant": "acme", "gateway.team": "team-a"}
    score, label = "gen_ai.evaluation.score.value", "gen_ai.evaluation.score.label"
    assert plain(first.attributes) == {
        "gen_ai.evaluation.name": "stars", score: 4.0, "gen_ai.response.id": "chatcmpl-1", **whose
    }  # fmt: skip
    assert plain(second.attributes) == {"gen_ai.evaluation.name": "feedback", score: 0.0, label: "down", **whose}
    assert plain(third.attributes) == {"gen_ai.evaluation.name": "fault", label: "slow", **whose}
    assert second.trace_id == b""
    assert "secret" not in repr(receiver.events)
    assert receiver.resources[0]["service.name"] == "llm-gateway"


@pytest.mark.parametrize(
    ("method", "path", "name", "route"),
    [
        ("GET", "/admin/keys/key_1", "GET /admin/keys/{id}", "/admin/keys/{id}"),
        ("DELETE", "/admin/keys/key_1", "DELETE /admin/keys/{id}", "/admin/keys/{id}"),
        ("BREW", "/admin/keys/key_1", "HTTP /admin/keys/{id}", "/admin/keys/{id}"),
        ("GET", "/admin/made/up", "GET", None),
    ],
)
def test_a_request_of_the_admin_api_is_one_span_named_by_the_conventions(
    receiver: Receiver, method: str, path: str, name: str, route: str | None
) -> None:
    admin = Starlette(routes=[Route("/keys/{id}", lambda request: PlainTextResponse("ok"))])
    with exporting(receiver) as otlp:
        otlp.instrument(admin)
        with TestClient(Starlette(routes=[Mount("/admin", app=admin)])) as client:
            client.request(method, path, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    (span,) = receiver.spans
    assert (span.name, plain(span.attributes).get("http.route")) == (name, route)
    assert span.trace_id.hex() == TRACE


def test_nothing_is_started_by_constructing_and_nothing_after_closing(record: RecordMaker, call: CallMaker) -> None:
    before = set(threading.enumerate())
    otlp = Otlp(OtlpOptions(endpoint="http://127.0.0.1:9"), lambda name: name)
    assert set(threading.enumerate()) <= before
    otlp.close()
    otlp.close()
    otlp.ended(call(record(), SAMPLED))
    otlp.rated(feedback(score=1.0), "", "")
    assert set(threading.enumerate()) <= before


def test_a_collector_that_accepts_and_says_nothing_slows_no_call(
    record: RecordMaker, call: CallMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp_module, "CLOSE_TIMEOUT_S", 0.2)
    monkeypatch.setattr(otlp_module, "EXPORT_TIMEOUT_S", 3.0)
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        otlp = Otlp(OtlpOptions(endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}", interval_s=0.05), lambda x: x)
        ended = call(record(), SAMPLED)
        with otlp:
            slowest = 0.0
            for _ in range(3_000):
                began = time.perf_counter()
                otlp.ended(ended)
                slowest = max(slowest, time.perf_counter() - began)
            closing = time.monotonic()
        assert time.monotonic() - closing < 2.5, "closing does not wait for it either"
    for thread in set(threading.enumerate()) - before:
        thread.join(15)
    assert set(threading.enumerate()) <= before, "what could not be exported is given up, and nothing stays behind"
    assert slowest < 2.5, "no call waited for the collector, which never answered"


@pytest.mark.parametrize(
    "missing", ["opentelemetry.sdk.resources", "opentelemetry.exporter.otlp.proto.http.trace_exporter"]
)
def test_what_is_not_installed_is_missed_at_start_and_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtra, match=r"pip install -e '\.\[otlp\]'"):
        Otlp(OtlpOptions(endpoint="http://127.0.0.1:4318"), lambda name: name)


@given(st.lists(st.floats(0, 200, allow_nan=False), min_size=1, max_size=50))
def test_adding_up_by_hand_gives_what_the_sdk_would(values: list[float]) -> None:
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    histogram = meters.get_meter("test").create_histogram(
        "h", explicit_bucket_boundaries_advisory=names.DURATION_BOUNDS
    )
    ours = Distribution(names.DURATION_BOUNDS)
    for value in values:
        histogram.record(value)
    ours.add(values[: len(values) // 2])
    ours.add(values[len(values) // 2 :])
    data = reader.get_metrics_data()
    assert data is not None
    theirs: Any = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points[0]
    meters.shutdown()
    assert ours.counts == list(theirs.bucket_counts)
    assert ours.total == pytest.approx(theirs.sum)
    assert (ours.minimum, ours.maximum) == (theirs.min, theirs.max)


def test_calls_that_wait_are_in_what_is_collected_and_none_twice(record: RecordMaker) -> None:
    metrics = GenAiMetrics("latest", started_ns=1)
    for number in range(1, 151):  # two lots that were added up by then, and a rest; looked at in between as well
        metrics.record(record(duration_us=number * 1_000_000, queued_us=500_000), "chat", "openai")
        if number % 50 == 0:
            found = {one.name: one.data.data_points for one in metrics.collect(2)}
            server: Any = found[names.SERVER_DURATION][0]
            client: Any = found[names.CLIENT_DURATION][0]
            output: Any = found[names.OUTPUT_PER_CALL][0]
            first: Any = found[names.FIRST_TOKEN][0]
            used: Any = found[names.REASONING_USED][0]
            assert [point.count for point in (server, client, output, first)] == [number] * 4
            assert server.sum == number * (number + 1) / 2
            assert client.sum == server.sum - number / 2
            assert (server.min, server.max, output.sum, used.value) == (1.0, number, 11 * number, number)


def test_models_that_an_upstream_makes_up_are_bounded(record: RecordMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(genai_module, "MAX_SERIES", 3)
    metrics = GenAiMetrics("legacy", started_ns=1)
    for number in range(20):
        metrics.record(record(served_model=f"made-up-{number}"), "chat", "openai")
    [duration] = [one for one in metrics.collect(2) if one.name == names.SERVER_DURATION]
    points: Any = duration.data.data_points
    assert [point.attributes[names.RESPONSE_MODEL] for point in points] == [
        "made-up-0", "made-up-1", "made-up-2", "_other"
    ]  # fmt: skip
    assert sum(point.count for point in points) == 20
