"""Scales of plots. Places across are shares of the width, so that a plot fits a telephone as well as a sheet of paper,
its letters being of one size on both."""

import math
from collections.abc import Iterable, Sequence

import msgspec

_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


class Axis(msgspec.Struct, frozen=True):
    """From `low` to `high`; `log`: each step is a multiple."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def at(self, value: float) -> float:
        """Where a value stands, from 0 to 1; what lies outside, at the end."""
        value = min(max(value, self.low), self.high)
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def linear(values: Iterable[float], *, steps: int = 5, least: float = -math.inf, most: float = math.inf) -> Axis:
    """Over all values, with round numbers at its lines and no farther than `least` and `most`."""
    known = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(known), max(known)
    if high - low < 1e-12:
        pad = abs(high) * 0.1 or 0.05
        low, high = low - pad, high + pad
    rough = (high - low) / steps
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in _NICE if size * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [number * step for number in range(first, last + 1)]
    kept = tuple(tick for tick in ticks if least - 1e-9 <= tick <= most + 1e-9)
    return Axis(max(ticks[0], least), min(ticks[-1], most), kept)


def spread(values: Iterable[float], estimates: Sequence[float]) -> Axis:
    """Of amounts: from 0, or, if the dearest is many times the cheapest, by multiples."""
    values = list(values)
    positive = [one for one in estimates if one > 0]
    if len(positive) < len(estimates) or not positive or max(positive) < 15 * min(positive):
        return linear([0.0, *values], least=0.0)
    ends = [*positive, *(one for one in values if one > min(positive))]
    low, high = _round(min(ends), down=True), _round(max(ends), down=False)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    # Over many decades a line for each is enough.
    sizes = (1.0, 2.0, 5.0) if len(powers) <= 4 else (1.0,)
    ticks = [size * 10.0**power for power in powers for size in sizes]
    return Axis(low, high, tuple(tick for tick in ticks if low * 0.999 <= tick <= high * 1.001), log=True)


def _round(value: float, *, down: bool) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    sizes = [size * power for size in (1.0, 2.0, 5.0, 10.0)]
    if down:
        return max(size for size in sizes if size <= value * (1 + 1e-9))
    return min(size for size in sizes if size >= value * (1 - 1e-9))
