"""How a metric's values and differences are written: shares in points of a hundred, times and costs as a part of the
base's, scores as they are."""

from gateway.compare.live.measures import Measure
from gateway.compare.live.results import LiveDifference
from gateway.compare.reporting.wording import MINUS, between, figure, money, percent, points
from gateway.compare.statistics.interval import Interval, scaled


def plotted(found: LiveDifference, measure: Measure) -> Interval | None:
    """The difference in what its margin is in: of a time or a cost a part of the base's mean; None: there is none."""
    if found.interval is None or measure.kind != "amount":
        return found.interval
    return scaled(found.interval, 1.0 / found.base_mean) if found.base_mean else None


def amount(value: float, measure: Measure, *, signed: bool = True) -> str:
    """A difference, an allowance or a margin, with its unit: `+3.4 points`, `−12.0 %`, `+0.25`."""
    unit = {"share": " points", "amount": " %", "score": ""}[measure.kind]
    return f"{bare(value, measure, signed=signed)}{unit}"


def bare(value: float, measure: Measure, *, signed: bool = True) -> str:
    """The same without its unit."""
    if measure.kind != "score":
        return points(value, signed=signed)
    sign = (MINUS if value < 0 else "+") if signed else ""
    return f"{sign}{figure(abs(value))}"


def tick(value: float, measure: Measure) -> str:
    """What stands below an axis."""
    return bare(value, measure) if abs(value) > 1e-12 else "0"


def differs(interval: Interval, measure: Measure) -> str:
    """`+3.4 points (−1.0 to +7.8)`, of what `plotted` says."""
    low, high = bare(interval.low, measure), bare(interval.high, measure)
    return f"{amount(interval.estimate, measure)} ({low} to {high})"


def mean_of(value: float, measure: Measure) -> str:
    """A mean in its own unit: `96.0 %`, `1.24 s`, money, or a score."""
    if measure.kind == "share":
        return percent(value)
    if measure.kind == "score":
        return figure(value)
    return money(value) if measure.name == "cost" else f"{figure(value)} s"


def ends_of(found: Interval, measure: Measure) -> str:
    """Between what it is, in the same unit, which stands before."""
    if measure.kind == "share":
        return between(found)
    written = money if measure.name == "cost" and measure.kind == "amount" else figure
    return f"{written(found.low)} to {written(found.high)}"
