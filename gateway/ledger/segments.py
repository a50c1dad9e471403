"""The journal's folder: what its files are called, whose writer lives, and that one process drains it.

    <writer>-<sequence>.jnl     a segment; its writer holds a lock on the newest one for as long as it lives
    <writer>-<sequence>.new     a segment being made, which nobody reads
    drain.lock                  held by the one process that drains
    quarantine/                 lines that could not be read

A lock belongs to an open file, and the kernel lets it go however a process ends. So a lock that can be had means that
the writer is dead, which a process id, being used again and again, could not say.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Generator
from pathlib import Path

ABANDONED_S = 60.0
CALLING_S = 5.0


class AlreadyDraining(Exception):
    """Another process drains this folder."""


def segment_path(folder: Path, writer: str, sequence: int) -> Path:
    return folder / f"{writer}-{sequence:08d}.jnl"


def create_segment(path: Path, heading: bytes) -> int:
    """A new segment's descriptor, open for appending. It gets its name only when it is locked and headed: a drainer
    must never find a living writer's file unlocked, or a file without its open calls.

    Raises:
        OSError: the disk does not take it; nothing is left behind.
    """
    unnamed = path.with_suffix(".new")
    descriptor = os.open(unnamed, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if heading and os.write(descriptor, heading) != len(heading):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        unnamed.rename(path)
    except OSError:
        os.close(descriptor)
        unnamed.unlink(missing_ok=True)
        raise
    return descriptor


def segments_by_writer(folder: Path) -> dict[str, list[Path]]:
    """Every segment, oldest first, by its writer."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.jnl")):
        found.setdefault(path.stem.rpartition("-")[0], []).append(path)
    return found


def folder_bytes(folder: Path) -> int:
    """What all segments take of the disk."""
    sizes = 0
    for path in folder.glob("*.jnl"):
        with contextlib.suppress(FileNotFoundError):
            sizes += path.stat().st_size
    return sizes


def newer_exists(path: Path) -> bool:
    """Whether the writer of this segment has begun the next."""
    writer, _, sequence = path.stem.rpartition("-")
    return segment_path(path.parent, writer, int(sequence) + 1).exists()


def writer_is_dead(path: Path) -> bool:
    """Whether nobody holds the lock of this segment. True as well for one that its writer has left for a newer one:
    ask `newer_exists` afterwards; the newer one is there before the older one's lock is let go."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def calling_writers(folder: Path, now: float) -> int:
    """How many writers live, and have written something within the last CALLING_S. `now`: Unix seconds."""
    count = 0
    for *_, newest in segments_by_writer(folder).values():
        with contextlib.suppress(FileNotFoundError):
            count += now - newest.stat().st_mtime < CALLING_S and not writer_is_dead(newest)
    return count


def remove_abandoned(folder: Path, now: float) -> None:
    """Remove segments whose writers died while they made them; all they held stands in the segments before.

    Young ones stay: between making a file and locking it, a living writer's looks the same. `now`: Unix seconds.
    """
    for path in folder.glob("*.new"):
        with contextlib.suppress(FileNotFoundError):
            if now - path.stat().st_mtime > ABANDONED_S and writer_is_dead(path):
                path.unlink()


@contextlib.contextmanager
def sole_drainer(folder: Path) -> Generator[None]:
    """Hold the folder's drain.lock.

    Raises:
        AlreadyDraining: somebody else holds it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / "drain.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyDraining(f"another process drains {folder}; stop it first") from None
        yield
    finally:
        os.close(descriptor)
