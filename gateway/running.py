"""Which gateway runs on a state folder, and what it was started with: written by the parent, read by the command line.

The parent holds a lock on the file as long as it lives, and the kernel lets go of it however that ends: what is locked
is true. A lock of its own, apart from the one that keeps a second gateway away: whoever looks must not be in the way of
one that starts.
"""

import contextlib
import fcntl
import os
from collections.abc import Generator
from pathlib import Path

import msgspec

from gateway.config import Settings


class Started(msgspec.Struct, frozen=True):
    """A gateway that runs. `config`: its file; `digest`: of what that held when it was started."""

    pid: int
    config: str
    digest: str


def _place(settings: Settings) -> Path:
    return settings.run_dir / "started.json"


@contextlib.contextmanager
def told_of_start(settings: Settings) -> Generator[None]:
    """For whoever holds the state folder: tell what it was started with, until the end."""
    with _place(settings).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # somebody who looks holds it for an instant
        file.truncate(0)
        file.write(msgspec.json.encode(Started(os.getpid(), str(settings.file), settings.digest)))
        file.flush()
        yield


def started(settings: Settings) -> Started | None:
    """The gateway that runs on the state folder of these settings; None where there is none, or none is told of."""
    try:
        with _place(settings).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return msgspec.json.decode(file.read(), type=Started)
    except (OSError, msgspec.MsgspecError):
        pass
    return None


def started_with_another(settings: Settings) -> Started | None:
    """The same, if it was started from the same file, and that has changed since."""
    one = started(settings)
    return one if one and one.config == str(settings.file) and one.digest != settings.digest else None
