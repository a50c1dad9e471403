"""Our bytes by the SDK's exporter: its headers, its compression, its further tries, as the environment says."""

import gzip
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http import trace_exporter

from gateway.telemetry.span_posting import SpanPosting

BODY = b"\x0a\x03abc" * 100


class Collector:
    """Answers with `statuses`, one after another, and then with 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.seen.append((self.path, {name.lower(): text for name, text in self.headers.items()}, body))
                self.send_response(collector.statuses.pop(0) if collector.statuses else 200)
                self.send_header("retry-after", "0")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1/traces"


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever, args=(0.02,))
    thread.start()
    yield collector
    collector.server.shutdown()
    collector.server.server_close()
    thread.join()


def post(collector: Collector, *bodies: bytes) -> None:
    posting = SpanPosting(collector.url, {"authorization": "Bearer collector"}, 5.0)
    for body in bodies:
        posting.post(body)
    posting.shutdown()


def test_bodies_arrive_one_by_one_as_they_were_given(collector: Collector) -> None:
    post(collector, BODY, b"", b"another")
    assert [body for _, _, body in collector.seen] == [BODY, b"", b"another"]
    for path, headers, _ in collector.seen:
        assert path == "/v1/traces"
        assert headers["content-type"] == "application/x-protobuf"
        assert headers["authorization"] == "Bearer collector"
        assert "content-encoding" not in headers


@pytest.mark.parametrize(("encoding", "expand"), [("gzip", gzip.decompress), ("deflate", zlib.decompress)])
def test_the_environment_may_ask_for_compression_and_more_headers(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, encoding: str, expand: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", encoding)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-scope-orgid=acme")
    post(collector, BODY)
    [(_, headers, body)] = collector.seen
    assert headers["content-encoding"] == encoding
    assert headers.get("x-scope-orgid", "acme") == "acme"  # of the environment's, 1.40 takes those or ours
    assert expand(body) == BODY


def test_what_a_collector_cannot_take_now_is_sent_again(collector: Collector) -> None:
    collector.statuses = [503]
    post(collector, BODY)
    assert [body for _, _, body in collector.seen] == [BODY] * 2


def test_what_a_collector_refuses_is_not(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    collector.statuses = [400]
    post(collector, BODY)
    assert len(collector.seen) == 1
    assert "Failed to export" in caplog.text


def test_a_version_of_the_exporter_that_does_not_use_the_session_is_told_of(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_exporter.OTLPSpanExporter, "export", lambda self, spans: None)
    with pytest.raises(RuntimeError, match="this version of the OpenTelemetry exporter"):
        post(collector, BODY)


def test_what_comes_after_the_end_is_not_sent_and_no_versions_fault(collector: Collector) -> None:
    posting = SpanPosting(collector.url, {}, 5.0)
    posting.shutdown()
    posting.post(BODY)
    assert not collector.seen
