"""The published prices that ship with the gateway, against the package that they are from and its own arithmetic."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache

import msgspec
import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price
from genai_prices.data import providers as all_of_theirs
from genai_prices.data_units import unit_data
from genai_prices.types import ModelInfo, ModelPrice, Provider
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalogue.prices import PriceBook, Priced, PricesFile
from gateway.catalogue.prices.meters import PRICE_OF, PUBLISHED, PUBLISHED_PER
from gateway.catalogue.prices.packing import from_data, installed
from gateway.catalogue.prices.published import BUILTIN, builtin, read_snapshot
from gateway.catalogue.prices.tariffs import DEARER_TIERS
from gateway.core.attempt import Terms
from gateway.core.usage import Usage
from tests.conftest import ROOT

SNAPSHOT = ROOT / "gateway" / "catalogue" / "prices" / BUILTIN
PROVIDERS: dict[str, Provider] = {provider.id: provider for provider in all_of_theirs}

# What each of our meters is with them: the totals that it is part of.
THEIR_PARTS: dict[str, tuple[str, ...]] = {
    "input_tokens": ("input_tokens",),
    "cached_input_tokens": ("input_tokens", "cache_read_tokens"),
    "cache_write_tokens": ("input_tokens", "cache_write_tokens"),
    "cache_write_1h_tokens": ("input_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
    "input_audio_tokens": ("input_tokens", "input_audio_tokens"),
    "cached_audio_tokens": ("input_tokens", "input_audio_tokens", "cache_read_tokens", "cache_audio_read_tokens"),
    "input_image_tokens": ("input_tokens", "input_image_tokens"),
    "output_tokens": ("output_tokens",),
    "reasoning_tokens": ("output_tokens", "output_reasoning_tokens"),
    "output_audio_tokens": ("output_tokens", "output_audio_tokens"),
    "output_image_tokens": ("output_tokens", "output_image_tokens"),
    "characters": ("input_characters",),
    "search_units": ("rerank_searches",),
    "web_searches": ("web_searches",),
    "file_searches": ("storage_searches",),
}


def theirs(usage: Usage) -> TheirUsage:
    """Our disjoint meters as their overlapping totals."""
    totals: dict[str, int | Decimal] = {"cache_image_read_tokens": 0}
    for meter, count in zip(Usage.__struct_fields__, msgspec.structs.astuple(usage), strict=True):
        for name in THEIR_PARTS.get(meter, ()):
            totals[name] = totals.get(name, 0) + count
    if usage.audio_ms:
        totals |= dict.fromkeys(("audio_seconds", "input_audio_seconds"), Decimal(usage.audio_ms) / 1000)
    return TheirUsage(**totals)


@cache
def book() -> PriceBook:
    """A book that has nothing but published prices; a provider is called as it is there."""
    names = {name: name for name in builtin().providers}
    return PriceBook(PricesFile(currency="USD"), "book", builtin(), names)


def their_cost(provider: str, model: str, usage: Usage, at: datetime, context: dict[str, str]) -> Fraction:
    found = calc_price(
        theirs(usage), model, provider_id=provider, genai_request_timestamp=at, price_context=context or None
    )
    return Fraction(found.total_price) * 10**9


def test_the_snapshot_is_the_installed_package() -> None:
    assert SNAPSHOT.read_bytes() == installed()
    assert b"The above copyright notice and this permission notice shall be included" in SNAPSHOT.read_bytes()


def test_every_price_and_every_model_is_in_it() -> None:
    """The snapshot drops what prices do not depend on, and nothing else."""
    assert list(builtin().providers) == sorted(PROVIDERS)
    for name, provider in PROVIDERS.items():
        assert list(builtin().models(name)) == [model.id for model in provider.models]


def test_meters_fall_under_the_prices_that_the_units_say() -> None:
    """A price holds for what has all its dimensions: the more dimensions, the more special."""
    by_price = {unit["price_key"]: unit for unit in unit_data.values()}
    for meter, keys in PUBLISHED.items():
        dimensions = [by_price[key]["dimensions"] for key in keys]
        sizes = [len(one) for one in dimensions]
        assert sizes == sorted(sizes, reverse=True), meter
        own = {**dimensions[0], **({"modality": "text"} if "text" in keys[0] else {})}
        assert all(one.items() <= own.items() for one in dimensions), meter
        per = by_price[keys[0]]["per"] * (1000 if meter == "audio_ms" else 1)
        assert PUBLISHED_PER.get(meter, 1_000_000) == per, meter


def model_names(model: ModelInfo) -> Iterator[str]:
    yield model.id
    clause = model.match
    for one in getattr(clause, "or_", [clause]):
        for kind in ("equals", "starts_with", "contains", "ends_with"):
            if hasattr(one, kind):
                yield getattr(one, kind)


def their_model(provider: Provider, name: str) -> str | None:
    found = provider.find_model(name, all_providers=all_of_theirs)
    return found and found.id


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_names_mean_the_same_models(provider: str) -> None:
    names = {name for model in PROVIDERS[provider].models for name in model_names(model)}
    strange = {"", "gpt-5.2-20251211", "GPT-4o", "claude-sonnet-4-5@20250929", "no-such-model", "us.anthropic.claude"}
    for name in {*names, *strange, *(f"{one}-x" for one in sorted(names)[:50])} - {""}:
        found = builtin().find(provider, name)
        assert (found and found.name.partition("/")[2]) == their_model(PROVIDERS[provider], name), name


def moments(model: ModelInfo) -> set[datetime]:
    """Before, at and after every moment at which one of the model's prices changes."""
    found = {datetime(2024, 1, 1, 12, tzinfo=UTC), datetime(2026, 11, 20, 3, tzinfo=UTC)}
    prices = model.prices if isinstance(model.prices, list) else []
    for one in (*prices, *(model.price_variants or ())):
        constraint = one.constraint
        if isinstance(day := getattr(constraint, "start_date", None), date):
            begins = datetime.combine(day, time(0), UTC)
            found |= {begins - timedelta(seconds=1), begins}
        for at in (getattr(constraint, "start_time", None), getattr(constraint, "end_time", None)):
            if at is not None:
                begins = datetime.combine(date(2026, 11, 20), at.replace(tzinfo=UTC))
                found |= {begins - timedelta(seconds=1), begins}
    return found


