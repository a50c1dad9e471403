"""Servers that tests start end with the process that started them, however that ends: `kill -9` leaves none behind.

A process beside holds the reading end of a pipe; when no one writes to it any more, it kills what it was told of. The
kernel's own way (PR_SET_PDEATHSIG) means the thread that started a server, not its process, and tests start them in
threads; and a server that runs as another user would be out of its reach.
"""

import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path


def ends_with_us(process: subprocess.Popen[bytes], folder: Path | None = None) -> None:
    """`process`: a server that was just started; what it has started itself ends too. `folder`: goes with it."""
    os.write(_pipe(), f"{process.pid} {folder or ''}\n".encode())


@functools.cache
def _pipe() -> int:
    """The writing end, which nothing inherits that is started from here."""
    reading, writing = os.pipe()
    os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", __file__],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, reading, 0)],
        setsid=True,
    )
    os.close(reading)
    return writing


def _begun(pid: int) -> str:
    """When a process began; no other of its number will have begun then. Empty: there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _below(pid: int) -> list[int]:
    """The process and all that come from it."""
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:  # it has ended meanwhile
                continue
    return found


def _watch() -> None:
    told: list[tuple[int, str, str]] = []
    for line in sys.stdin:
        pid, _, folder = line.rstrip("\n").partition(" ")
        told.append((int(pid), _begun(int(pid)), folder))
    for pid, begun, _ in told:
        if begun and _begun(pid) == begun:
            for one in _below(pid):
                try:
                    os.kill(one, signal.SIGKILL)
                except ProcessLookupError:
                    continue
    for _, _, folder in told:
        for _ in range(100 if folder else 0):  # what was killed may write until it is gone
            shutil.rmtree(folder, ignore_errors=True)
            if not Path(folder).exists():
                break
            time.sleep(0.05)


if __name__ == "__main__":
    _watch()
