"""The files that the processes of one gateway keep their metrics in, and the text made of them for a scrape."""

import contextlib
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

_TRIES = 3
_OURS = "_one_process_id"


def fresh_folder(folder: Path) -> None:
    """An empty folder for a new run: what dead processes of an earlier run counted is not this run's."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        with contextlib.suppress(FileNotFoundError):
            file.unlink()


def share_values() -> None:
    """See to it that the library keeps this process's values in files, even if something imported it too early.

    The library asks for the process's id at every increment, a system call each; ours never changes, as nothing here
    forks. Once per process: two of the library's value classes would write over each other in the same files.

    Raises:
        RuntimeError: PROMETHEUS_MULTIPROC_DIR, where the library looks for the folder, is not set to one.
    """
    from prometheus_client import values
    from prometheus_client.multiprocess import MultiProcessCollector

    try:
        MultiProcessCollector(None)
    except ValueError as error:
        raise RuntimeError("PROMETHEUS_MULTIPROC_DIR must name the folder for metrics") from error
    if getattr(values.ValueClass, _OURS, False):
        return
    pid = os.getpid()
    shared = values.MultiProcessValue(lambda: pid)  # pyright: ignore[reportUnknownMemberType]
    setattr(shared, _OURS, True)
    values.ValueClass = shared


def expose(registry: "CollectorRegistry", folder: Path | None) -> tuple[bytes, str]:
    """(text, content type): of this process, or, if there is a folder, of all processes that keep values there."""
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    if folder is None:
        return generate_latest(registry), CONTENT_TYPE_LATEST
    collector = MultiProcessCollector(None, str(folder))
    for _ in range(_TRIES - 1):
        # A process that is just starting has files whose header is not written yet; reading again mends that.
        with contextlib.suppress(struct.error, RuntimeError, ValueError):
            return generate_latest(_Collected(collector)), CONTENT_TYPE_LATEST
    return generate_latest(_Collected(collector)), CONTENT_TYPE_LATEST


class _Collected:
    """What generate_latest wants, without a registry, which would read every file twice."""

    def __init__(self, collector: Any) -> None:
        self._collector = collector

    def collect(self) -> "Iterable[Metric]":
        return self._collector.collect()


def forget(folder: Path, pid: int) -> None:
    """A process has died: its gauges no longer count (its counters do)."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(pid, str(folder))  # pyright: ignore[reportUnknownMemberType]
