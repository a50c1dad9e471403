"""policies/prices.yaml: a dated price book, and what a usage costs by it."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from gateway.core.attempt import Charge, Pricing
from gateway.core.globs import compile_globs, is_glob
from gateway.core.money import MILLION, nano_from_decimal, round_half_even, share_out
from gateway.core.usage import Usage
from gateway.stores.documents import Document, Text, load_document
from gateway.stores.files import digest

MAX_REMEMBERED = 10_000


class TokenPrices(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Per million tokens. What is left out costs as the one above it: cached, written, audio and image input as
    `input`; reasoning, audio and image output as `output`."""

    input: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    input_audio: Decimal | None = None
    input_image: Decimal | None = None
    output: Decimal | None = None
    reasoning: Decimal | None = None
    output_audio: Decimal | None = None
    output_image: Decimal | None = None


class UnitPrices(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    image: Decimal | None = None
    audio_minute: Decimal | None = None
    million_characters: Decimal | None = None
    thousand_search_units: Decimal | None = None
    thousand_web_searches: Decimal | None = None
    request: Decimal | None = None


class PriceEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"from_": "from"}):
    """Prices of some models of one provider from a day on (UTC, inclusive), until the day before `until`.

    `provider` is a name in config.yaml; `models` are patterns of what that provider calls its models.
    """

    id: str
    provider: str
    models: tuple[str, ...]
    from_: date
    until: date | None = None
    per_million_tokens: TokenPrices = TokenPrices()
    per_unit: UnitPrices = UnitPrices()


class PricesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`currency`: what headers, reports and exports call costs in; there is no conversion."""

    currency: Literal["USD"]
    prices: tuple[PriceEntry, ...] = ()


class Cost(msgspec.Struct, frozen=True):
    """`nano`: integer nano-units, or None: unpriced, and `reason` says why. `version`: `<book>/<entry>`."""

    nano: int | None
    version: str = ""
    reason: str = ""


class Costed(msgspec.Struct, frozen=True):
    """What an attempt costs, by meter; see `core/attempt.py` for the words."""

    pricing: Pricing
    price_version: str
    unpriced: str
    charges: tuple[Charge, ...]


# Meter → (rate's field, what it falls back to, units per priced unit). Rates are nano-units per that many.
_TOKENS: dict[str, tuple[str, str]] = {
    "input_tokens": ("input", ""),
    "cached_input_tokens": ("cached_input", "input"),
    "cache_write_tokens": ("cache_write", "input"),
    "cache_write_1h_tokens": ("cache_write_1h", ""),  # twice the input price with one provider: a guess would be wrong
    "input_audio_tokens": ("input_audio", "input"),
    "input_image_tokens": ("input_image", "input"),
    "output_tokens": ("output", ""),
    "reasoning_tokens": ("reasoning", "output"),
    "output_audio_tokens": ("output_audio", "output"),
    "output_image_tokens": ("output_image", "output"),
}
_UNITS: dict[str, tuple[str, int]] = {
    "images": ("image", 1),
    "audio_ms": ("audio_minute", 60_000),
    "characters": ("million_characters", MILLION),
    "search_units": ("thousand_search_units", 1_000),
    "web_searches": ("thousand_web_searches", 1_000),
}
# Every rate is brought to nano-units per 3,000,000 of its meter, the smallest number all the divisors above divide.
_SCALE = 3 * MILLION


class _Rates(msgspec.Struct, frozen=True):
    entry: PriceEntry
    matches: Callable[[str], bool]
    per_scale: Mapping[str, int]
    per_request: int


class PriceBook:
    """A frozen price book. Costs are exact: one rounding, half to even, at the end."""

    def __init__(self, currency: str, entries: tuple[PriceEntry, ...], version: str) -> None:
        self.currency = currency
        self.version = version
        self._rates = tuple(_rates(entry) for entry in entries)
        self._remembered: dict[tuple[str, str, int], _Rates | None] = {}

    def cost(self, provider: str, model: str, usage: Usage, at_s: float) -> Cost:
        """What this usage of a provider's model costs by the prices of that day."""
        rates = self._at(provider, model, at_s)
        if rates is None:
            return Cost(None, reason=f"no price for {provider}/{model}")
        version = f"{self.version}/{rates.entry.id}"
        total = rates.per_request * _SCALE
        for meter, name in _METERS:
            count: int = getattr(usage, meter)
            if count:
                rate = rates.per_scale.get(meter)
                if rate is None:
                    return Cost(None, version, f"{rates.entry.id} has no price for {name}")
                total += count * rate
        return Cost(round_half_even(total, _SCALE), version)

    def charges(self, provider: str, model: str, usage: Usage, at_s: float) -> Costed:
        """The same by meter: costs that add up to the whole, which is rounded once."""
        cost = self.cost(provider, model, usage, at_s)
        rates = self._at(provider, model, at_s)
        counts = [(meter, count) for meter, _ in _METERS if (count := getattr(usage, meter))]
        if cost.nano is None or rates is None:
            unpriced = tuple(Charge(meter, count) for meter, count in counts)
            return Costed("unpriced", cost.version, cost.reason, unpriced)
        exact = [(meter, count, rates.per_scale[meter], count * rates.per_scale[meter]) for meter, count in counts]
        if rates.per_request:
            rate = rates.per_request * _SCALE
            exact.append(("requests", 1, rate, rate))
        shares = share_out(cost.nano, [amount for *_, amount in exact], _SCALE)
        charges = tuple(
            Charge(meter, count, MILLION, round_half_even(rate, 3), round_half_even(rate, 3), share, share)
            for (meter, count, rate, _), share in zip(exact, shares, strict=True)
        )
        return Costed("priced", cost.version, "", charges)

    def _at(self, provider: str, model: str, at_s: float) -> _Rates | None:
        day = int(at_s // 86_400)
        question = (provider, model, day)
        if question in self._remembered:
            return self._remembered[question]
        today = datetime.fromtimestamp(day * 86_400, UTC).date()
        found = [rates for rates in self._rates if _applies(rates, provider, model, today)]
        best = max(found, key=lambda rates: _precedence(rates.entry, model), default=None)
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[question] = best
        return best


_METERS: tuple[tuple[str, str], ...] = (
    *((meter, name) for meter, (name, _) in _TOKENS.items()),
    *((meter, name) for meter, (name, _) in _UNITS.items()),
)


def read_prices(source: Path | Text) -> PriceBook:
    """The price book in the file.

    Raises:
        DocumentError: as every document, and for ids that stand twice, negative or too fine prices, or two entries
            that would apply with equal right.
    """
    document = load_document(source, PricesFile)
    seen: set[str] = set()
    for index, entry in enumerate(document.value.prices):
        if not entry.id or entry.id in seen:
            raise document.error(("prices", index, "id"), f"the id `{entry.id}` is empty or stands twice")
        seen.add(entry.id)
        _check(document, index, entry)
    return PriceBook(document.value.currency, document.value.prices, digest(document.data))


def _check(document: Document[PricesFile], index: int, entry: PriceEntry) -> None:
    where = ("prices", index)
    if not entry.models:
        raise document.error((*where, "models"), "an empty `models` matches nothing")
    if entry.until is not None and entry.until <= entry.from_:
        raise document.error((*where, "until"), "`until` must be after `from`")
    for group in ("per_million_tokens", "per_unit"):
        prices = getattr(entry, group)
        for name in prices.__struct_fields__:
            price: Decimal | None = getattr(prices, name)
            if price is None:
                continue
            try:
                negative = nano_from_decimal(price) < 0
            except ValueError as error:
                raise document.error((*where, group, name), str(error)) from None
            if negative:
                raise document.error((*where, group, name), "a price cannot be negative")
    for other in document.value.prices[:index]:
        shared = set(other.models) & set(entry.models)
        if other.provider == entry.provider and other.from_ == entry.from_ and shared:
            raise document.error(where, f"`{entry.id}` and `{other.id}` price `{min(shared)}` from the same day on")


def _rates(entry: PriceEntry) -> _Rates:
    per_scale: dict[str, int] = {}
    for meter, (name, fallback) in _TOKENS.items():
        price = getattr(entry.per_million_tokens, name)
        if price is None and fallback:
            price = getattr(entry.per_million_tokens, fallback)
        if price is not None:
            per_scale[meter] = nano_from_decimal(price) * (_SCALE // MILLION)
    for meter, (name, per) in _UNITS.items():
        price = getattr(entry.per_unit, name)
        if price is not None:
            per_scale[meter] = nano_from_decimal(price) * (_SCALE // per)
    request = entry.per_unit.request
    return _Rates(entry, compile_globs(entry.models), per_scale, 0 if request is None else nano_from_decimal(request))


def _applies(rates: _Rates, provider: str, model: str, today: date) -> bool:
    entry = rates.entry
    in_time = entry.from_ <= today and (entry.until is None or today < entry.until)
    return in_time and entry.provider == provider and rates.matches(model)


def _precedence(entry: PriceEntry, model: str) -> tuple[bool, int, date]:
    """The more special entry goes first: the exact name, then the longest pattern that matches, then the newest."""
    exact = model in entry.models
    matching = (len(glob) for glob in entry.models if is_glob(glob) and compile_globs((glob,))(model))
    longest = max(matching, default=0)
    return exact, longest, entry.from_
