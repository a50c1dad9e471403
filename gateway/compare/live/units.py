"""Whom the die was thrown for: where a user stays with his arm, he counts once, however much he calls.

Calls of one user are alike, and all on one arm: taken for as many as they are, they would make chance look like a
difference. A user counts for the arm of his first call, by the mean of his calls in the time `window_ns` from then,
once that is over: what he is worth does not change any more, so that one may look at any time.
"""

from collections import deque
from collections.abc import Iterator

import msgspec

from gateway.compare.live.measures import Values


class Seen(msgspec.Struct, frozen=True, gc=False):
    """A call as it counts. `unit`: whom its arm was chosen for; None: this call alone. `at_ns`: Unix nanoseconds."""

    arm: str
    unit: int | str | None
    at_ns: int
    values: Values


class _Open:
    __slots__ = ("counts", "first", "sums")

    def __init__(self, first: Seen) -> None:
        self.first = first
        self.sums = [0.0] * len(first.values)
        self.counts = [0] * len(first.values)

    def add(self, values: Values) -> None:
        for at, value in enumerate(values):
            if value is not None:
                self.sums[at] += value
                self.counts[at] += 1

    def closed(self) -> Seen:
        means = tuple(one / n if n else None for one, n in zip(self.sums, self.counts, strict=True))
        return Seen(self.first.arm, self.first.unit, self.first.at_ns, means)


class Units:
    """Calls in, in the order of their time; out what each unit is worth, once, in the order of their first calls. Keeps
    some 100 bytes of each unit, and nothing of calls."""

    def __init__(self, window_ns: int) -> None:
        self._window_ns = window_ns
        self._order: deque[_Open] = deque()
        self._open: dict[int | str, _Open] = {}
        self._over: set[int | str] = set()

    def add(self, seen: Seen) -> Iterator[Seen]:
        yield from self.until(seen.at_ns)
        unit = seen.unit
        if unit is None:
            yield seen
        elif unit not in self._over:
            one = self._open.get(unit)
            if one is None:
                one = self._open[unit] = _Open(seen)
                self._order.append(one)
            if one.first.arm == seen.arm:
                one.add(seen.values)

    def until(self, now_ns: int) -> Iterator[Seen]:
        """Those whose time is over by then."""
        while self._order and self._order[0].first.at_ns + self._window_ns <= now_ns:
            seen = self._order.popleft().closed()
            assert seen.unit is not None, "only such are kept"
            del self._open[seen.unit]
            self._over.add(seen.unit)
            yield seen
