"""Whole lines to a file descriptor, in batches, by a thread: a slow terminal or a full pipe slows nobody.

    write() ──▶ bounded queue ──▶ thread, at most every FLUSH_EVERY_S ──▶ os.write

When the queue is full, lines are dropped and counted; the first line after that says how many. Nothing wakes up while
there is nothing to write. Before `with` and after it, a line is written at once.
"""

import contextlib
import os
import stat
import threading
from collections import deque
from collections.abc import Callable

MAX_WAITING_LINES = 20_000
MAX_WAITING_BYTES = 16 * 1024 * 1024
FLUSH_EVERY_S = 0.1
CLOSE_TIMEOUT_S = 2.0
# Several processes share standard error. Writes to a pipe are one piece up to PIPE_BUF (POSIX), and mix beyond it.
ATOMIC_BYTES = 4096
FILE_BYTES = 256 * 1024


class LineWriter:
    """`with LineWriter() as writer: writer.write(b"…")`. `write` may be called from any thread and never blocks.

    Attributes:
        dropped: lines lost, because the queue was full or the descriptor takes nothing.
    """

    def __init__(self, descriptor: int = 2, said_of_dropped: Callable[[int], bytes] | None = None) -> None:
        self._descriptor = descriptor
        self._piece_bytes = ATOMIC_BYTES
        self._said_of_dropped = said_of_dropped or _said_of_dropped
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._wake = threading.Event()
        self._woken = False  # the same as a plain attribute, which costs no call to look at
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def __enter__(self) -> "LineWriter":
        self._ending.clear()
        if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            self._piece_bytes = FILE_BYTES  # a file opened for appending takes any write whole
        self._thread = threading.Thread(target=self._write_batches, name="log-writer", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write what waits; a descriptor that takes nothing is given up after CLOSE_TIMEOUT_S."""
        thread, self._thread = self._thread, None
        self._ending.set()
        self._wake.set()
        if thread is not None:
            thread.join(CLOSE_TIMEOUT_S)

    def write(self, line: bytes) -> None:
        """Write a line, given without its line break."""
        if self._thread is None:
            self._put(line + b"\n", 1)
            return
        waiting = self._waiting
        if len(waiting) >= MAX_WAITING_LINES or self._waiting_bytes > MAX_WAITING_BYTES:
            self.dropped += 1
            return
        waiting.append(line)
        self._waiting_bytes += len(line)
        if not self._woken:
            self._woken = True
            self._wake.set()

    def _write_batches(self) -> None:
        told = self.dropped
        while True:
            self._wake.wait()
            self._ending.wait(FLUSH_EVERY_S)
            self._wake.clear()
            ending = self._ending.is_set()  # after that: an end that comes from now on wakes us again
            self._woken = False  # likewise: a line that comes in between is taken by this round
            if self.dropped > told:
                count, told = self.dropped - told, self.dropped
                self._put(self._said_of_dropped(count) + b"\n", 0)
            self._drain()
            if ending:
                return

    def _drain(self) -> None:
        waiting = self._waiting
        piece, lines = bytearray(), 0
        for _ in range(len(waiting)):
            line = waiting.popleft()
            if piece and len(piece) + len(line) >= self._piece_bytes:
                self._put(piece, lines)
                piece, lines = bytearray(), 0
            piece += line
            piece += b"\n"
            lines += 1
        if piece:
            self._put(piece, lines)
        # What was added meanwhile is forgotten by this, which only makes the bound a little softer.
        self._waiting_bytes = 0

    def _put(self, data: bytes | bytearray, lines: int) -> None:
        rest = memoryview(data)
        try:
            while rest:
                with contextlib.suppress(InterruptedError):
                    rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            self.dropped += lines  # nobody reads us any more, or the disk is full


def _said_of_dropped(count: int) -> bytes:
    return f"{count} lines were dropped".encode()
