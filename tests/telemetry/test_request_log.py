"""The line per request, other messages in the same form, and a writer that nobody waits for."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.core.record import Record
from gateway.telemetry import lines as lines_module
from gateway.telemetry.lines import ATOMIC_BYTES, LineWriter
from gateway.telemetry.log import LineFormatter, Repeats, RequestLog, configure_logging, dropped_line
from gateway.telemetry.options import LogOptions

RecordMaker = Callable[..., Record]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "log", os.O_CREAT | os.O_RDWR | os.O_APPEND)
    yield descriptor
    os.close(descriptor)


def written(descriptor: int) -> str:
    return os.pread(descriptor, 1 << 24, 0).decode()


def logged(options: LogOptions, descriptor: int, *records: Record) -> list[str]:
    with LineWriter(descriptor) as writer, RequestLog(options, writer) as log:
        for record in records:
            log.ended(record)
    return written(descriptor).splitlines()


def test_a_request_is_one_line_of_json(record: RecordMaker, file: int) -> None:
    [line] = logged(LogOptions(), file, record(client_request_id="mine", queued_us=2000))
    assert json.loads(line) == {
        "event": "request",
        "time": "2023-11-14T22:13:21.373Z",  # when it ended: lines stand in the order of time
        "level": "info",
        "request_id": "018bcfe5-687b-7000-8000-000000000001",
        "tenant": "acme",
        "team": "team-a",
        "key": "key-1",
        "operation": "chat",
        "model": "smart",
        "target": "openai/gpt-4o",
        "served_model": "gpt-4o-2024-08-06",
        "stream": True,
        "outcome": "completed",
        "status": 200,
        "rule": "team-a-may",
        "finish_reason": "stop",
        "input_tokens": 100,
        "output_tokens": 11,
        "pricing": "priced",
        "cost_nano_usd": 2_500_000,
        "ttfb_ms": 250.0,
        "duration_ms": 1250.0,
        "queued_ms": 2.0,
        "client_request_id": "mine",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
    }


def test_a_line_names_the_rules_in_audit_mode(record: RecordMaker, file: int) -> None:
    [as_json] = logged(LogOptions(), file, record(would_deny="no-secrets eu-only"))
    assert json.loads(as_json)["would_deny"] == "no-secrets eu-only"


def test_what_is_empty_is_left_out(record: RecordMaker, file: int) -> None:
    refused = record(
        outcome="refused", status=401, tenant="", team="", key_id="", model="", target="", served_model="", stream=False,
        rule_id="", finish_reason="", usage=None, pricing="none", cost_nano=None, ttfb_us=None, duration_us=90,
        error_code="invalid_api_key",
    )  # fmt: skip
    [line] = logged(LogOptions(), file, refused)
    assert set(json.loads(line)) == {
        "event", "time", "level", "request_id", "operation", "outcome", "status", "error", "duration_ms", "trace_id"
    }  # fmt: skip


def test_the_line_is_of_the_moment_it_was_asked_for(record: RecordMaker, file: int) -> None:
    """A record is mutable and belongs to its call: what happens to it afterwards is in no line."""
    ended = record()
    with LineWriter(file) as writer, RequestLog(LogOptions(), writer) as log:
        log.ended(ended)
        ended.model = "changed"
    assert "changed" not in written(file)


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({"outcome": "completed"}, "info"),
        ({"outcome": "refused", "blame": "policy", "error_code": "rate_limit_exceeded"}, "info"),
        ({"outcome": "cancelled"}, "info"),
        ({"outcome": "failed", "blame": "caller", "error_code": "upstream_status_400"}, "info"),
        ({"outcome": "failed", "blame": "upstream", "error_code": "upstream_timeout"}, "warning"),
        ({"outcome": "failed", "blame": "own", "error_code": "internal_error"}, "warning"),
        ({"outcome": "interrupted"}, "warning"),
    ],
)
def test_what_the_upstream_or_we_broke_is_a_warning(
    record: RecordMaker, file: int, changes: dict[str, Any], level: str
) -> None:
    [line] = logged(LogOptions(), file, record(**changes))
    assert json.loads(line)["level"] == level
    quiet = logged(LogOptions(level="warning"), file, record(**changes))
    assert len(quiet) == (2 if level == "warning" else 1)


@pytest.mark.parametrize("options", [LogOptions(requests=False), LogOptions(level="error")])
def test_request_lines_can_be_left_out(record: RecordMaker, file: int, options: LogOptions) -> None:
    assert logged(options, file, record()) == []


FORGED = "x\n2026-01-01T00:00:00.000Z info 200 \x1b[2J forged=yes"


@pytest.mark.parametrize("format", ["json", "text"])
def test_a_client_can_forge_no_line_and_send_no_control_codes(record: RecordMaker, file: int, format: Any) -> None:
    found = logged(LogOptions(format=format), file, record(model=FORGED, finish_reason=FORGED))
    assert len(found) == 1
    assert "\x1b" not in found[0]
    assert found[0].isascii()


def test_a_long_name_is_cut(record: RecordMaker, file: int) -> None:
    [line] = logged(LogOptions(), file, record(model="m" * 100_000))
    assert len(line) < 2000


def test_text_is_for_people(record: RecordMaker, file: int) -> None:
    [line] = logged(LogOptions(format="text"), file, record())
    assert line.startswith("2023-11-14T22:13:21.373Z info    200 tenant=acme team=team-a ")
    assert line.endswith(" request_id=018bcfe5-687b-7000-8000-000000000001")
    assert " served_model=gpt-4o-2024-08-06 " in line
    assert "error=" not in line, "what is empty is left out"


def message(text: str, *, name: str = "granian", level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, text, None, None)


def test_other_messages_have_the_same_form() -> None:
    said = json.loads(LineFormatter(LogOptions()).format(message('it "broke"\n')))
    assert (said["event"], said["level"], said["logger"], said["message"]) == (
        "message", "warning", "granian", 'it "broke"\n'
    )  # fmt: skip
    assert LineFormatter(LogOptions(format="text")).format(message("it broke")).endswith("warning granian: it broke")


def test_a_traceback_is_a_field() -> None:
    try:
        raise ValueError("of all things")
    except ValueError as error:
        failed = message("failed")
        failed.exc_info = (type(error), error, error.__traceback__)
    said = json.loads(LineFormatter(LogOptions()).format(failed))
    assert said["message"] == "failed"
    assert said["traceback"].endswith("ValueError: of all things")


def test_a_repeated_warning_is_held_back_and_counted() -> None:
    now = 0.0
    repeats, formatter = Repeats(lambda: now), LineFormatter(LogOptions(format="text"))
    assert repeats.filter(message("upstream away"))
    assert not repeats.filter(message("upstream away"))
    assert repeats.filter(message("something else")), "only the same message is held back"
    assert repeats.filter(message("reloaded", level=logging.INFO))
    assert repeats.filter(message("reloaded", level=logging.INFO)), "what is no warning may repeat itself"
    now = 5.0
    assert not repeats.filter(message("upstream away"))
    now = 10.0
    later = message("upstream away")
    assert repeats.filter(later)
    assert formatter.format(later).endswith("upstream away (2 more like this in the meantime)")


@pytest.mark.parametrize(("logger", "passes"), [("some.library", False), ("gateway.supervisor", True)])
def test_a_librarys_messages_repeat_by_template_ours_by_word(logger: str, passes: bool) -> None:
    repeats = Repeats(lambda: 0.0)
    first, second = (
        logging.LogRecord(logger, logging.WARNING, __file__, 1, "worker %d died", (number,), None) for number in (1, 2)
    )
    assert repeats.filter(first)
    assert repeats.filter(second) is passes


def test_repeats_are_remembered_within_bounds() -> None:
    repeats = Repeats(lambda: 0.0)
    assert all(repeats.filter(message(f"number {number}")) for number in range(5_000))
    assert len(repeats._seen) <= 1_000


def test_configured_logging_goes_through_the_writer(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    level = root.level
    try:
        with LineWriter(file) as writer:
            configure_logging(LogOptions(level="warning"), writer)
            logging.getLogger("some.library").info("chatter")
            logging.getLogger("some.library").warning("trouble with %s", "x")
    finally:
        root.setLevel(level)
    [line] = written(file).splitlines()
    assert json.loads(line)["message"] == "trouble with x"


# The writer


@pytest.mark.skipif(not hasattr(os, "O_DIRECT"), reason="pipes in packet mode are Linux's")
def test_lines_come_whole_in_order_and_in_pieces_that_do_not_mix() -> None:
    """A pipe in packet mode shows where one write ends: pieces up to PIPE_BUF are never mixed with another process's."""
    reader, pipe = os.pipe2(os.O_DIRECT | os.O_CLOEXEC)
    lines = [b"%d " % number + b"x" * (number % 900) for number in range(100)]
    try:
        with LineWriter(pipe) as writer:
            for line in lines:
                writer.write(line)
        os.set_blocking(reader, False)
        pieces: list[bytes] = []
        while sum(piece.count(b"\n") for piece in pieces) < len(lines):
            pieces.append(os.read(reader, 1 << 16))
    finally:
        os.close(reader)
        os.close(pipe)
    assert b"".join(pieces) == b"".join(line + b"\n" for line in lines)
    assert all(piece.endswith(b"\n") and len(piece) <= ATOMIC_BYTES for piece in pieces)
    assert len(pieces) < len(lines) / 2, "several lines go in one write"


