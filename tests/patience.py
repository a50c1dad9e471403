"""How much of the time that something took was not its own, on a machine that others keep busy."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def stood_in_line_s(pids: Iterable[int]) -> float:
    """Seconds for which the threads of these processes, and of this one, were ready to run and had no core so far, as the
    system counts them; 0 where it does not."""
    waited_ns = 0
    for pid in (os.getpid(), *pids):
        for told in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # a thread may end meanwhile
                waited_ns += int(told.read_text().split()[1])
    return waited_ns / 1e9
