"""Quality against cost: one point an arm, with the intervals of both. What another arm beats in everything is hollow,
and its lines are broken."""

from collections.abc import Sequence

import msgspec

from gateway.compare.reporting.axes import Axis, linear, spread
from gateway.compare.reporting.plots import marker, short
from gateway.compare.reporting.telling import metric_of
from gateway.compare.running.frontiers import cost_of_thousand
from gateway.compare.running.results import Results
from gateway.compare.running.values import PASS
from gateway.compare.statistics.interval import Interval
from gateway.core.money import NANO
from gateway.pages.words import plain

HIGH, FOOT, TOP, LINE = 300, 26, 14, 16
# Room for the figures of the upright axis, in pixels.
LEFT = 48


class Point(msgspec.Struct, frozen=True):
    """`cost`: nano-units of a thousand answers."""

    arm: str
    quality: Interval
    cost: Interval
    beaten_by: str


def points_of(results: Results) -> list[Point]:
    """Arms whose quality and cost are both known."""
    metric = metric_of(results)
    found: list[Point] = []
    for one in results.summaries:
        quality = one.pass_rate if metric == PASS else one.score
        cost = cost_of_thousand(one.arm, results.graded, results.level)
        if quality is not None and cost is not None:
            found.append(Point(one.arm, quality, cost, one.dominated_by))
    return found


def frontier_plot(points: Sequence[Point], currency: str) -> str:
    """`points`: two or more."""
    down = linear([end for one in points for end in (one.quality.low, one.quality.high)], least=0.0, most=1.0)
    ends = [max(end, 0.0) for one in points for end in (one.cost.low, one.cost.high)]
    across = spread(ends, [one.cost.estimate for one in points])
    title = (
        f"Quality against the cost of 1,000 answers, in {currency}, of {len(points)} arms; the table has the figures"
    )
    size = f'height="{TOP + HIGH + FOOT}"'
    return (
        f'<div class="frontier"><svg class="plot" width="{LEFT}" {size} aria-hidden="true">{_uprights(down)}</svg>'
        f'<svg class="plot" width="100%" {size} role="img" aria-label="{plain(title)}">'
        f"{_ground(points, across, down)}</svg></div>"
    )


def _ground(points: Sequence[Point], across: Axis, down: Axis) -> str:
    parts = [
        f'<line class="grid" x1="0" x2="100%" y1="{_y(down, tick):.1f}" y2="{_y(down, tick):.1f}"/>'
        for tick in down.ticks
    ]
    for tick in across.ticks:
        at = across.at(tick)
        anchor = "start" if at < 0.02 else "end" if at > 0.98 else "middle"
        parts.append(f'<line class="grid" x1="{at:.2%}" x2="{at:.2%}" y1="{TOP}" y2="{TOP + HIGH}"/>')
        parts.append(f'<text x="{at:.2%}" y="{TOP + HIGH + 18}" text-anchor="{anchor}">{tick / NANO:g}</text>')
    for one, label in zip(points, _labels(points, down), strict=True):
        parts.append(_point(one, across, down, label))
    return "".join(parts)


def _point(one: Point, across: Axis, down: Axis, label: float) -> str:
    at, y = across.at(one.cost.estimate), _y(down, one.quality.estimate)
    left, right = across.at(max(one.cost.low, 0.0)), across.at(one.cost.high)
    top, bottom = _y(down, one.quality.high), _y(down, one.quality.low)
    kind = "ci dim" if one.beaten_by else "ci"
    side, by = ("end", -12) if at > 0.55 else ("start", 12)
    beaten = f", no better than {short(one.beaten_by, 18)}" if one.beaten_by else ""
    return (
        f"<g><title>{plain(one.arm)}</title>"
        f'<line class="{kind}" x1="{left:.2%}" x2="{right:.2%}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<line class="{kind}" x1="{at:.2%}" x2="{at:.2%}" y1="{top:.1f}" y2="{bottom:.1f}"/>'
        f"{marker(at, y, 'ring' if one.beaten_by else 'dot')}"
        f'<svg class="at" x="{at:.2%}" y="{label:.1f}" width="1" height="1">'
        f'<text class="name{" dim" if one.beaten_by else ""}" x="{by}" y="-8" text-anchor="{side}">'
        f"{plain(short(one.arm, 24))}{plain(beaten)}</text></svg></g>"
    )


def _labels(points: Sequence[Point], down: Axis) -> list[float]:
    """How far down each name stands: none upon another."""
    places = {one.arm: _y(down, one.quality.estimate) for one in points}
    least = TOP + 16.0
    for arm in sorted(places, key=lambda arm: places[arm]):
        places[arm] = max(places[arm], least)
        least = places[arm] + LINE
    return [places[one.arm] for one in points]


def _uprights(down: Axis) -> str:
    return "".join(
        f'<text x="{LEFT - 8}" y="{_y(down, tick) + 4:.1f}" text-anchor="end">{tick * 100:.3g} %</text>'
        for tick in down.ticks
    )


def _y(down: Axis, value: float) -> float:
    return TOP + HIGH * (1.0 - down.at(value))
