"""What was allowed when: every snapshot that ever took force, in a hash chain that is only appended to.

    policy_history/chain.jsonl          one entry a line
    policy_history/objects/aa/aabb…     the files' contents, named by their SHA-256
    policy_history/torn/                ends of lines that a crash cut off, kept for whoever wants to look

The chain shows what somebody changed who did not change everything after it. Whoever owns the disk can write the whole
chain anew, or cut off its end, and nothing in the folder would tell. What tells is a hash kept elsewhere: the newest
one, `head`, is logged at every activation, so it is in the log collector; `verify(head=…)` holds the chain against it.
"""

import contextlib
import fcntl
import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from gateway.access.chain import (
    NOTHING_BEFORE,
    Entry,
    broken_links,
    canonical,
    check_path,
    decode_entry,
    hash_of,
    sealed,
    sha256,
    snapshot_digest,
)
from gateway.stores.files import private_directory, sync_directory, write_private

_log = logging.getLogger("gateway.access")
_CHUNK = 64 * 1024


class HistoryError(Exception):
    """The history is not what was written, or cannot give what is asked of it."""


class PolicyHistory:
    """The history in a folder, which is made by the first `append`. Blocking; any number of processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._chain = folder / "chain.jsonl"
        self._objects = folder / "objects"

    @property
    def head(self) -> str:
        """The newest entry's hash, or empty."""
        entries = self.entries()
        return entries[-1].hash if entries else ""

    def append(self, files: Mapping[str, bytes], actor: str, source: str, at_ns: int, reason: str = "") -> Entry:
        """Record that these files (relative path → content) took force; the entry is on the disk when this returns.

        Files that are in force already leave the history as it is; their entry is returned. An entry is never older
        than the one before it: where the clock was set back, it gets that one's time.

        Raises:
            HistoryError: the newest entry has been altered; nothing may be built on it.
            ValueError: a path that leads out of the folder.
            OSError: the disk.
        """
        digests = {check_path(path): sha256(content) for path, content in sorted(files.items())}
        digest = snapshot_digest(digests)
        private_directory(self._folder)
        descriptor = os.open(self._chain, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as chain:
            fcntl.flock(chain, fcntl.LOCK_EX)
            self._set_torn_aside(descriptor, at_ns)
            newest = self._newest(descriptor)
            if newest is not None and newest.digest == digest:
                return newest
            self._keep({digests[path]: content for path, content in files.items()})
            entry = sealed(
                Entry(
                    seq=newest.seq + 1 if newest else 1,
                    at=max(at_ns, newest.at) if newest else at_ns,
                    digest=digest,
                    files=digests,
                    actor=actor,
                    source=source,
                    reason=reason,
                    prev=newest.hash if newest else NOTHING_BEFORE,
                    hash="",
                )
            )
            _append_line(descriptor, canonical(entry) + b"\n")
            sync_directory(self._folder)
        _log.info("policy history: entry %d by %s, head %s", entry.seq, actor, entry.hash)
        return entry

    def entries(self) -> list[Entry]:
        """All entries, oldest first. What a crash left of a last line is not among them.

        Raises:
            HistoryError: a line that is no entry.
        """
        found: list[Entry] = []
        for number, line in enumerate(self._lines()[0], 1):
            if isinstance(line, ValueError):
                raise HistoryError(f"{self._chain}:{number}: {line}")
            found.append(line)
        return found

    def files(self, entry: Entry) -> dict[str, bytes]:
        """The snapshot's files: relative path → content.

        Raises:
            HistoryError: one is missing or has been altered.
        """
        found: dict[str, bytes] = {}
        for path, digest in entry.files.items():
            try:
                check_path(path)
                found[path] = self._object(digest)
            except (OSError, ValueError) as error:
                raise HistoryError(f"{path} of entry {entry.seq}: {error}") from None
        return found

    def verify(self, head: str = "") -> list[str]:
        """Everything that is wrong, named by line or file; empty if nothing is.

        Args:
            head: the hash of an entry, written down when it was the newest. It must still be in the chain: that its
                end was cut off, or that all of it was written anew, can be seen in no other way.
        """
        lines, torn = self._lines()
        problems = [f"{self._chain}:{number}: {what}" for number, what in broken_links(lines)]
        if torn:
            problems.append(f"{self._chain}:{len(lines) + 1}: ends in the middle of a line")
        entries = [line for line in lines if isinstance(line, Entry)]
        looked_at: set[str] = set()
        for entry in entries:
            for path, digest in entry.files.items():
                if digest not in looked_at:
                    looked_at.add(digest)
                    try:
                        self._object(digest)
                    except (OSError, ValueError) as error:
                        problems.append(f"{path} of entry {entry.seq}: {error}")
        if head and not any(entry.hash == head == hash_of(entry) for entry in entries):
            problems.append(f"{self._chain}: has no entry {head}: its end was cut off, or it was written anew")
        return problems

    def _lines(self) -> tuple[list[Entry | ValueError], bytes]:
        """Each whole line's entry, or why it is none; and what there is of a line without an end.

        Raises:
            HistoryError: it is no file. A pipe would be waited for.
        """
        try:
            with open(os.open(self._chain, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as chain:
                if not stat.S_ISREG(os.fstat(chain.fileno()).st_mode):
                    raise HistoryError(f"{self._chain} is no regular file")
                fcntl.flock(chain, fcntl.LOCK_SH)
                *lines, torn = chain.read().split(b"\n")
        except FileNotFoundError:
            return [], b""
        return [_entry_or_why(line) for line in lines], torn

    def _newest(self, descriptor: int) -> Entry | None:
        line = _last_line(descriptor).removesuffix(b"\n")
        if not line and not os.fstat(descriptor).st_size:
            return None
        entry = _entry_or_why(line)
        if isinstance(entry, Entry) and hash_of(entry) == entry.hash:
            return entry
        reason = entry if isinstance(entry, ValueError) else "has been altered: its hash is not that of its content"
        raise HistoryError(f"{self._chain}: the last line {reason}")

    def _set_torn_aside(self, descriptor: int, at_ns: int) -> None:
        """A line without its end was never acknowledged: its writer died. It is moved away, so that the next line
        stands for itself. So is one with NULs, which a power cut leaves of blocks that did not reach the disk. A whole
        line that is wrong is another matter, and stays."""
        torn = _last_line(descriptor)
        if not torn or (torn.endswith(b"\n") and b"\0" not in torn):
            return
        place = private_directory(self._folder / "torn") / f"{at_ns}-{sha256(torn)[:16]}"
        write_private(place, torn)
        sync_directory(place.parent)
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - len(torn))
        os.fsync(descriptor)
        _log.error("policy history: the last line had no end (a crash?); its %d bytes are in %s", len(torn), place)

    def _keep(self, contents: Mapping[str, bytes]) -> None:
        touched: set[Path] = set()
        private_directory(self._objects)
        for digest, content in contents.items():
            path = self._path_of(digest)
            with contextlib.suppress(OSError):
                if path.read_bytes() == content:
                    continue
                _log.error("policy history: %s had been altered, and is written anew", path)
            private_directory(path.parent)
            write_private(path, content)
            touched |= {path.parent, self._objects}
        for folder in touched:
            sync_directory(folder)

    def _object(self, digest: str) -> bytes:
        place = self._path_of(digest)
        try:
            content = place.read_bytes()
        except FileNotFoundError:
            raise ValueError(f"{place} is missing") from None
        if sha256(content) != digest:
            raise ValueError(f"{place} has been altered")
        return content

    def _path_of(self, digest: str) -> Path:
        if len(digest) != len(NOTHING_BEFORE) or not set(digest) <= set("0123456789abcdef"):
            raise ValueError(f"`{digest[:80]}` is no SHA-256")
        return self._objects / digest[:2] / digest


def _entry_or_why(line: bytes) -> Entry | ValueError:
    try:
        return decode_entry(line)
    except ValueError as error:
        return error


def _append_line(descriptor: int, line: bytes) -> None:
    """All of it or nothing, and on the disk."""
    size = os.fstat(descriptor).st_size
    try:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _last_line(descriptor: int) -> bytes:
    """What follows the last line break but one, or, where the file does not end in one, the last."""
    size = os.fstat(descriptor).st_size
    found = b""
    while size and b"\n" not in found[:-1]:
        start = max(0, size - _CHUNK)
        found = os.pread(descriptor, size - start, start) + found
        size = start
    cut = found[:-1].rfind(b"\n")
    return found[cut + 1 :]
