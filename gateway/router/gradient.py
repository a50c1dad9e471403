"""How many calls may be under way at a target before it only gets slower: found out, not configured.

As Netflix' Gradient2 (concurrency-limits, 2018) a limit follows how long answers take now beside how long they usually
take. What is different here, because models are not web services:

* A time to the first token says little by itself. What counts is the least of a window: when even the quickest call
  waited long, all of them wait for each other.
* A long prompt takes longer, and so does a long answer that comes whole. Each call is measured by the second and by the
  second per size, each beside its own long average, and the better figure counts: a change in what is asked looks
  slow by one of them, a queue by both.
* A process with too much to do reads answers late, and all of them: what its own lateness may explain is not held
  against a target.
* Nothing is cut that is not pressed: a target is slow under load only if more calls are there than usually, or as many
  as the limit lets in.

Until a target was too slow there is no limit, and long after it there is none again.
"""

import math
from statistics import fmean

from gateway.router.document import Overload

# A window of answers: at least so many, over at least so long.
WINDOW, WINDOW_S = 10, 0.5
# Windows that the long averages look back on; answers that teach them before anything is measured by them.
LONG, TAUGHT = 60, 20
# What takes longer than usual while the limit is in use does so because of what is let in: that becomes usual slowly.
SLOWLY = 20
FORGET_S = 60.0
MOST_CUT = 0.5
# More calls than usually; as many as the limit lets in.
CROWDED, FULL = 1.25, 0.9


class _Usual:
    """Long averages of one kind of call, of seconds and of seconds by size, and the sums of a window."""

    __slots__ = ("_now", "_now_by_size", "by_size", "count", "seconds")

    def __init__(self) -> None:
        self.count = 0
        self.seconds = self.by_size = 0.0
        self._now: list[float] = []
        self._now_by_size: list[float] = []

    def learn(self, seconds: float, size: float) -> None:
        by_size = seconds / size
        if self.count < TAUGHT:
            self.count += 1
            self.seconds += (seconds - self.seconds) / self.count
            self.by_size += (by_size - self.by_size) / self.count
        else:
            self._now.append(seconds)
            self._now_by_size.append(by_size)

    def turn(self, *, slowly: bool) -> None:
        """A window is over. One far from what is usual teaches no more than one twice as long."""
        if self._now:
            self.seconds = _moved(self.seconds, fmean(self._now), slowly=slowly)
            self.by_size = _moved(self.by_size, fmean(self._now_by_size), slowly=slowly)
            self._now, self._now_by_size = [], []


def _moved(usual: float, now: float, *, slowly: bool) -> float:
    step = (min(now, 2 * usual or now) - usual) / LONG
    return usual + (step / SLOWLY if slowly and step > 0 else step)


class Gradient:
    """Of one target in one worker.

    Attributes:
        limit: None: nothing is learned.
    """

    __slots__ = ("_began", "_count", "_crowd", "_cut_at", "_least", "_peak", "_usual", "limit")

    def __init__(self) -> None:
        self.limit: float | None = None
        self._usual: dict[object, _Usual] = {}
        self._least = math.inf
        self._count = self._peak = 0
        self._began = self._cut_at = self._crowd = 0.0

    def room(self, options: Overload, *, batch: bool) -> float:
        """How many calls may be under way when one more comes."""
        limit, most = self.limit, options.max
        if limit is not None and limit < most:
            most = limit
        return most * options.batch_share if batch else most

    def answered(
        self, kind: object, seconds: float, size: float, in_flight: int, now: float, options: Overload, own_s: float = 0
    ) -> None:
        """A call has begun to answer. `kind`: calls of one kind are measured by each other. `size`: 1 or more, in any
        unit. `in_flight`: calls under way, itself included. `own_s`: so much of it may have been this process's."""
        usual = self._usual.get(kind)
        if usual is None:
            usual = self._usual[kind] = _Usual()
        self._note(usual, seconds, size, in_flight, now, options, own_s)
        usual.learn(seconds, size)

    def gave_up(
        self, kind: object, seconds: float, in_flight: int, now: float, options: Overload, own_s: float = 0
    ) -> None:
        """A call was not answered in the time that it had: it took at least so long, and teaches nothing."""
        usual = self._usual.get(kind)
        if usual is not None:
            self._note(usual, seconds, 1.0, in_flight, now, options, own_s)

    def _note(
        self, usual: _Usual, seconds: float, size: float, in_flight: int, now: float, options: Overload, own_s: float
    ) -> None:
        # How many times as long as usual this took there, by the figure that speaks better of it.
        ratio = 1.0
        if usual.count >= TAUGHT:
            theirs = seconds - own_s if seconds > own_s else 0.0
            ratio = min(theirs / (usual.seconds or 1e-9), theirs / size / (usual.by_size or 1e-9))
        if not self._count:
            self._began = now
        self._count += 1
        if ratio < self._least:
            self._least = ratio
        if in_flight > self._peak:
            self._peak = in_flight
        if self._count >= WINDOW and now - self._began >= WINDOW_S:
            self._judge(now, options)
            self._peak, self._count, self._least = 0, 0, math.inf

    def _judge(self, now: float, options: Overload) -> None:
        limit, peak = self.limit, self._peak
        slow = self._least > options.tolerance
        in_use = limit is not None and peak >= limit / 2
        pressed = peak > CROWDED * self._crowd or (limit is not None and peak >= FULL * limit)
        self._crowd = _moved(self._crowd, peak, slowly=slow or in_use) if self._crowd else float(peak)
        for usual in self._usual.values():
            usual.turn(slowly=slow or in_use)
        if slow and pressed and peak > options.min:
            most = peak if limit is None else min(limit, peak)
            self.limit = max(float(options.min), most * max(MOST_CUT, options.tolerance / self._least))
            self._cut_at = now
        elif limit is not None and not slow:
            if in_use:
                self.limit = limit + math.sqrt(limit)
            elif now - self._cut_at > FORGET_S:
                self.limit = None
            if self.limit is not None and self.limit >= options.max:
                self.limit = None
