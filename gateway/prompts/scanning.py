"""What files there are below `prompts/`, and whether they changed: looked at often, so only looked at."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

PROMPT, YAML = ".prompt", (".yaml", ".yml")
PARTIAL = "_"
BUNDLE = "bundle.sig"
MAX_DEPTH = 16
Stat = tuple[int, int, int, int]


class Seen(msgspec.Struct, frozen=True):
    """Attributes:
    folders: by path below the root (`""` is the root itself), of each file that may matter (mtime, ctime, size, inode).
    unreadable: folders that could not be looked into, and why. What they hold is not known, and not gone.
    """

    folders: Mapping[str, Mapping[str, Stat]]
    unreadable: Mapping[str, str]


NOTHING = Seen({}, {})


def look(root: Path) -> Seen:
    """All of it as it is now; nothing, if there is no such folder. Links to folders are not followed: they can lead in
    a circle."""
    folders: dict[str, Mapping[str, Stat]] = {}
    unreadable: dict[str, str] = {}
    if not root.is_dir():
        return NOTHING
    waiting = [("", 0)]
    while waiting:
        path, depth = waiting.pop()
        try:
            files, below = _look_into(f"{root}/{path}" if path else str(root))
        except OSError as error:
            unreadable[path] = error.strerror or str(error)
            continue
        folders[path] = files
        if below and depth == MAX_DEPTH:
            unreadable[path] = f"holds folders deeper than {MAX_DEPTH} levels, which are not read"
            continue
        waiting += [(f"{path}/{name}" if path else name, depth + 1) for name in below]
    return Seen(folders, unreadable)


def _look_into(path: str) -> tuple[dict[str, Stat], list[str]]:
    files: dict[str, Stat] = {}
    below: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith("."):  # an editor's, or half of a file that is being replaced
                continue
            if name.endswith(PROMPT) or name.endswith(YAML) or name == BUNDLE:
                try:
                    found = entry.stat()
                except OSError:
                    files[name] = (0, 0, 0, 0)  # gone by now, or a link that leads nowhere: reading it says so
                else:
                    files[name] = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
            elif entry.is_dir(follow_symlinks=False):
                below.append(name)
    return files, below