def test_a_reader_that_stopped_slows_nobody_and_lost_lines_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "MAX_WAITING_LINES", 1_000)
    reader, pipe = os.pipe()
    line = b"x" * 200
    try:
        with LineWriter(pipe, dropped_line(LogOptions())) as writer:
            began = time.monotonic()
            for _ in range(20_000):
                writer.write(line)
            took = time.monotonic() - began
            assert took < 10, "a pipe holds 64 KiB; whoever waited for it would wait for ever"
            assert writer.dropped >= 20_000 - 2_000
            text = b""
            while b"log lines were dropped" not in text or text.count(line + b"\n") < 20_000 - writer.dropped:
                text += os.read(reader, 1 << 16)
            writer.write(b"again")
            while b"again" not in text:
                text += os.read(reader, 1 << 16)
    finally:
        os.close(reader)
        os.close(pipe)
    assert {found for found in text.splitlines() if b"dropped" not in found} == {line, b"again"}


def test_leaving_does_not_wait_for_a_reader_that_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "CLOSE_TIMEOUT_S", 0.2)
    reader, pipe = os.pipe()
    with LineWriter(pipe) as writer:
        for _ in range(2_000):
            writer.write(b"x" * 200)
        began = time.monotonic()
    assert time.monotonic() - began < 10
    os.close(reader)
    for thread in threading.enumerate():
        if thread.name == "log-writer":
            thread.join(5)  # it was left behind, and has the descriptor for as long as it runs
    os.close(pipe)


def test_nobody_reads_any_more() -> None:
    reader, pipe = os.pipe()
    os.close(reader)
    with LineWriter(pipe) as writer:
        writer.write(b"into the void")
    os.close(pipe)
    assert writer.dropped == 1


def test_before_and_after_its_life_a_writer_writes_at_once(file: int) -> None:
    writer = LineWriter(file)
    writer.write(b"before")
    assert written(file) == "before\n"
    with writer:
        writer.write(b"during")
    writer.write(b"after")
    assert written(file) == "before\nduring\nafter\n"


def test_an_end_that_comes_while_the_thread_wakes_up_is_not_missed(file: int) -> None:
    writer = LineWriter(file)

    class EndsMeanwhile(threading.Event):
        def clear(self) -> None:
            writer._ending.set()
            self.set()
            super().clear()

    writer._wake = EndsMeanwhile()
    with writer:
        thread = writer._thread
        writer.write(b"last")
        assert thread is not None
        thread.join(10)
        assert not thread.is_alive()
    assert written(file) == "last\n"
