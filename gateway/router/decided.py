"""What was decided of canaries and of experiments: files in one folder that outlive restarts, and that all workers of a
state folder read.

    <id>.json       a canary was rolled back, or an arm of an experiment stopped; that the file is there is what counts
    shares-<id>     what the arms of an experiment got of the calls, and from when on
"""

import contextlib
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from gateway.router.experiments import Period
from gateway.stores.files import write_private

FOLDER = "canaries"  # below the state folder
PERIODS = "shares-"
# The folder is read until so many looks have found it as it was: a file system may tell times by whole seconds.
SURE = 5


class RolledBack(msgspec.Struct, frozen=True):
    """What the file says, of a canary or of an arm of an experiment; `at`: Unix seconds. `last_resort`: it is still
    used when no other can be."""

    route: str = ""
    target: str = ""
    since: str = ""
    at: float = 0.0
    reason: str = ""
    last_resort: bool = False


class Reading:
    """The folder, as somebody sees it who looks again and again: what was published of shares may be a month's, and
    takes long to read."""

    def __init__(self) -> None:
        self._changed_ns = self._unchanged = 0

    def read(self, folder: Path) -> tuple[Mapping[str, RolledBack], Mapping[str, Sequence[Period]]] | None:
        """What is there; None: what was there before.

        Raises:
            OSError: not all of it can be read just now.
        """
        changed_ns = folder.stat().st_mtime_ns if folder.exists() else 0
        if changed_ns != self._changed_ns:
            self._changed_ns, self._unchanged = changed_ns, 0
        if self._unchanged >= SURE:
            return None
        found = read_over(folder), read_periods(folder)
        self._unchanged += 1
        return found


def read_over(folder: Path) -> dict[str, RolledBack]:
    """By the id of a canary or of an arm. That the file is there is what counts."""
    return {path.stem: _read_one(path) for path in folder.glob("[!.]*.json")}


def _read_one(path: Path) -> RolledBack:
    try:
        return msgspec.json.decode(path.read_bytes(), type=RolledBack)
    except (OSError, msgspec.MsgspecError):
        return RolledBack()


def read_periods(folder: Path) -> dict[str, Sequence[Period]]:
    """By the id of an experiment; of a damaged file, nothing.

    Raises:
        OSError: one cannot be read just now. What it says has been in force, and goes on to be.
    """
    found: dict[str, Sequence[Period]] = {}
    for path in folder.glob(f"{PERIODS}*"):
        with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
            found[path.name.removeprefix(PERIODS)] = msgspec.json.decode(path.read_bytes(), type=list[Period])
    return found


def write_periods(folder: Path, id: str, periods: Sequence[Period]) -> None:
    """Raises:
    OSError: it cannot be written.
    """
    write_private(folder / f"{PERIODS}{id}", msgspec.json.encode(periods))


def write_over(folder: Path, id: str, one: RolledBack) -> bool:
    """Whether the file was not there yet.

    Raises:
        OSError: it cannot be written.
    """
    written = folder / f".{id}.{secrets.token_hex(4)}"
    write_private(written, msgspec.json.encode(one))
    try:
        os.link(written, folder / f"{id}.json")
    except FileExistsError:
        return False
    finally:
        written.unlink()
    return True
