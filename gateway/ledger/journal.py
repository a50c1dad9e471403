"""The journal of one worker: what calls have been opened and closed, appended before the client has its last byte, and
what was said of answers, before whoever said it is answered.

A line is one `write` to a file opened for appending. No fsync: a process killed with -9 loses nothing that it has
written, because the page cache belongs to the kernel; only a power cut could, and an fsync per call would cost 150 µs
instead of 2. `fsync_interval_s` bounds what a power cut can take.

Each segment begins with the calls still open, so each can be read by itself.
"""

import contextlib
import errno
import logging
import os
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import msgspec

from gateway.core.feedback import Feedback
from gateway.core.record import Record
from gateway.ledger.entries import encode_closed, encode_feedback, encode_opened
from gateway.ledger.flusher import Flusher
from gateway.ledger.segments import create_segment, folder_bytes, segment_path

_log = logging.getLogger("gateway.ledger")
FULL_NS = 1_000_000_000


class JournalOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes:
    segment_bytes, segment_s: a new file is begun after this much has been written, or at the first call after this
        time; what is drained of a file is freed when the file is finished.
    max_bytes: how much of the disk the journals of all workers may take together while the ledger is away, to within
        a 32nd for each worker. Then `metering.on_journal_failure` decides: new calls are refused, or served and counted
        as lost. A call that is in the journal is always closed there. None: as much as there is.
    pending_records: how many records are kept in memory while the disk takes none.
    fsync_interval_s: how often what was written is brought to the disk itself; None leaves that to the system.
    """

    segment_bytes: Annotated[int, msgspec.Meta(ge=1)] = 8 * 1024 * 1024
    segment_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 300.0
    max_bytes: Annotated[int, msgspec.Meta(ge=1)] | None = 16 * 1024 * 1024 * 1024
    pending_records: Annotated[int, msgspec.Meta(ge=0)] = 10_000
    fsync_interval_s: Annotated[float, msgspec.Meta(gt=0, le=3_600)] | None = None


class Journal:
    """`with Journal(options, folder, writer) as journal`. One per worker; used from its event loop only.

    Attributes:
        lost: records that neither the disk nor `pending_records` had room for.
    """

    def __init__(self, options: JournalOptions, folder: Path, writer: str) -> None:
        self._options = options
        self._folder = folder
        self._writer = writer
        self._sequence = 0
        self._descriptor = -1
        self._size = 0
        self._rotate_at_bytes = 0
        self._rotate_at_ns = 0  # until the first call tells the time
        # Opened lines of calls whose closed line is not in the journal yet.
        self._open: dict[str, bytes] = {}
        # Closed lines that the disk did not take, by call; written before anything else once it does.
        self._pending: deque[tuple[str, bytes]] = deque()
        self._torn = False
        self._failed = False
        # How much may be written until the folder's size is looked at again, and when that is once it is full.
        self._room_bytes = 0
        self._look_at_ns = 0
        self._flusher = Flusher(options.fsync_interval_s, folder) if options.fsync_interval_s else None
        self.lost = 0

    def __enter__(self) -> Self:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._next_segment()
        if self._flusher is not None:
            self._flusher.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self.retry()
        missing = len(self._pending) + self.lost
        if missing:
            _log.error("%d records were lost: the journal's disk took none until the end", missing)
        if self._flusher is not None:
            self._flusher.__exit__(kind, error, trace)
        os.close(self._descriptor)
        self._descriptor = -1  # its number is somebody else's soon

    @property
    def open_calls(self) -> int:
        """Calls whose opened line is in the journal and whose closed line is not."""
        return len(self._open)

    @property
    def pending(self) -> int:
        """Records kept in memory because the disk takes none."""
        return len(self._pending)

    def opened(self, record: Record) -> None:
        """Note that a call has begun.

        Raises:
            OSError: the disk does not take it, or the journals are as large as they may be; nothing was noted.
        """
        if self._room_bytes <= 0:
            self._look_for_room(record.started_ns)
        line = encode_opened(record)
        if self._failed:
            self.retry()
        self._append(line)
        self._open[record.id] = line
        if record.started_ns >= self._rotate_at_ns:
            self._rotate(record.started_ns)

    def closed(self, record: Record) -> None:
        """Note how a call has ended.

        Raises:
            OSError: the disk does not take it; it is kept in memory and written as soon as the disk does. Or there was
                no room for the call when it began, and still is none: it is lost.
        """
        if self._room_bytes <= 0 and record.id not in self._open:
            try:
                self._look_for_room(record.started_ns)
            except OSError:
                self.lost += 1
                raise
        line = encode_closed(record)
        try:
            if self._failed:
                self.retry()
            self._append(line)
        except OSError:
            if len(self._pending) < self._options.pending_records:
                self._pending.append((record.id, line))
            else:
                self.lost += 1
            raise
        self._open.pop(record.id, None)
        if self._size >= self._rotate_at_bytes:
            self._rotate(record.started_ns)

    def said(self, feedback: Feedback) -> None:
        """Note what was said of an answer.

        Raises:
            OSError: the disk does not take it, or the journals are as large as they may be; nothing was noted.
        """
        if self._room_bytes <= 0:
            self._look_for_room(feedback.at_ns)
        if self._failed:
            self.retry()
        self._append(encode_feedback(feedback))
        if self._size >= self._rotate_at_bytes or feedback.at_ns >= self._rotate_at_ns:
            self._rotate(feedback.at_ns)

    def retry(self) -> None:
        """Write what the disk did not take before. Calls to the journal do so themselves; this is for quiet times.

        Raises:
            OSError: the disk still does not take it.
        """
        if self._torn:
            self._size = os.fstat(self._descriptor).st_size
            self._append(b"\n")
            self._torn = False
        while self._pending:
            call, line = self._pending[0]
            self._append(line)
            self._open.pop(call, None)
            self._pending.popleft()
        self._failed = False

    def _append(self, line: bytes) -> None:
        """One line, whole or not at all: what a full disk took of it is taken back, or else ended as a line that the
        drainer sets aside, so that it never swallows the next."""
        try:
            written = os.write(self._descriptor, line)
            if written != len(line):
                self._torn = True
                os.ftruncate(self._descriptor, self._size)
                self._torn = False
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            self._failed = True
            raise
        self._size += written
        self._room_bytes -= written

    def _look_for_room(self, now_ns: int) -> None:
        """Raises:
        OSError: there is none; for a second that is not asked again.
        """
        most = self._options.max_bytes
        if most is None:
            self._room_bytes = 1 << 62
            return
        if now_ns >= self._look_at_ns:
            left = most - folder_bytes(self._folder)
            # Others write meanwhile: the nearer the bound, the more often it is looked.
            self._room_bytes = min(left, max(left // 4, most // 32))
            self._look_at_ns = now_ns + FULL_NS if left <= 0 else 0
        if self._room_bytes <= 0:
            raise OSError(errno.EDQUOT, f"journals take {most} bytes and may not take more; the ledger is behind")

    def _rotate(self, started_ns: int) -> None:
        """A new segment if one is due; if the disk has no room for it the old one serves on for a while."""
        first = not self._rotate_at_ns
        self._rotate_at_ns = started_ns + int(self._options.segment_s * 1e9)
        if first:
            return
        try:
            self._next_segment()
        except OSError:
            self._rotate_at_bytes = self._size + self._options.segment_bytes // 8

    def _next_segment(self) -> None:
        """Begin a new file, headed by the calls still open, before the old one's lock is let go."""
        heading = b"".join(self._open.values())
        descriptor = create_segment(segment_path(self._folder, self._writer, self._sequence + 1), heading)
        # From here on the drainer takes the old one for finished: nothing may keep us from leaving it.
        old, self._descriptor = self._descriptor, descriptor
        self._sequence += 1
        self._size = len(heading)
        # Never sooner than after as much again as the heading: many open calls must not mean a new file each record.
        self._rotate_at_bytes = len(heading) + max(self._options.segment_bytes, len(heading))
        if self._flusher is not None:
            self._flusher.watch(descriptor)
        if old >= 0:
            os.close(old)
