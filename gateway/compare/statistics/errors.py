"""What statistics refuse, and the checks that they share."""

import math
from collections.abc import Sequence
from itertools import pairwise


class StatisticsError(ValueError):
    """`argument`: the parameter at fault; `reason`: what is wrong with it and what would be right."""

    def __init__(self, argument: str, reason: str) -> None:
        super().__init__(f"{argument}: {reason}")
        self.argument = argument
        self.reason = reason


class BadArgument(StatisticsError):
    """A value that no caller should give: out of range, not finite, of the wrong length."""


class NotEstimable(StatisticsError):
    """The values are right and say nothing of what was asked: one case only, a judge no better than chance."""


def check_level(level: float, argument: str = "level") -> None:
    if not 0.0 < level < 1.0:
        raise BadArgument(argument, f"must lie between 0 and 1 (0.95, say), was {level!r}")


def check_fraction(value: float, argument: str) -> None:
    if not 0.0 <= value <= 1.0:
        raise BadArgument(argument, f"must be 0 to 1, was {value!r}")


def check_count(value: int, argument: str, least: int = 0, most: int | None = None) -> None:
    if value < least or value != int(value):
        raise BadArgument(argument, f"must be a whole number, {least} or more, was {value!r}")
    if most is not None and value > most:
        raise BadArgument(argument, f"must be {most} at most, was {value!r}")


def check_positive(value: float, argument: str) -> None:
    if not (value > 0.0 and math.isfinite(value)):
        raise BadArgument(argument, f"must be a finite number above 0, was {value!r}")


def check_finite(value: float, argument: str) -> None:
    if not math.isfinite(value):
        raise BadArgument(argument, f"must be a finite number, was {value!r}")


def check_numbers(values: Sequence[float], argument: str, *, least: int = 1) -> None:
    """Finite numbers, at least so many."""
    for index, value in enumerate(values):
        if not math.isfinite(value):
            raise BadArgument(argument, f"value {index} must be a finite number, was {value!r}")
    if len(values) < least:
        raise NotEstimable(argument, f"needs {least} or more values, was given {len(values)}")


def check_bounds(bounds: tuple[float, float], argument: str = "bounds") -> None:
    low, high = bounds
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise BadArgument(argument, f"must be two finite numbers, the lower one first, was {bounds!r}")


def check_within(values: Sequence[float], bounds: tuple[float, float], argument: str) -> None:
    for index, value in enumerate(values):
        if not bounds[0] <= value <= bounds[1]:
            raise BadArgument(argument, f"value {index} must be {bounds[0]:g} to {bounds[1]:g}, was {value!r}")


def check_same_length(argument: str, *columns: Sequence[object]) -> None:
    for one, other in pairwise(columns):
        if len(one) != len(other):
            raise BadArgument(argument, f"must have as many entries as there are cases: {len(one)} and {len(other)}")
