"""Bringing the journal to the disk itself every so often, for those who want to survive a power cut as well."""

import logging
import os
import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

_log = logging.getLogger("gateway.ledger")


class Flusher:
    """`with Flusher(interval_s, folder) as flusher`: a thread that syncs what it was told to watch, and closes it.

    It works on duplicates of the journal's descriptors, so that the writer never waits for the disk.
    """

    def __init__(self, interval_s: float, folder: Path) -> None:
        self._interval_s = interval_s
        self._folder = folder
        self._descriptors: deque[int] = deque()
        self._unnamed = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-flusher", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.flush()
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()

    def watch(self, descriptor: int) -> None:
        """A new segment; those before it are synced once more and let go.

        Raises:
            OSError: too many open files.
        """
        self._descriptors.append(os.dup(descriptor))
        self._unnamed = True

    def flush(self) -> None:
        """Bring everything written so far to the disk; a disk that refuses is told of in the log."""
        try:
            if self._unnamed:
                self._unnamed = False
                self._sync_folder()
            while len(self._descriptors) > 1:
                os.fsync(self._descriptors[0])
                os.close(self._descriptors.popleft())
            if self._descriptors:
                os.fsync(self._descriptors[0])
        except OSError as error:
            _log.error("the journal cannot be brought to the disk itself, a power cut would lose it: %s", error)

    def _sync_folder(self) -> None:
        """A file's name is in its folder, which is synced by itself."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            self.flush()
