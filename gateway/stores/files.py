"""State files: secrets of mode 0600, and atomic replacement."""

import hashlib
import os
import secrets
from pathlib import Path


def private_directory(path: Path) -> Path:
    """Make `path` (mode 0700) if it is not there."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_private(path: Path, content: str | bytes) -> None:
    """Replace `path` by `content` in one step; nobody but the owner can ever read it, not even for a moment."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def sync_directory(path: Path) -> None:
    """Bring the names in a folder to the disk: without it, a new file can be gone after a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_or_create_secret(path: Path, prefix: str) -> str:
    """The secret kept in `path`; made on first use: `prefix` and 256 bits of randomness. Of several processes that make
    it at once one does, and no other ever reads half of it, or nothing."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        private_directory(path.parent)
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    write_private(made, prefix + secrets.token_urlsafe(32) + "\n")
    try:
        os.link(made, path)  # a whole file takes the name, if nobody has it
    except FileExistsError:
        pass
    finally:
        made.unlink()
    return path.read_text(encoding="utf-8").strip()


def fingerprint(paths: list[Path]) -> tuple[tuple[int, int, int] | None, ...]:
    """What changes when any of these files is edited or replaced: (mtime, size, inode) of each, None if absent."""
    return tuple(_stat(path) for path in paths)


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def digest(*parts: bytes) -> str:
    """SHA-256 of the parts, each preceded by its length, as the first 16 hex digits: a version to show and to store."""
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(len(part).to_bytes(8, "big"))
        hasher.update(part)
    return hasher.hexdigest()[:16]