def every(model: ModelInfo) -> Iterator[ModelPrice]:
    if isinstance(model.prices, ModelPrice):
        yield model.prices
    else:
        yield from (one.prices for one in model.prices)
    yield from (one.prices for one in model.price_variants or ())


def priced_meters(model: ModelInfo) -> list[str]:
    keys = {key for prices in every(model) for key, price in vars(prices).items() if price is not None}
    return sorted({meter for meter, names in PUBLISHED.items() if keys & set(names)} - {"requests"})


def usages(model: ModelInfo) -> Iterator[Usage]:
    """Every meter that the model has a price for alone, and all of them at once, up to and over every step."""
    steps = {tier.start for one in every(model) for price in vars(one).values() for tier in getattr(price, "tiers", ())}
    meters = priced_meters(model)
    yield from (Usage(**{meter: 1_003}) for meter in meters)
    rest = {meter: 7 + index for index, meter in enumerate(meters)}
    into = sum(count for meter, count in rest.items() if THEIR_PARTS.get(meter, ("",))[0] == "input_tokens")
    for size in {into, *steps, *(step + 1 for step in steps)}:
        yield Usage(**{**rest, **({"input_tokens": rest["input_tokens"] + size - into} if size > into else {})})


def agree(provider: str, model: str, usage: Usage, at: datetime, tier: str) -> bool:
    """The same cost. What there is no price for costs nothing with them; with us the call has no price then."""
    asked = Priced(provider=provider, model=model, usage=usage, at_s=at.timestamp(), terms=Terms(tier=tier))
    found = book().charges(asked)
    while found.pricing == "unpriced":
        missing = found.unpriced.rpartition(" ")[2]
        (meter,) = (name for name, word in PRICE_OF.items() if word == missing)
        assert getattr(usage, meter), found.unpriced
        nothing = their_cost(provider, model, Usage(**{meter: getattr(usage, meter)}), at, TIERS[tier])
        assert nothing == their_cost(provider, model, Usage(), at, TIERS[tier])
        usage = msgspec.structs.replace(usage, **{meter: 0})
        found = book().charges(msgspec.structs.replace(asked, usage=usage))
    return found.nano == round(their_cost(provider, model, usage, at, TIERS[tier]))


