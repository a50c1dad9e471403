"""Amounts as a statement shows them."""

from decimal import ROUND_HALF_EVEN, Decimal

from gateway.core.money import decimal_text

_CENT, _FINE = Decimal("0.01"), Decimal("0.0001")


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


def _of(nano: int) -> Decimal:
    return Decimal(nano).scaleb(-9)
