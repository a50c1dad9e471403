"""What one entry, or one published model, asks on given terms: exact prices of meters, by the size of the context."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction

import msgspec

from gateway.catalogue.prices.declared import PriceEntry, TokenPrices
from gateway.catalogue.prices.meters import GPU_TIME, PER, PUBLISHED, PUBLISHED_PER, TOKENS, UNITS
from gateway.catalogue.prices.published import Found, Tiered, rates_at
from gateway.core.attempt import Terms
from gateway.core.money import MILLION, NANO
from gateway.core.usage import TOKEN_METERS

# Nano-units for one of a meter.
Prices = Mapping[str, Fraction]

# Tiers for which more is asked than the standard price: that one would be too low, so none is known.
DEARER_TIERS = frozenset({"priority", "fast", "ultrafast", "performance"})


class Tariff(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    name: of the entry, or `genai:provider/model`. priced: the model's name by which it was found.
    bands: from how many input tokens on (exclusive, ascending, the first from 0) → prices of meters.
    dollars: the prices are in USD, whatever the book's currency.
    tiered: the tier has a price of its own here.
    gpus: of calls that are priced by their time; 0: it is not.
    from_s, until_s: Unix seconds between which these prices stand.
    """

    name: str
    priced: str
    bands: tuple[tuple[int, Prices], ...]
    dollars: bool
    tiered: bool
    gpus: int = 0
    expected_us: int = 0
    least_audio_ms: int = 0
    from_s: float = 0.0
    until_s: float = float("inf")


def own_tariff(entry: PriceEntry, model: str, terms: Terms) -> Tariff:
    """The entry's prices for these terms."""
    factor = entry.tiers.get(terms.tier.lower())
    times = Fraction(1) if factor is None else Fraction(factor)
    flat = dict(_flat(entry, terms))
    bands = [(0, {**_tokens(entry, entry.per_million_tokens), **flat})]
    for step in sorted(entry.steps, key=lambda step: step.above_input_tokens):
        merged = _merged(entry.per_million_tokens, step.per_million_tokens)
        bands.append((step.above_input_tokens, {**_tokens(entry, merged), **flat}))
    timed = entry.per_gpu_hour is not None and entry.tokens_per_gpu_second is None
    return Tariff(
        name=entry.id,
        priced=model,
        bands=tuple((above, {meter: price * times for meter, price in prices.items()}) for above, prices in bands),
        dollars=entry.currency == "USD",
        tiered=factor is not None or bool(entry.tier),
        gpus=entry.gpus if timed else 0,
        expected_us=entry.expected_seconds * MILLION * entry.gpus,
    )


def published_tariff(found: Found, model: str, terms: Terms, at_s: float) -> Tariff:
    """The published prices for these terms at that moment."""
    standing = rates_at(found, at_s, _context(terms.tier.lower()))
    rates = {meter: rate for meter, keys in PUBLISHED.items() if (rate := _first(standing.rates, keys)) is not None}
    starts = sorted({0, *(above for rate in rates.values() for above, _ in rate.above)})
    bands: list[tuple[int, Prices]] = []
    for start in starts:
        prices = {meter: _published(rate, start) * NANO / _published_per(meter) for meter, rate in rates.items()}
        bands.append((start, prices))
    return Tariff(
        name=f"genai:{found.name}",
        priced=model,
        bands=tuple(bands),
        dollars=True,
        tiered=standing.selected,
        least_audio_ms=found.model.least_audio_ms,
        from_s=standing.from_s,
        until_s=standing.until_s,
    )


def highest_prices(highest: Mapping[str, Decimal]) -> Prices:
    """The highest published prices, by meter."""
    found = {
        meter: _first({key: Tiered(one) for key, one in highest.items()}, keys) for meter, keys in PUBLISHED.items()
    }
    return {
        meter: Fraction(one.price) * NANO / _published_per(meter) for meter, one in found.items() if one is not None
    }


def _context(tier: str) -> Mapping[str, str]:
    """The tier in the words of genai-prices, which has three for what answers call by one."""
    return {"service_tier": tier, "speed": tier, "processing": tier} if tier else {}


def _first(rates: Mapping[str, Tiered], keys: tuple[str, ...]) -> Tiered | None:
    return next((rates[key] for key in keys if key in rates), None)


def _published(rate: Tiered, start: int) -> Fraction:
    """The price of requests with a little more input than `start`."""
    price = rate.price
    for above, other in rate.above:
        if above <= start:
            price = other
    return Fraction(price)


def _published_per(meter: str) -> int:
    return PUBLISHED_PER.get(meter, MILLION)


def _merged(prices: TokenPrices, other: TokenPrices) -> TokenPrices:
    given = {name: price for name in other.__struct_fields__ if (price := getattr(other, name)) is not None}
    return msgspec.structs.replace(prices, **given)


def _tokens(entry: PriceEntry, prices: TokenPrices) -> dict[str, Fraction]:
    """Prices of token meters. Where tokens are a measure of GPU time, that goes for all that have no price."""
    found: dict[str, Fraction] = {}
    if entry.per_gpu_hour is not None:
        second = Fraction(entry.per_gpu_hour) * NANO / 3_600
        rate = entry.tokens_per_gpu_second
        found = dict.fromkeys(TOKEN_METERS, second * entry.gpus / rate if rate else Fraction(0))
    for meter, fields in TOKENS.items():
        price = next((one for name in fields if (one := getattr(prices, name)) is not None), None)
        if price is not None:
            found[meter] = Fraction(price) * NANO / MILLION
    return found


def _flat(entry: PriceEntry, terms: Terms) -> Iterator[tuple[str, Fraction]]:
    """Prices of everything but tokens."""
    for name, (meter, per) in UNITS.items():
        if (price := getattr(entry.per_unit, name)) is not None:
            yield meter, Fraction(price) * NANO / per
    if (image := image_price(entry, terms)) is not None:
        yield "images", Fraction(image) * NANO
    if entry.per_gpu_hour is not None and entry.tokens_per_gpu_second is None:
        yield GPU_TIME, Fraction(entry.per_gpu_hour) * NANO / entry.concurrency / PER[GPU_TIME]


def image_price(entry: PriceEntry, terms: Terms) -> Decimal | None:
    """Of the prices that fit size and quality the one that says most of them."""
    fitting = [
        one for one in entry.images if one.size in ("", terms.image_size) and one.quality in ("", terms.image_quality)
    ]
    best = max(fitting, key=lambda one: (bool(one.size), bool(one.quality)), default=None)
    return None if best is None else best.price
