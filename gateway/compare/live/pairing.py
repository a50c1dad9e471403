"""Calls of two arms set against each other, so that differences can be counted: what each of them was given by a die.

Calls are cut into runs that end as soon as two of either arm are in them, and the difference of a run is that of their
means: `b b c b b c` is two of the candidate's beside four of the base's. Which calls make a run depends on their arms
and their order alone, never on how they went; and those of a run were made at about the same time, so that what has
changed for both arms, a busy hour or another share of the traffic, is in no difference. Half and half, that takes a
tenth more calls than setting equal numbers against each other would; runs that end with one of either, a quarter more.
Keeping what has no other half yet, up to 64 of it, to make equal numbers, was tried: with an error rate that goes up
and down and a canary whose share grows, one in eight arms alike was called different.
"""

from collections import deque

EACH = 2
# Of an arm that the other is missing beside for long, the last so many count.
MOST = 16


class Pairing:
    """The run that is under way."""

    __slots__ = ("_base", "_candidate")

    def __init__(self) -> None:
        self._candidate: deque[float] = deque(maxlen=MOST)
        self._base: deque[float] = deque(maxlen=MOST)

    def add(self, value: float, *, candidate: bool) -> tuple[float, float] | None:
        """A call's value; (the candidate's mean, the base's mean), if it ends a run."""
        (self._candidate if candidate else self._base).append(value)
        if len(self._candidate) < EACH or len(self._base) < EACH:
            return None
        means = sum(self._candidate) / len(self._candidate), sum(self._base) / len(self._base)
        self._candidate.clear()
        self._base.clear()
        return means
