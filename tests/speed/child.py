"""Processes that the bench starts: on given cores, output into a file, ended with all their children."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.speed.proc import process_tree

ROOT = Path(__file__).parents[2]
# As a user starts it, who has its bytecode from the start before.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class BenchError(Exception):
    """The bench itself cannot go on; the message says why."""


class Child:
    """`with Child(name, argv, cores, log) as child: child.wait_until(answers)`; runs in the repository's root."""

    def __init__(self, name: str, argv: Sequence[str], cores: frozenset[int], log: Path) -> None:
        self.name = name
        self.log = log
        self._argv = argv
        self._cores = cores
        self._process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0

    @property
    def pid(self) -> int:
        assert self._process is not None, "a child is used inside `with`"
        return self._process.pid

    def __enter__(self) -> Self:
        with self.log.open("ab") as output:
            self.started_at = time.monotonic()
            self._process = subprocess.Popen(
                self._argv,
                cwd=ROOT,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # The cores are set before the program runs, so that all its threads and children inherit them.
                preexec_fn=lambda: os.sched_setaffinity(0, self._cores),
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None, "entered before"
        tree = process_tree(self.pid)
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        for pid in tree[1:] if self._process.returncode is not None else tree:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(timeout=10)

    def wait_until(self, answers: Callable[[], bool], timeout_s: float = 60.0) -> float:
        """Ask every few milliseconds; seconds from the process's start until the answer was yes.

        Raises:
            BenchError: the process ended, or did not get there in time.
        """
        assert self._process is not None, "a child is used inside `with`"
        while not answers():
            if self._process.poll() is not None:
                raise BenchError(f"{self.name} ended with {self._process.returncode}:\n{self.last_words()}")
            if time.monotonic() - self.started_at > timeout_s:
                raise BenchError(f"{self.name} gave no good answer within {timeout_s:g} s:\n{self.last_words()}")
            time.sleep(0.003)
        return time.monotonic() - self.started_at

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]
