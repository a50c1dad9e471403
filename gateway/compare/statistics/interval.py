"""An estimate with its interval: what nearly everything here answers."""

import msgspec


class Interval(msgspec.Struct, frozen=True):
    """A figure and the range that the data do not contradict.

    Attributes:
        estimate, low, high: in the unit of what was measured; `low <= estimate <= high`.
        level: of confidence, two-sided: 0.95.
        method: how it was made, as the README of this folder names it.
        n: cases it rests on. clusters: groups of cases, if they were told apart.
        standard_error, degrees_of_freedom: where the method has them.
    """

    estimate: float
    low: float
    high: float
    level: float
    method: str
    n: int
    clusters: int | None = None
    standard_error: float | None = None
    degrees_of_freedom: float | None = None

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2.0

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def scaled(interval: Interval, factor: float) -> Interval:
    """The same figure in another unit; `factor` above 0."""
    error = interval.standard_error
    return msgspec.structs.replace(
        interval,
        estimate=interval.estimate * factor,
        low=interval.low * factor,
        high=interval.high * factor,
        standard_error=None if error is None else error * factor,
    )
