"""The queue of encoded spans: batches of bounded size, soon; what has no room is dropped, and nobody waits."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from gateway.telemetry import span_queue
from gateway.telemetry.span_queue import SpanQueue

WAIT_S = 10.0


class Exported:
    """Batches as they were exported; `gate`: unless set, exporting waits."""

    def __init__(self) -> None:
        self.batches: list[Sequence[bytes]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Semaphore(0)

    def __call__(self, batch: Sequence[bytes]) -> None:
        self.begun.release()
        assert self.gate.wait(WAIT_S)
        self.batches.append(batch)

    @property
    def spans(self) -> list[bytes]:
        return [span for batch in self.batches for span in batch]


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Exported:
    monkeypatch.setattr(span_queue, "BATCH", 3)
    monkeypatch.setattr(span_queue, "MAX_WAITING", 5)
    monkeypatch.setattr(span_queue, "EXPORT_EVERY_S", 60.0)
    return Exported()


@pytest.fixture
def queue(exported: Exported) -> Iterator[SpanQueue]:
    queue = SpanQueue(exported)
    queue.start()
    yield queue
    queue.give_up()
    exported.gate.set()
    queue.end().join(WAIT_S)


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_a_full_batch_goes_at_once_and_the_rest_at_the_end(queue: SpanQueue, exported: Exported) -> None:
    for number in range(4):
        queue.put(b"%d" % number)
    until(lambda: exported.batches == [[b"0", b"1", b"2"]])
    queue.end().join(WAIT_S)
    assert exported.batches == [[b"0", b"1", b"2"], [b"3"]]


def test_a_batch_that_does_not_fill_goes_after_a_while(monkeypatch: pytest.MonkeyPatch, exported: Exported) -> None:
    monkeypatch.setattr(span_queue, "EXPORT_EVERY_S", 0.01)
    queue = SpanQueue(exported)
    queue.start()
    queue.put(b"only")
    until(lambda: exported.batches == [[b"only"]])
    queue.end().join(WAIT_S)
    assert exported.batches == [[b"only"]], "and nothing where there is nothing"


def test_what_has_no_room_is_dropped_and_told_once_a_round(
    queue: SpanQueue, exported: Exported, caplog: pytest.LogCaptureFixture
) -> None:
    exported.gate.clear()
    for number in range(3):
        queue.put(b"%d" % number)
    assert exported.begun.acquire(timeout=WAIT_S)
    for number in range(3, 15):
        queue.put(b"%d" % number)
    assert queue.dropped == 7
    with caplog.at_level(logging.WARNING):
        exported.gate.set()
        queue.end().join(WAIT_S)
    assert exported.spans == [b"%d" % number for number in range(8)]
    assert len([one for one in caplog.records if "spans are dropped" in one.message]) == 1


def test_large_spans_make_small_batches_and_wait_in_bounded_memory(
    monkeypatch: pytest.MonkeyPatch, queue: SpanQueue, exported: Exported
) -> None:
    monkeypatch.setattr(span_queue, "BATCH_BYTES", 100)
    monkeypatch.setattr(span_queue, "MAX_WAITING_BYTES", 250)
    exported.gate.clear()
    for _ in range(3):
        queue.put(b"x" * 60)
    assert exported.begun.acquire(timeout=WAIT_S)
    for _ in range(10):
        queue.put(b"y" * 100)
    assert queue.dropped == 8, "one of 60 bytes waits already, and there is room for two of 100"
    exported.gate.set()
    queue.end().join(WAIT_S)
    assert max(sum(map(len, batch)) for batch in exported.batches) < 100 + 100
    assert exported.spans == [b"x" * 60] * 3 + [b"y" * 100] * 2


def test_an_export_that_fails_costs_its_batch_and_not_the_next(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(span_queue, "BATCH", 1)
    exported: list[Sequence[bytes]] = []

    def export(batch: Sequence[bytes]) -> None:
        if batch == [b"bad"]:
            raise RuntimeError("what it trips over")
        exported.append(batch)

    queue = SpanQueue(export)
    queue.start()
    queue.put(b"bad")
    queue.put(b"good")
    queue.end().join(WAIT_S)
    assert exported == [[b"good"]]
    assert "spans could not be exported" in caplog.text


def test_an_end_that_comes_while_the_thread_wakes_up_is_not_missed(exported: Exported) -> None:
    queue = SpanQueue(exported)

    class EndsMeanwhile(threading.Event):
        def clear(self) -> None:
            queue.end()
            super().clear()

    queue._wake = EndsMeanwhile()
    queue.start()
    for number in range(3):
        queue.put(b"%d" % number)
    queue._thread.join(WAIT_S)
    assert not queue._thread.is_alive()
    assert exported.spans == [b"0", b"1", b"2"]


def test_what_is_given_up_is_not_exported(queue: SpanQueue, exported: Exported) -> None:
    exported.gate.clear()
    for number in range(3):
        queue.put(b"%d" % number)
    assert exported.begun.acquire(timeout=WAIT_S)
    queue.put(b"late")
    thread = queue.end()
    queue.give_up()
    exported.gate.set()
    thread.join(WAIT_S)
    assert not thread.is_alive()
    assert exported.spans == [b"0", b"1", b"2"]
