"""Cost by day as a bar chart, in SVG that needs nothing else."""

from collections.abc import Sequence
from decimal import Decimal

from gateway.ledger.statement.figures import Day
from gateway.ledger.statement.words import exact
from gateway.pages.words import many

WIDTH, HEIGHT = 880, 240
LEFT, BOTTOM, TOP = 76, 26, 14
STEPS = 4
# The sizes that a step between two lines may have, times a power of ten.
_NICE = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


def chart(days: Sequence[Day], currency: str) -> str:
    """`currency`: already HTML. The figures stand in a table too: whoever cannot see the picture misses nothing."""
    step = nice_step(max((one.cost_nano for one in days), default=0))
    top = step * STEPS
    inner, high = WIDTH - LEFT - 8, HEIGHT - TOP - BOTTOM
    slot = inner / max(1, len(days))
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="by-day-title">',
        f'<title id="by-day-title">Cost by day in {currency}; the table “By day” below has the figures</title>',
    ]
    for number in range(STEPS + 1):
        y = TOP + high - high * number / STEPS
        label = exact(step * number).removesuffix(".00")
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - 8}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for number, one in enumerate(days):
        parts += _bar(one, LEFT + slot * number, slot, high, top)
    return "".join([*parts, "</svg>"])


def _bar(one: Day, x: float, slot: float, high: float, top: int) -> list[str]:
    parts: list[str] = []
    tall = high * one.cost_nano / top
    y = TOP + high - tall
    said = f"{one.day}: {exact(one.cost_nano)}, {many(one.calls, 'call')}"
    if one.cost_nano > 0:
        width = slot * 0.7
        parts.append(
            f'<rect class="bar" x="{x + slot * 0.15:.1f}" y="{min(y, TOP + high - 1):.1f}" width="{width:.1f}" '
            f'height="{max(tall, 1):.1f}" rx="1.5"><title>{said}</title></rect>'
        )
    if one.unpriced:
        parts.append(
            f'<circle class="mark" cx="{x + slot / 2:.1f}" cy="{max(y - 6, 5):.1f}" r="3.5">'
            f"<title>{one.day}: {many(one.unpriced, 'call')} without a known price</title></circle>"
        )
    if one.day.day == 1 or one.day.day % 5 == 0:
        parts.append(f'<text x="{x + slot / 2:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{one.day.day}</text>')
    return parts


def nice_step(most: int) -> int:
    """The distance of the lines, so that STEPS of them reach over `most`; at least one nano-unit."""
    least = max(Decimal(most) / STEPS, Decimal(1))
    power = Decimal(10) ** (len(str(int(least))) - 1)
    return int(next(size * power for size in _NICE if size * power >= least and size * power == int(size * power)))
