"""Where files came from: the commit that is checked out, and who owns what was changed last.

Both are what the machine says, not proof: a file may have been edited after the checkout. The proof of content is its
digest; of review, the repository that the commit is looked up in.
"""

import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REF = re.compile(r"refs/[^\0\s]+")
_MAX_PARENTS = 64
_MAX_STEPS = 5  # git's own bound of symbolic refs that name each other
_MAX_BYTES = 4096
_MAX_PACKED_BYTES = 64 * 1024 * 1024


def sources(folder: Path) -> str:
    """The commit (40 or 64 hex digits) of the git checkout that the folder is in; empty if there is none, or none that
    can be read. git itself is not run. Never raises.

    Read: `.git` as a folder, or a file that names one (worktrees, submodules); `HEAD`; loose and packed refs.
    """
    try:
        place = _git_folder(folder.resolve())
        return _commit(place) if place is not None else ""
    except (OSError, ValueError, RuntimeError):
        return ""


def owner_of(paths: Iterable[Path]) -> str:
    """The name of the user who owns the file that was changed last; the number of one without a name; empty where no
    file can be seen."""
    import pwd

    newest: tuple[int, int] | None = None
    for path in paths:
        try:
            found = path.stat()
        except (OSError, ValueError):
            continue
        if newest is None or found.st_mtime_ns > newest[0]:
            newest = (found.st_mtime_ns, found.st_uid)
    if newest is None:
        return ""
    try:
        return pwd.getpwuid(newest[1]).pw_name
    except KeyError:
        return str(newest[1])


def _git_folder(folder: Path) -> Path | None:
    for place in [folder, *folder.parents][:_MAX_PARENTS]:
        git = place / ".git"
        if git.is_dir():
            return git
        if git.is_file():
            prefix, colon, path = _text(git).partition(":")
            return place / path.strip() if (prefix, colon) == ("gitdir", ":") else None
    return None


def _commit(git: Path) -> str:
    """What HEAD leads to. Refs of all worktrees but HEAD's own stand in the folder that `commondir` names."""
    common = git / _text(git / "commondir").strip() if (git / "commondir").is_file() else git
    said = _text(git / "HEAD").strip()
    for _ in range(_MAX_STEPS):
        if _COMMIT.fullmatch(said):
            return said
        name = said.removeprefix("ref:").strip()
        if not said.startswith("ref:") or not _REF.fullmatch(name) or ".." in name.split("/"):
            return ""
        loose = next((place / name for place in (git, common) if (place / name).is_file()), None)
        said = _text(loose).strip() if loose is not None else _packed(common / "packed-refs", name)
    return ""


def _packed(path: Path, name: str) -> str:
    for line in _lines(path):
        commit, _, ref = line.strip().partition(" ")
        if ref == name:
            return commit
    return ""


def _text(path: Path) -> str:
    """The beginning of a small file; a pipe or a device would be waited for, and is not read."""
    if not stat.S_ISREG(path.stat().st_mode):
        return ""
    with path.open("rb") as file:
        return file.read(_MAX_BYTES).decode()


def _lines(path: Path) -> Iterator[str]:
    if not path.is_file() or path.stat().st_size > _MAX_PACKED_BYTES:
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        yield from file