TIERS: dict[str, dict[str, str]] = {
    "": {},
    "flex": {"service_tier": "flex"},
    "batch": {"processing": "batch"},
    "default": {"service_tier": "default"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast", "speed": "fast"},
}


def has_own_price(model: ModelInfo, tier: str, at: datetime) -> bool:
    words = TIERS[tier].items()
    variants = [one for one in model.price_variants or () if one.when.items() <= words and vars(one.prices)]
    return any(one.constraint is None or one.constraint.active(at) for one in variants)


def name_of(provider: str, model: ModelInfo) -> str:
    """A name that means this model; empty where the patterns of earlier models take all of them."""
    named = ((name, builtin().find(provider, name)) for name in model_names(model))
    return next((name for name, found in named if found and found.name == f"{provider}/{model.id}"), "")


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_every_model_costs_what_their_arithmetic_says(provider: str) -> None:
    compared = 0
    for model in PROVIDERS[provider].models:
        if not (name := name_of(provider, model)):
            continue
        for at in moments(model):
            for tier in TIERS if model.price_variants else ("",):
                dear = tier in DEARER_TIERS and not has_own_price(model, tier, at)
                for usage in usages(model):
                    if tier and sum(map(bool, msgspec.structs.astuple(usage))) == 1:
                        continue  # one by one they are compared on the usual terms
                    if dear:
                        asked = Priced(
                            provider=provider, model=name, usage=usage, at_s=at.timestamp(), terms=Terms(tier=tier)
                        )
                        assert "no price for the tier" in book().charges(asked).unpriced
                    else:
                        assert agree(provider, name, usage, at, tier), (name, at, usage, tier)
                    compared += 1
    assert compared


MODELS = [
    (provider, name, one)
    for provider in PROVIDERS
    for one in PROVIDERS[provider].models
    if (name := name_of(provider, one))
]
MOMENTS = st.datetimes(datetime(2023, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


@given(st.sampled_from(MODELS), st.lists(st.integers(0, 400_000), min_size=20, max_size=20), MOMENTS)
def test_any_usage_at_any_time_costs_what_their_arithmetic_says(
    place: tuple[str, str, ModelInfo], counts: list[int], at: datetime
) -> None:
    provider, name, model = place
    usage = Usage(**dict(zip(priced_meters(model), counts, strict=False)))
    assert agree(provider, name, usage, at.replace(microsecond=0), "")


def test_a_data_file_makes_the_same_snapshot() -> None:
    """The project's data.json, as far as prices depend on it, is what the package holds."""
    plain = msgspec.to_builtins(
        all_of_theirs,
        builtin_types=(Decimal,),
        enc_hook=lambda one: {name: value for name, value in vars(one).items() if value is not None},
    )
    data = json.dumps(plain, default=str).replace('"or_":', '"or":').replace('"and_":', '"and":').encode()
    made, shipped = read_snapshot(from_data(data)), builtin()
    assert made.sha256 == shipped.sha256
    assert made.version == "data.json"
    assert from_data(SNAPSHOT.read_bytes()) == SNAPSHOT.read_bytes(), "a snapshot stays as it is"


CHANGES: list[Callable[[bytes], bytes]] = [
    lambda data: data.replace(b'"0.15"', b'"0.14"'),
    lambda data: data[:-9],
    lambda data: b"[]x",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_snapshot_is_none(change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ValueError, match=r"was changed after|is no snapshot"):
        read_snapshot(change(SNAPSHOT.read_bytes()))
