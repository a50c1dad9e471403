"""What a call may cost, before it is made: on the high side."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from msgspec.structs import astuple

from gateway.catalogue.prices.meters import GPU_TIME, REQUESTS
from gateway.catalogue.prices.rates import Card
from gateway.catalogue.prices.tariffs import Prices
from gateway.core.usage import METERS, Usage

# As a card has them: nano-units for one of a meter, times the card's scale.
Numbers = Mapping[str, int]

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
    numbers = card.band(usage.total_input).numbers
    return dearest([numbers], usage, card.expected_us if card.gpus else 0, card.scale)


def dearest(prices: Sequence[Prices | Numbers], usage: Usage, expected_us: int = 0, scale: int = 1) -> int | None:
    """This usage at the highest of each kind of price, with the fee for a request. Rounded up. None if something that
    is used has no price; but beside priced pieces (images, minutes) text may be without one.

    Args:
        prices: nano-units for one, times `scale`: whole numbers where every call asks, for they cost least.
    """
    cost: Fraction | int = 0
    pieces = missing = False
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
    return -(-cost // scale)


def _highest(prices: Sequence[Prices | Numbers], meters: Sequence[str]) -> Fraction | int | None:
    highest: Fraction | int | None = None
    for one in prices:
        for meter in meters:
            price = one.get(meter)
            if price is not None and (highest is None or price > highest):
                highest = price
    return highest
