"""The journal of one worker: what calls have been opened and closed, appended before the client has its last byte.

    <writer>-<sequence>.jnl     one JSON line an entry: {"o": record} at the start of a call, {"c": record} at its end

A line is one `write` to a file opened for appending. No fsync: a process killed with -9 loses nothing that it has
written, because the page cache belongs to the kernel; only a power cut could, and an fsync per call would cost 150 µs.
The writer holds a lock on its newest file for as long as it lives, so a file whose lock can be had is a dead one's.
Each file begins with the calls still open, so each can be read by itself.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from gateway.core.record import Record

_encode = msgspec.json.Encoder().encode


class JournalOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`segment_bytes`: a new file is begun after this many. `pending_records`: how many records are kept in memory
    while the disk takes none."""

    segment_bytes: int = 8 * 1024 * 1024
    pending_records: int = 10_000


class Journal:
    """`with Journal(options, folder, writer) as journal`. One per worker; used from its event loop only."""

    def __init__(self, options: JournalOptions, folder: Path, writer: str) -> None:
        self._options = options
        self._folder = folder
        self._writer = writer
        self._sequence = 0
        self._descriptor = -1
        self._size = 0
        self._open: dict[str, bytes] = {}
        # Closed lines that the disk did not take; written before anything else once it does.
        self._pending: list[bytes] = []
        self._write: Callable[[int, bytes], int] = os.write

    def __enter__(self) -> Self:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._next_segment()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pending:
            self._flush_pending()
        if self._descriptor >= 0:
            os.close(self._descriptor)

    @property
    def open_calls(self) -> int:
        return len(self._open)

    @property
    def pending(self) -> int:
        """Records kept in memory because the disk takes none."""
        return len(self._pending)

    def opened(self, record: Record) -> None:
        """Note that a call has begun.

        Raises:
            OSError: the disk does not take it; nothing was noted.
        """
        if self._pending:
            self._flush_pending()
        line = b'{"o":' + _encode(record) + b"}\n"
        self._append(line)
        self._open[record.id] = line

    def closed(self, record: Record) -> None:
        """Note how a call has ended.

        Raises:
            OSError: the disk does not take it; it is kept in memory and written as soon as the disk does.
        """
        self._open.pop(record.id, None)
        line = b'{"c":' + _encode(record) + b"}\n"
        try:
            if self._pending:
                self._flush_pending()
            self._append(line)
        except OSError:
            if len(self._pending) < self._options.pending_records:
                self._pending.append(line)
            raise
        if self._size >= self._options.segment_bytes:
            with contextlib.suppress(OSError):  # the old file serves on; the next record tries again
                self._next_segment()

    def _flush_pending(self) -> None:
        while self._pending:
            self._append(self._pending[0])
            del self._pending[0]

    def _append(self, line: bytes) -> None:
        """One line, whole or not at all: what a full disk took of it is taken back."""
        written = self._write(self._descriptor, line)
        if written != len(line):
            os.ftruncate(self._descriptor, self._size)
            raise OSError(errno.ENOSPC, "the journal's disk is full")
        self._size += written

    def _next_segment(self) -> None:
        """Begin a new file, headed by the calls still open, before the old one's lock is let go.

        It gets its name only when it is locked and headed: a drainer must never find a live writer's file unlocked.
        """
        path = self._folder / f"{self._writer}-{self._sequence + 1:08d}.jnl"
        unnamed = path.with_suffix(".new")
        descriptor = os.open(unnamed, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            heading = b"".join(self._open.values())
            if heading and self._write(descriptor, heading) != len(heading):
                raise OSError(errno.ENOSPC, "the journal's disk is full")
            unnamed.rename(path)
        except OSError:
            os.close(descriptor)
            unnamed.unlink(missing_ok=True)
            raise
        old, self._descriptor = self._descriptor, descriptor
        self._sequence += 1
        self._size = len(heading)
        if old >= 0:
            os.close(old)
