"""Targets that an operator has taken out: they get no new calls, and finish those they have.

Kept in one file of the state folder, which `gateway targets` replaces and every worker follows; it outlives restarts.
"""

import asyncio
import contextlib
import fcntl
import logging
from collections.abc import Callable, Generator, Mapping
from pathlib import Path

import msgspec

from gateway.stores.files import fingerprint, private_directory, write_private

_log = logging.getLogger("gateway.router")
FILE = "targets.json"
POLL_S = 0.25


class TakenOut(msgspec.Struct, frozen=True):
    """By whom, when (Unix seconds), and why."""

    by: str
    at: float
    reason: str = ""


def read_taken_out(path: Path) -> dict[str, TakenOut]:
    """By `provider/model`; nothing if there is no such file.

    Raises:
        ValueError: the file is none of ours. OSError: it cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, TakenOut])
    except FileNotFoundError:
        return {}
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None


@contextlib.contextmanager
def changing(path: Path) -> Generator[dict[str, TakenOut]]:
    """What is taken out, to be changed by one at a time; the file is replaced in one step at the end, unless something
    is raised.

    Raises:
        ValueError, OSError: as `read_taken_out`, or it cannot be written.
    """
    private_directory(path.parent)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = read_taken_out(path)
        yield found
        write_private(path, msgspec.json.encode(found))


async def follow(path: Path, changed: Callable[[Mapping[str, TakenOut]], None]) -> None:
    """Tell what is taken out, at once and whenever that changes. If the file cannot be read, what was known stays."""
    seen: object = None
    while True:
        try:
            now = await asyncio.to_thread(fingerprint, [path])
            if now != seen:
                seen = now
                changed(await asyncio.to_thread(read_taken_out, path))
        except (ValueError, OSError) as error:
            _log.error("which targets are taken out cannot be read, what was known stays: %s", error)
        await asyncio.sleep(POLL_S)
