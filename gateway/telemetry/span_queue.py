"""Encoded spans wait for a thread that exports them, many at a time.

put() ──▶ bounded queue ──▶ thread, every EXPORT_EVERY_S or BATCH spans ──▶ export(batch)
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

_log = logging.getLogger("gateway.telemetry")

BATCH = 512
BATCH_BYTES = 4 * 1024 * 1024
MAX_WAITING = 4096
MAX_WAITING_BYTES = 16 * 1024 * 1024
EXPORT_EVERY_S = 5.0


class SpanQueue:
    """`put` belongs to one thread and never waits: what has no room is dropped and counted.

    Args:
        export: sends a batch, and waits for that; called in a thread of the queue's own.
    """

    def __init__(self, export: Callable[[Sequence[bytes]], None]) -> None:
        self._export = export
        self._waiting: deque[bytes] = deque()
        # Each is changed by one thread only, so that their difference is right without a lock.
        self._put_bytes = self._taken_bytes = 0
        self._wake = threading.Event()
        self._woken = False  # the same as a plain attribute, which costs no call to look at
        self._ending = self._given_up = False
        self._thread = threading.Thread(target=self._export_batches, name="otlp-spans", daemon=True)
        self.dropped = 0

    def start(self) -> None:
        self._thread.start()

    def put(self, span: bytes) -> None:
        """Export a span, soon."""
        waiting = self._waiting
        if len(waiting) >= MAX_WAITING or self._put_bytes - self._taken_bytes > MAX_WAITING_BYTES:
            self.dropped += 1
            return
        waiting.append(span)
        self._put_bytes += len(span)
        if len(waiting) >= BATCH and not self._woken:
            self._woken = True
            self._wake.set()

    def end(self) -> threading.Thread:
        """Export what is left; the thread that does so ends then."""
        self._ending = True
        self._wake.set()
        return self._thread

    def give_up(self) -> None:
        """Export no further batch."""
        self._given_up = True

    def _export_batches(self) -> None:
        told = 0
        while True:
            full = self._wake.wait(EXPORT_EVERY_S)
            self._wake.clear()
            # After that: an end, or a batch made full, that comes from now on wakes us again.
            ending, self._woken = self._ending, False
            if self.dropped > told:
                told = self.dropped
                _log.warning("spans are dropped: the collector is away, or too slow for so many")
            # A rest is left to grow, but for the time's end: else each full batch would be followed by a tiny one.
            least = BATCH if full and not ending else 1
            while len(self._waiting) >= least and not self._given_up:
                self._export_one_batch()
            if ending:
                return

    def _export_one_batch(self) -> None:
        batch: list[bytes] = []
        size = 0
        while self._waiting and len(batch) < BATCH and size < BATCH_BYTES:
            span = self._waiting.popleft()
            batch.append(span)
            size += len(span)
        self._taken_bytes += size
        try:
            self._export(batch)
        except Exception:  # noqa: BLE001  a border: whatever the exporter trips over, the next batch is tried again
            _log.warning("spans could not be exported", exc_info=True)
