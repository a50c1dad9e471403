"""What a call may cost, before it is made: on the high side."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from gateway.catalogue.prices.asking import Tokens
from gateway.catalogue.prices.meters import GPU_TIME, PER, REQUESTS
from gateway.catalogue.prices.rates import Card
from gateway.catalogue.prices.tariffs import Prices

_INPUT = ("input_tokens", "cache_write_tokens", "cache_write_1h_tokens")
_OUTPUT = ("output_tokens", "reasoning_tokens")
_PIECES = ("images", "audio_ms", "characters", "search_units")


def estimate(card: Card, need: Tokens) -> int | None:
    """Nano-units of so many tokens of text by this card; None if it has no price for any."""
    if card.reason:
        return None
    band = card.band(need.input_tokens)
    prices = {row.meter: Fraction(row.number, card.scale) for row in band.rows if row.number is not None}
    if band.fee.number is not None:
        prices[REQUESTS] = Fraction(band.fee.number, card.scale)
    if band.time.number is not None:
        prices[GPU_TIME] = Fraction(band.time.number, card.scale)
    return dearest([prices], need, card.expected_us if card.gpus else 0)


def dearest(prices: Sequence[Prices], need: Tokens, expected_us: int = 0) -> int | None:
    """The highest of each kind of price, for so many tokens; of what has no price for tokens, for one piece (an image,
    a minute). Rounded up. None if none is known."""
    into, out = list(_of(prices, _INPUT)), list(_of(prices, _OUTPUT))
    fees, times = list(_of(prices, (REQUESTS,))), list(_of(prices, (GPU_TIME,)))
    pieces = [] if into or out else [price * PER[meter] for meter in _PIECES for price in _of(prices, (meter,))]
    if not (into or out or fees or times or pieces):
        return None
    tokens = need.input_tokens * max(into, default=Fraction(0)) + need.output_tokens * max(out, default=Fraction(0))
    cost = tokens + sum(max(some, default=Fraction(0)) for some in (fees, pieces)) + expected_us * max(times, default=0)
    return -(-cost.numerator // cost.denominator)


def _of(prices: Iterable[Prices], meters: Sequence[str]) -> Iterator[Fraction]:
    return (one[meter] for one in prices for meter in meters if meter in one)
