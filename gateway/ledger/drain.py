"""From journals into the store, by one drainer: each closed call once, each call its writer left open as interrupted.

segment           a newer one exists   its writer lives   when its last byte is consumed
finished          yes                  –                  removed
live              no                   yes                kept; the writer goes on
dead              no                   no                 open calls become `interrupted`; removed
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from gateway.core.record import Record
from gateway.ledger.store import LedgerStore

_log = logging.getLogger("gateway.ledger")
READ_BYTES = 4 * 1024 * 1024


class DrainOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`interval_s` between rounds; after a failed one, the longest pause is `max_backoff_s`."""

    interval_s: float = 0.25
    max_backoff_s: float = 5.0


class Drained(msgspec.Struct):
    """What one round did. `lag_bytes`: what is still to be read."""

    records: int = 0
    interrupted: int = 0
    quarantined: int = 0
    removed: int = 0
    lag_bytes: int = 0


class Entry(msgspec.Struct):
    """A line of a journal: exactly one of opened (`o`) and closed (`c`)."""

    o: Record | None = None
    c: Record | None = None


_decode = msgspec.json.Decoder(Entry).decode


def parse(data: bytes) -> tuple[list[Entry], list[bytes], int]:
    """Whole lines of a journal: entries, lines that are none, and the bytes consumed."""
    entries: list[Entry] = []
    broken: list[bytes] = []
    end = data.rfind(b"\n") + 1
    for line in data[:end].split(b"\n")[:-1]:
        try:
            entries.append(_decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            if line:
                broken.append(line)
    return entries, broken, end


class Drainer:
    """`async with Drainer(…) as drainer`: rounds in a thread until exit, which makes a last one."""

    def __init__(
        self,
        options: DrainOptions,
        folder: Path,
        store: LedgerStore,
        report: Callable[[Drained | None], None] = lambda _: None,
    ) -> None:
        self._options = options
        self._folder = folder
        self._store = store
        self._report = report
        self._running: asyncio.Task[None] | None = None
        self._lock = -1
        # Calls opened in each live segment and not closed yet; what is left when its writer dies was interrupted.
        self._open: dict[str, dict[str, Record]] = {}

    async def __aenter__(self) -> Self:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self._folder / "drain.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await asyncio.to_thread(self._round)
        os.close(self._lock)

    async def _run(self) -> None:
        pause = self._options.interval_s
        while True:
            # Shielded: a round that has begun must be over before the last one starts.
            done = await asyncio.shield(asyncio.to_thread(self._round))
            pause = self._options.interval_s if done else min(pause * 2, self._options.max_backoff_s)
            await asyncio.sleep(pause)

    def _round(self) -> bool:
        """One round; False if the store or the disk failed. Journals wait, so nothing is lost by failing."""
        try:
            self._report(self.drain_once())
        except (sqlite3.Error, OSError) as error:
            _log.error("the ledger cannot be written; journals wait: %s", error)
            self._report(None)
            return False
        return True

    def drain_once(self) -> Drained:
        """Read all journals to their present end.

        Raises:
            sqlite3.Error, OSError: from the store or the disk; call again later.
        """
        drained = Drained()
        by_writer: dict[str, list[Path]] = {}
        for path in sorted(self._folder.glob("*.jnl")):
            by_writer.setdefault(path.name.rpartition("-")[0], []).append(path)
        for paths in by_writer.values():
            for path in paths[:-1]:
                self._consume(path, drained)
                self._remove(path, drained)
            self._drain_newest(paths[-1], drained)
        return drained

    def _drain_newest(self, path: Path, drained: Drained) -> None:
        # Asked before reading: a writer that dies after this leaves the rest to the next round.
        dead = _writer_is_dead(path)
        self._consume(path, drained)
        if not dead or self._newer_exists(path):
            return
        opened = self._open.get(path.name, {})
        left = [_interrupted(record) for record in opened.values()]
        size = path.stat().st_size
        drained.interrupted += self._store.commit(left, path.name, size)
        self._remove(path, drained)

    def _newer_exists(self, path: Path) -> bool:
        writer, _, sequence = path.stem.rpartition("-")
        return (self._folder / f"{writer}-{int(sequence) + 1:08d}.jnl").exists()

    def _consume(self, path: Path, drained: Drained) -> None:
        """Everything up to the last whole line, in pieces of bounded size, each in a transaction with its offset."""
        done = self._store.offset(path.name)
        if path.name not in self._open:
            self._open[path.name] = {}
            self._reread(path, done)
        with path.open("rb") as file:
            file.seek(done)
            while data := file.read(READ_BYTES):
                entries, broken, consumed = parse(data)
                if not consumed:
                    break
                self._quarantine(path, broken, drained)
                records = self._close_calls(path.name, entries)
                done += consumed
                drained.records += self._store.commit(records, path.name, done)
                file.seek(done)
            drained.lag_bytes += max(0, path.stat().st_size - done)

    def _reread(self, path: Path, done: int) -> None:
        """After a restart of the drainer: which calls were open at the offset it had come to."""
        with path.open("rb") as file:
            at = 0
            while at < done and (data := file.read(min(READ_BYTES, done - at))):
                entries, _, consumed = parse(data)
                if not consumed:
                    break
                self._close_calls(path.name, entries)
                at += consumed
                file.seek(at)

    def _close_calls(self, segment: str, entries: list[Entry]) -> list[Record]:
        opened = self._open[segment]
        closed: list[Record] = []
        for entry in entries:
            if entry.o is not None:
                opened[entry.o.id] = entry.o
            elif entry.c is not None:
                opened.pop(entry.c.id, None)
                closed.append(entry.c)
        return closed

    def _quarantine(self, path: Path, broken: list[bytes], drained: Drained) -> None:
        """Lines that are no entries are kept for a person to look at; the rest goes on."""
        if not broken:
            return
        folder = self._folder / "quarantine"
        folder.mkdir(mode=0o700, exist_ok=True)
        with (folder / path.name).open("ab") as file:
            file.write(b"\n".join(broken) + b"\n")
        drained.quarantined += len(broken)
        _log.error("%d lines of %s are no journal entries; kept in %s", len(broken), path.name, folder)

    def _remove(self, path: Path, drained: Drained) -> None:
        """After the commit that consumed it all. The offset goes last: without the file it means nothing."""
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._store.forget(path.name)
        self._open.pop(path.name, None)
        drained.removed += 1


def _writer_is_dead(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _interrupted(record: Record) -> Record:
    record.outcome = "interrupted"
    record.blame = "own"
    record.error_code = "gateway_died"
    return record
