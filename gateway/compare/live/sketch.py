"""Quantiles of any number of values in bounded memory: counted in classes that are 2 % wide."""

import math

from gateway.compare.running.results import Quantiles

_WIDTH = math.log(1.02)
_LEAST = 1e-6


class Sketch:
    """Of values of 0 or more; each answer is within 1 % of one of them."""

    __slots__ = ("_classes", "count")

    def __init__(self) -> None:
        self._classes: dict[int, int] = {}
        self.count = 0

    def add(self, value: float) -> None:
        at = math.floor(math.log(max(value, _LEAST)) / _WIDTH)
        self._classes[at] = self._classes.get(at, 0) + 1
        self.count += 1

    def quantile(self, share: float) -> float:
        rank = max(1, math.ceil(share * self.count))
        for at in sorted(self._classes):
            rank -= self._classes[at]
            if rank <= 0:
                return math.exp((at + 0.5) * _WIDTH)
        raise AssertionError("classes add up")

    def quantiles(self) -> Quantiles | None:
        """None: there were none."""
        return Quantiles(self.count, self.quantile(0.5), self.quantile(0.95)) if self.count else None
