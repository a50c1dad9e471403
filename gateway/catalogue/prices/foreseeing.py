"""What a call may cost, before it is made: on the high side."""

from collections.abc import Sequence
from fractions import Fraction

from msgspec.structs import astuple

from gateway.catalogue.prices.meters import GPU_TIME, REQUESTS
from gateway.catalogue.prices.rates import Card
from gateway.catalogue.prices.tariffs import Prices
from gateway.core.usage import METERS, Usage

# Text may turn out to be any of these.
_TEXT = {
    **dict.fromkeys(
        ("input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
        ("input_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
    ),
    **dict.fromkeys(("output_tokens", "reasoning_tokens"), ("output_tokens", "reasoning_tokens")),
}


def estimate(card: Card, usage: Usage) -> int | None:
    """Nano-units of this usage by this card, text at the dearest rate that text can have; None without a price."""
    if card.reason:
        return None
    band = card.band(usage.total_input)
    rows = (*band.rows, band.fee, band.time)
    prices = {row.meter: Fraction(row.number, card.scale) for row in rows if row.number is not None}
    return dearest([prices], usage, card.expected_us if card.gpus else 0)


def dearest(prices: Sequence[Prices], usage: Usage, expected_us: int = 0) -> int | None:
    """This usage at the highest of each kind of price, with the fee for a request. Rounded up. None if something that
    is used has no price; but beside priced pieces (images, minutes) text may be without one."""
    cost, pieces, missing = Fraction(0), False, False
    for meter, count in zip(METERS, astuple(usage), strict=True):
        if count:
            price = _highest(prices, _TEXT.get(meter, (meter,)))
            if price is not None:
                cost += count * price
                pieces = pieces or meter not in _TEXT
            elif meter in _TEXT:
                missing = True
            else:
                return None
    fee, time = _highest(prices, (REQUESTS,)), _highest(prices, (GPU_TIME,))
    if not any(prices) or (missing and not pieces):
        return None
    cost += (fee or 0) + expected_us * (time or 0)
    return -(-cost.numerator // cost.denominator)


def _highest(prices: Sequence[Prices], meters: Sequence[str]) -> Fraction | None:
    return max((one[meter] for one in prices for meter in meters if meter in one), default=None)
