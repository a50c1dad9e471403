"""Files with rows, as they were sent: on the disk of this machine, readable by the gateway's user only."""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from gateway.core.faults import TooLarge
from gateway.stores.files import private_directory

BUFFER_BYTES = 256 * 1024
# What a process left behind that died while a file came in, or while one went.
STALE_S = 86_400
_INCOMING = ".incoming-"


class Files:
    """`folder`: made when the first file comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path_of(self, id: str) -> Path:
        """Of a file that the store knows."""
        return self._folder / f"{id}.jsonl"

    def spool(self, most: int, take: Callable[[int], None] = lambda _: None) -> "Spool":
        """For a file of at most so many bytes that is on its way in. `take`: hears of each piece how long it is; what
        it raises ends it."""
        return Spool(self._folder, most, take)

    def remove(self, id: str) -> None:
        self.path_of(id).unlink(missing_ok=True)

    def sweep(self, known: frozenset[str]) -> None:
        """Remove what no store knows of, once it is old enough that it cannot be on its way in."""
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            # Another worker sweeps it, too; and what cannot be removed keeps nothing else from it.
            with contextlib.suppress(OSError):
                if path.stem not in known and path.stat().st_mtime < time.time() - STALE_S:
                    path.unlink()


class Spool:
    """`async with files.spool(most) as spool`: what is written, and not kept by then, is gone at the end.

    Attributes:
        path: where it is meanwhile. size: bytes so far.
    """

    def __init__(self, folder: Path, most: int, take: Callable[[int], None]) -> None:
        self._folder = folder
        self._most = most
        self._take = take
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._file: BinaryIO | None = None
        self.path = folder / f"{_INCOMING}{secrets.token_hex(8)}"
        self.size = 0

    async def __aenter__(self) -> Self:
        self._file = await asyncio.to_thread(self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        self.path.unlink(missing_ok=True)

    async def write(self, data: bytes) -> None:
        """Raises:
        TooLarge: there is more than may be. What `take` raises.
        """
        self.size += len(data)
        if self.size > self._most:
            raise TooLarge(f"the file is larger than {self._most} bytes (evals.max_file_bytes in config.yaml)")
        self._take(len(data))
        self._buffer.append(data)
        self._buffered += len(data)
        if self._buffered >= BUFFER_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """All that was written stands in the file."""
        pieces, self._buffer, self._buffered = self._buffer, [], 0
        await asyncio.to_thread(self._write, pieces)

    def keep(self, path: Path) -> None:
        """It has its name from now on."""
        os.replace(self.path, path)

    def _open(self) -> BinaryIO:
        private_directory(self._folder)
        return os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def _write(self, pieces: list[bytes]) -> None:
        assert self._file is not None, "the spool is used inside `async with`"
        self._file.writelines(pieces)
        self._file.flush()
