"""Plots as SVG inside the page. They say in a title what they show; each figure of theirs stands in the text too, so
whoever cannot see them misses nothing. What is not told by colour is told by shape."""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from gateway.compare.reporting.axes import Axis, linear
from gateway.compare.statistics.interval import Interval
from gateway.pages.words import plain

Mark = Literal["up", "down", "dot", "ring", "square"]

ROW, FOOT = 52, 24
# Letters of a name that there is room for beside a figure; and on a narrow screen.
LONG, SHORT = 60, 18
APART = 0.19  # of the width, on a phone, between the middles of two labels
_SHAPES: dict[Mark, str] = {
    "up": "M0-7 7 5-7 5z",
    "down": "M0 7 7-5-7-5z",
    "dot": "M-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0z",
    "ring": "M-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0z",
    "square": "M-5-5H5V5H-5z",
}


class Row(msgspec.Struct, frozen=True):
    """One line of an interval plot. `figure`: what stands to its right, in words."""

    name: str
    figure: str
    interval: Interval
    mark: Mark = "dot"


def interval_plot(
    rows: Sequence[Row], title: str, label: Callable[[float], str], *, margin: float = 0.0, axis: Axis | None = None
) -> str:
    """One row for each interval, with the line of zero, and a band around it as wide as the margin.

    Args:
        title: what it shows. label: how a value is written below the axis.
    """
    ends = [end for row in rows for end in (row.interval.low, row.interval.high)]
    axis = axis or linear([0.0, -margin, margin, *ends])
    high = ROW * len(rows) + 6
    parts = [
        f'<svg class="plot" width="100%" height="{high + FOOT}" role="img" aria-label="{plain(title)}">'
        f"<title>{plain(title)}</title>",
    ]
    if margin:
        left, right = axis.at(-margin), axis.at(margin)
        parts.append(f'<rect class="band" x="{_x(left)}" width="{_x(right - left)}" y="0" height="{high}"/>')
    roomy = _with_room(axis)
    for tick in axis.ticks:
        parts.append(_line(axis.at(tick), 0, high, "zero" if abs(tick) < 1e-12 else "grid"))
        parts.append(_tick(axis, tick, high + 17, label, spare=tick not in roomy))
    for number, row in enumerate(rows):
        parts.append(_row(row, axis, number * ROW))
    return "".join([*parts, "</svg>"])


def _row(row: Row, axis: Axis, top: int) -> str:
    middle = top + 36
    left, right, at = (axis.at(value) for value in (row.interval.low, row.interval.high, row.interval.estimate))
    caps = "".join(_line(place, middle - 5, middle + 5, "ci") for place in (left, right))
    return (
        f"<g><title>{plain(f'{row.name}: {row.figure}')}</title>"
        f"{_name(row.name, top + 18)}"
        f'<text x="100%" y="{top + 18}" text-anchor="end">{plain(row.figure)}</text>'
        f'<line class="ci" x1="{_x(left)}" x2="{_x(right)}" y1="{middle}" y2="{middle}"/>{caps}'
        f"{marker(at, middle, row.mark)}</g>"
    )


def marker(at: float, y: float, mark: Mark) -> str:
    """A shape in the middle of a place across (a share of the width) and down (in pixels)."""
    return (
        f'<svg class="at" x="{_x(at)}" y="{y:g}" width="1" height="1">'
        f'<path class="{"hollow" if mark == "ring" else "mark"}" d="{_SHAPES[mark]}"/></svg>'
    )


def bar(interval: Interval) -> str:
    """A share and its interval, as a small bar from 0 to 1."""
    axis = Axis(0.0, 1.0, ())
    low, high, at = (axis.at(value) for value in (interval.low, interval.high, interval.estimate))
    return (
        '<svg class="small" width="100%" height="12" aria-hidden="true">'
        '<rect class="track" x="0" y="4" width="100%" height="4"/>'
        f'<rect class="range" x="{_x(low)}" y="2" width="{_x(max(high - low, 0.01))}" height="8"/>'
        f"{_line(at, 0, 12, 'now')}</svg>"
    )


def short(name: str, most: int = LONG) -> str:
    """With its end, by which versions are told apart."""
    end = most // 2
    return name if len(name) <= most else f"{name[: most - end - 1]}…{name[-end:]}"


def _name(name: str, y: float) -> str:
    """Twice if it is long; which of the two is seen depends on the width."""
    if len(name) <= SHORT:
        return f'<text class="name" x="0" y="{y:g}">{plain(name)}</text>'
    return (
        f'<text class="name wide" x="0" y="{y:g}">{plain(short(name))}</text>'
        f'<text class="name narrow" x="0" y="{y:g}">{plain(short(name, SHORT))}</text>'
    )


def _line(at: float, top: float, bottom: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{_x(at)}" x2="{_x(at)}" y1="{top:g}" y2="{bottom:g}"/>'


def _with_room(axis: Axis) -> list[float]:
    """The ticks whose labels do not touch on a narrow screen: the ends and the zero before others."""
    kept: list[float] = []
    for tick in dict.fromkeys((*axis.ticks[:1], *axis.ticks[-1:], 0.0, *axis.ticks)):
        if tick in axis.ticks and all(abs(axis.at(tick) - axis.at(other)) >= APART for other in kept):
            kept.append(tick)
    return kept


def _tick(axis: Axis, value: float, y: float, label: Callable[[float], str], *, spare: bool) -> str:
    """`spare`: the label is left out on a narrow screen."""
    at = axis.at(value)
    anchor = "start" if at < 0.02 else "end" if at > 0.98 else "middle"
    kind = ' class="spare"' if spare else ""
    return f'<text{kind} x="{_x(at)}" y="{y:g}" text-anchor="{anchor}">{plain(label(value))}</text>'


def _x(share: float) -> str:
    return f"{share * 100:.2f}%"
