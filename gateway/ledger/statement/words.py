"""Names and amounts as a statement shows them. Names are chosen by strangers: they are text, and nothing else."""

from decimal import ROUND_HALF_EVEN, Decimal
from html import escape

from gateway.core.money import decimal_text

_CENT, _FINE = Decimal("0.01"), Decimal("0.0001")


def plain(text: str) -> str:
    """The text as HTML. What does not print, or turns a line around, is shown by its number."""
    return escape("".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text))


def name(text: str) -> str:
    """The same, its direction kept to itself."""
    return f"<bdi>{plain(text)}</bdi>"


def whole(count: int) -> str:
    return f"{count:,}"


def rounded(nano: int) -> str:
    """To the cent, half to even."""
    return f"{_of(nano).quantize(_CENT, ROUND_HALF_EVEN):,}"


def amount(nano: int) -> str:
    """To four places; what is less than that and not nothing is said to be."""
    found = _of(nano).quantize(_FINE, ROUND_HALF_EVEN)
    return "&lt; 0.0001" if nano > 0 and not found else f"{found:,}"


def percent(part: int, whole: int) -> str:
    share = 100 * part / whole
    return f"{share:.1f} %" if share >= 0.1 else "&lt; 0.1 %"


def exact(nano: int) -> str:
    """To the nano-unit, without idle zeros after the cent."""
    text = decimal_text(nano)
    head, _, places = text.partition(".")
    return f"{int(head):,}.{places.rstrip('0').ljust(2, '0')}"


def quantity(text: str) -> str:
    head, dot, places = text.partition(".")
    return f"{int(head):,}" + (f"{dot}{places[:3]}" if places.strip("0") else "")


def many(count: int, one: str, more: str = "") -> str:
    """`1 call`, `2,000 calls`."""
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"


def _of(nano: int) -> Decimal:
    return Decimal(nano).scaleb(-9)
