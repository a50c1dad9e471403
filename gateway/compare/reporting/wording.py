"""Figures as reports write them."""

from decimal import Decimal

from gateway.compare.running.results import Quantiles
from gateway.compare.statistics.interval import Interval

MINUS = "\u2212"


def points(share: float, *, signed: bool = True) -> str:
    """A share in points of a hundred: 0.034 is `+3.4`."""
    text = f"{abs(share) * 100:.1f}"
    if not signed:
        return text
    return f"{'+' if share >= 0 or not float(text) else MINUS}{text}"


def in_points(found: Interval) -> str:
    """`+3.4 (−1.0 to +7.8)`."""
    return f"{points(found.estimate)} ({points(found.low)} to {points(found.high)})"


def percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def between(found: Interval) -> str:
    """The interval of a share, in percent: `61.2 to 84.0`."""
    return f"{found.low * 100:.1f} to {found.high * 100:.1f}"


def signed(value: float) -> str:
    return f"{'+' if value >= 0 else MINUS}{abs(value):.2f}"


def figure(value: float) -> str:
    """Three digits, whatever it measures."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def level(share: float) -> str:
    """Of confidence: `95 %`."""
    return f"{share * 100:g} %"


def seconds(value: float) -> str:
    """`0.84 s`, `12.3 s`, `1 m 40 s`."""
    if value >= 100:
        return f"{int(value) // 60} m {int(value) % 60} s"
    return f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"


def money(nano: float) -> str:
    """Cents and above as they are, less with three digits, and no exponent; in the price book's currency."""
    amount = Decimal(round(nano)).scaleb(-9)
    if not amount:
        return "0"
    if abs(amount) >= 1:
        return f"{amount:,.2f}"
    places = min(9, 2 - amount.adjusted())
    text = f"{amount:.{places}f}".rstrip("0")
    return text if len(text.partition(".")[2]) >= 2 else f"{amount:.2f}"


def middle(found: Quantiles | None, digits: int = 0) -> str:
    return "" if found is None else f"{found.p50:,.{digits}f}"
