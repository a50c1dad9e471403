"""How far a run is: a bar for people at a terminal, a line now and then for logs."""

import sys
from collections.abc import Callable
from typing import TextIO

from gateway.cli.prices import money
from gateway.compare.running.runner import Progress

WIDTH = 30
EVERY_S = 10.0


class ProgressShown:
    """`with ProgressShown(now, currency) as shown: …told=shown`. On a terminal one line that is written over."""

    def __init__(self, now: Callable[[], float], currency: str, out: TextIO | None = None) -> None:
        self._now = now
        self._currency = currency
        self._out = sys.stderr if out is None else out
        self._bar = self._out.isatty()
        self._began = self._said_at = now()
        self._open = False

    def __enter__(self) -> "ProgressShown":
        return self

    def __exit__(self, *_: object) -> None:
        if self._open:
            self._out.write("\n")
            self._out.flush()

    def __call__(self, progress: Progress) -> None:
        now = self._now()
        if self._bar:
            self._out.write(f"\r\x1b[K{self._line(progress, now, bar=True)}")
            self._open = True
        elif now - self._said_at >= EVERY_S or progress.done == progress.total:
            self._out.write(f"{self._line(progress, now, bar=False)}\n")
            self._said_at = now
        else:
            return
        self._out.flush()

    def _line(self, progress: Progress, now: float, *, bar: bool) -> str:
        parts = [f"{progress.done}/{progress.total}"]
        if bar:
            filled = WIDTH * progress.done // max(1, progress.total)
            parts.insert(0, f"[{'#' * filled}{'.' * (WIDTH - filled)}]")
        if progress.failures:
            parts.append(f"{progress.failures} without an answer")
        if progress.kept:
            parts.append(f"{progress.kept} kept")
        parts.append(f"{money(progress.spent_nano)} {self._currency}")
        left = progress.total - progress.done
        if left and progress.done > progress.kept:
            rest = (now - self._began) / (progress.done - progress.kept) * left
            parts.append(f"about {rest:.0f} s left")
        return "  ".join(parts)
