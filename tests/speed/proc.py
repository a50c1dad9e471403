"""What a tree of processes costs, read from `/proc` (Linux).

CPU time is user + system of every process in the tree, and of the children that it has already buried, so a worker
that is restarted in the middle of a measurement is not forgotten. The kernel reports it in ticks of 10 ms.
"""

import os
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat after the command's name in parentheses, see proc_pid_stat(5).
PPID, UTIME, STIME, CUTIME, CSTIME = 1, 11, 12, 13, 14


def _stat(pid: int) -> list[str] | None:
    """The fields after the name, which may itself hold spaces and parentheses; None if the process is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text[text.rindex(")") + 2 :].split()


def process_tree(root: int) -> list[int]:
    """`root` and all its descendants that are alive, parents before children."""
    parents: dict[int, int] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) is not None:
            parents[int(entry.name)] = int(fields[PPID])
    found = [root] if root in parents else []
    for pid in found:  # grows while it is walked
        found += sorted(child for child, parent in parents.items() if parent == pid)
    return found


class Cpu(NamedTuple):
    """Seconds of CPU: of the whole tree, and of its root alone."""

    total: float
    root: float


def cpu_s(root: int) -> Cpu:
    """What the tree below `root` has used up to now."""
    total = own = 0
    for pid in process_tree(root):
        if (fields := _stat(pid)) is not None:
            alone, buried = (
                sum(int(fields[index]) for index in indices) for indices in ((UTIME, STIME), (CUTIME, CSTIME))
            )
            total += alone + buried
            own += alone if pid == root else 0
    return Cpu(total / TICKS_PER_S, own / TICKS_PER_S)


def rss_mib(pid: int) -> float:
    """Resident memory of one process, MiB, pages shared with others included."""
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
