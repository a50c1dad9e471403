"""An organisation's own price book: which price applies, and what a call costs by it. Exact, and never silently 0."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalogue.prices import Priced, read_prices
from gateway.catalogue.prices.costing import costed
from gateway.catalogue.prices.meters import PER
from gateway.core.usage import METERS, Usage
from gateway.stores.documents import Text
from tests.catalogue.books import MILLION, NOW, TEXT, ask, at, book, book_of, entry, name_of

# Which price applies


def test_an_own_entry_beats_the_published_price() -> None:
    own = entry(provider="openai", models=["gpt-4o-mini*"], per_million_tokens={"input": 7})
    assert ask(book_of(own), "gpt-4o-mini", "openai", input_tokens=MILLION).nano == 7 * 10**9
    published = ask(book(), "gpt-4o-mini", "openai", input_tokens=MILLION)
    assert (published.nano, name_of(published)) == (150_000_000, "genai:openai/gpt-4o-mini")


def test_what_an_entry_lacks_is_not_looked_up_elsewhere() -> None:
    """One entry prices a whole call; half of it by other prices would be neither's figure."""
    own = entry(provider="openai", models=["gpt-4o-mini"], per_million_tokens={"input": 7})
    found = ask(book_of(own), "gpt-4o-mini", "openai", input_tokens=1, output_tokens=1)
    assert (found.pricing, found.nano, found.unpriced) == ("unpriced", None, "one has no price for output")
    assert [(one.meter, one.quantity, one.nano) for one in found.charges] == [
        ("input_tokens", 1, None),
        ("output_tokens", 1, None),
    ]


@pytest.mark.parametrize(
    ("terms", "chosen"),
    [
        ({}, "plain"),
        ({"region": "eu-west-1"}, "eu"),
        ({"tier": "batch"}, "batch"),
        ({"tier": "Batch"}, "batch"),
        ({"region": "eu-west-1", "tier": "batch"}, "eu"),
        ({"region": "us-east-1"}, "plain"),
    ],
)
def test_the_more_special_entry_goes_first(terms: dict[str, str], chosen: str) -> None:
    prices = book_of(
        entry(id="plain", per_million_tokens=TEXT),
        entry(id="eu", region="eu-*", per_million_tokens=TEXT),
        entry(id="batch", tier="batch", per_million_tokens=TEXT),
        entry(id="pattern", models=["m*"], region="eu-*", **{"from": "2026-01-01"}, per_million_tokens=TEXT),
    )
    assert name_of(ask(prices, input_tokens=1, **terms)) == chosen


def test_the_asked_model_is_priced_before_the_one_that_answered() -> None:
    prices = book_of(
        entry(id="asked", models=["alias"], per_million_tokens=TEXT),
        entry(id="served", models=["m-2026-01-01"], per_million_tokens=TEXT),
    )
    assert name_of(ask(prices, "alias", served_model="m-2026-01-01", input_tokens=1)) == "asked"
    assert name_of(ask(prices, "deployment-7", served_model="m-2026-01-01", input_tokens=1)) == "served"
    deployed = ask(book(), "my-deployment", "openai", served_model="gpt-4o-mini-2024-07-18", input_tokens=1)
    assert name_of(deployed) == "genai:openai/gpt-4o-mini"


def test_a_provider_can_be_told_whose_published_prices_it_has() -> None:
    usage = {"input_tokens": MILLION}
    assert ask(book(), "gpt-4o-mini", "own", **usage).unpriced == "no price for own/gpt-4o-mini"
    assert ask(book("providers: {own: openai}"), "gpt-4o-mini", "own", **usage).nano == 150_000_000
    assert ask(book("providers: {openai: none}"), "gpt-4o-mini", "openai", **usage).nano is None
    assert ask(book("base: none"), "gpt-4o-mini", "openai", **usage).nano is None


# What it costs


def test_steps_switch_the_price_of_the_whole_request() -> None:
    steps = [
        {"above_input_tokens": 200_000, "per_million_tokens": {"input": 2, "output": 3}},
        {"above_input_tokens": 500_000, "per_million_tokens": {"input": 4}},
    ]
    prices = book_of(entry(per_million_tokens={"input": 1, "cached_input": 0.5, "output": 2}, steps=steps))
    assert ask(prices, input_tokens=200_000, output_tokens=10).nano == 200_000_000 + 20_000
    assert ask(prices, input_tokens=200_001, output_tokens=10).nano == 400_002_000 + 30_000
    assert ask(prices, input_tokens=1, cached_input_tokens=200_000).nano == 2_000 + 100_000_000, "cached ones count"
    assert ask(prices, input_tokens=500_001, output_tokens=10).nano == 2_000_004_000 + 20_000


def test_tiers_multiply_every_price() -> None:
    prices = book_of(entry(per_million_tokens=TEXT, per_unit={"request": 0.01}, tiers={"flex": 0.5, "priority": 1.7}))
    assert [ask(prices, tier=tier, input_tokens=MILLION).nano for tier in ("", "flex", "priority", "scale")] == [
        *(1_010_000_000, 505_000_000, 1_717_000_000, 1_010_000_000)
    ]


@pytest.mark.parametrize("tier", ["priority", "fast"])
def test_a_dearer_tier_without_a_price_is_not_priced_as_the_usual_one(tier: str) -> None:
    found = ask(book_of(entry(per_million_tokens=TEXT)), tier=tier, input_tokens=1)
    assert found.unpriced == f"one has no price for the tier `{tier}`"
    surcharge = {"id": "s", "kind": "surcharge", "percent": 70, "from": "2024-01-01", "match": {"tiers": [tier]}}
    assert (
        ask(book_of(entry(per_million_tokens=TEXT), adjustments=[surcharge]), tier=tier, input_tokens=10).nano == 17_000
    )


def test_images_cost_by_size_and_quality() -> None:
    images = [
        {"price": 0.04},
        {"size": "1024x1536", "price": 0.06},
        {"quality": "high", "price": 0.08},
        {"size": "1024x1536", "quality": "high", "price": 0.12},
    ]
    prices = book_of(entry(images=images, per_million_tokens={"output_image": 10}))
    sizes = [("1024x1024", "low"), ("1024x1536", "low"), ("1024x1024", "high"), ("1024x1536", "high")]
    assert [ask(prices, images=2, image_size=size, image_quality=quality).nano for size, quality in sizes] == [
        *(80_000_000, 120_000_000, 160_000_000, 240_000_000)
    ]


def test_a_count_of_what_tokens_measure_already_costs_nothing_besides() -> None:
    prices = book_of(entry(per_million_tokens={"input": 5, "output_image": 40}))
    found = ask(prices, input_tokens=10, output_image_tokens=1_000, images=1)
    assert found.nano == 50_000 + 40_000_000
    (image,) = (one for one in found.charges if one.meter == "images")
    assert (image.quantity, image.rate, image.nano) == (1, None, 0)
    assert ask(prices, input_tokens=10, images=1).unpriced == "one has no price for image"


@pytest.mark.parametrize(
    ("unit", "price", "usage", "nano"),
    [
        ("audio_second", 0.0001, {"audio_ms": 1_500}, 150_000),
        ("audio_minute", 0.006, {"audio_ms": 90_000}, 9_000_000),
        ("audio_hour", 0.111, {"audio_ms": 1}, 31),
        ("million_characters", 15, {"characters": 3}, 45_000),
        ("thousand_search_units", 2, {"search_units": 3}, 6_000_000),
        ("thousand_web_searches", 10, {"web_searches": 2}, 20_000_000),
        ("thousand_file_searches", 2.5, {"file_searches": 2}, 5_000_000),
        ("code_session", 0.03, {"code_sessions": 2}, 60_000_000),
        ("image", 0.04, {"images": 2}, 80_000_000),
        ("request", 0.005, {}, 5_000_000),
    ],
)
def test_units(unit: str, price: float, usage: dict[str, int], nano: int) -> None:
    found = ask(book_of(entry(per_unit={unit: price})), **usage)
    assert (found.nano, len(found.charges)) == (nano, 1)


def test_gpu_time_is_shared_by_the_calls_that_run_at_once() -> None:
    timed = {"per_gpu_hour": 2.5, "gpus": 2}
    hour = {"input_tokens": 100, "output_tokens": 50, "duration_us": 3_600_000_000}
    assert ask(book_of(entry(**timed)), **hour).nano == 5 * 10**9, "two cards for an hour: an upper bound"
    shared = ask(book_of(entry(**timed, concurrency=8)), **hour)
    assert shared.nano == 625_000_000
    assert [(one.meter, one.quantity, one.nano) for one in shared.charges] == [
        ("input_tokens", 100, 0),
        ("output_tokens", 50, 0),
        ("gpu_us", 7_200_000_000, 625_000_000),
    ]
    assert "not known how long" in ask(book_of(entry(**timed)), input_tokens=1).unpriced


def test_gpu_time_by_tokens_does_not_ask_how_long_it_took() -> None:
    prices = book_of(entry(per_gpu_hour=3.6, gpus=2, tokens_per_gpu_second=1_000))
    found = ask(prices, input_tokens=600, output_tokens=400)
    assert found.nano == 2_000_000, "a second of two cards at 0.001 dollars"
    assert [one.meter for one in found.charges] == ["input_tokens", "output_tokens"]


# Discounts, mark-ups, negotiated prices


ADJUSTMENTS = [
    {"id": "eu", "kind": "surcharge", "percent": 10, "from": "2024-01-01", "match": {"regions": ["eu*"]}},
    {"id": "deal", "kind": "contract", "percent": -20, "from": "2026-01-01", "until": "2027-01-01"},
    {"id": "margin", "kind": "markup", "percent": 5, "from": "2024-01-01", "match": {"tenants": ["shop"]}},
    {
        "id": "more",
        "kind": "markup",
        "percent": "2.5",
        "from": "2024-01-01",
        "match": {"tenants": ["shop"], "teams": ["a"]},
    },
]


@pytest.mark.parametrize(
    ("who", "charged", "published"),
    [
        ({}, "0.8", "1"),
        ({"region": "eu-1"}, "0.88", "1.1"),
        ({"tenant": "shop"}, "0.84", "1"),
        ({"tenant": "shop", "team": "a"}, "0.861", "1"),
        ({"tenant": "shop", "team": "a", "paid": True}, "0.8", "1"),
        ({"tenant": "shop", "at_s": at("2025-12-31")}, "1.05", "1"),
    ],
)
def test_a_team_is_charged_the_contracted_price_and_a_mark_up(
    who: dict[str, Any], charged: str, published: str
) -> None:
    found = ask(book_of(entry(per_million_tokens=TEXT), adjustments=ADJUSTMENTS), input_tokens=MILLION, **who)
    assert (found.nano, found.list_nano) == (Decimal(charged) * 10**9, Decimal(published) * 10**9)
    (charge,) = found.charges
    assert (charge.rate, charge.list_rate, charge.per) == (found.nano, found.list_nano, MILLION)


def test_adjustments_are_on_published_prices_too() -> None:
    deal = {**ADJUSTMENTS[1], "match": {"providers": ["openai"], "models": ["gpt-4o*"]}}
    found = ask(book_of(adjustments=[deal]), "gpt-4o-mini", "openai", input_tokens=MILLION)
    assert (found.nano, found.list_nano) == (120_000_000, 150_000_000)


def test_of_negotiated_prices_the_published_ones_are_shown_as_published() -> None:
    negotiated = {"provider": "openai", "models": ["gpt-4o-mini"], "per_million_tokens": {"input": 0.1, "output": 0.4}}
    own = ask(book_of(entry(**negotiated)), "gpt-4o-mini", "openai", input_tokens=MILLION, output_tokens=MILLION)
    assert (own.nano, own.list_nano) == (500_000_000, 500_000_000)
    deal = ask(
        book_of(entry(**negotiated, contract=True)),
        *("gpt-4o-mini", "openai"),
        input_tokens=MILLION,
        output_tokens=MILLION,
    )
    assert (deal.nano, deal.list_nano) == (500_000_000, 750_000_000)
    unknown = book_of(entry(**{**negotiated, "models": ["our-own"]}, contract=True))
    assert ask(unknown, "our-own", "openai", input_tokens=MILLION).list_nano == 100_000_000


# Other currencies


RATES = [{"from": "2026-01-01", "usd": 0.92}, {"from": "2026-07-01", "usd": "0.95"}]


def test_published_prices_are_exchanged_at_the_rate_of_the_day() -> None:
    prices = book_of(currency="EUR", exchange_rates=RATES)
    asked = {"input_tokens": MILLION}
    days = ["2026-06-30", "2026-07-01", "2025-12-31"]
    found = [ask(prices, "gpt-4o-mini", "openai", at_s=at(day), **asked) for day in days]
    assert [one.nano for one in found] == [138_000_000, 142_500_000, None]
    assert found[2].unpriced == "no exchange rate for USD in EUR on 2025-12-31"


def test_own_prices_are_in_the_books_currency_unless_they_say_dollars() -> None:
    own, dollars = (
        entry(per_million_tokens=TEXT),
        entry(id="two", models=["n"], currency="USD", per_million_tokens=TEXT),
    )
    prices = book_of(own, dollars, currency="EUR", exchange_rates=RATES)
    assert [ask(prices, model, input_tokens=MILLION).nano for model in ("m", "n")] == [10**9, 950_000_000]
    assert ask(prices, "x", "router", input_tokens=1, reported_nano=1_000).nano == 950


# What providers report


def test_a_report_is_shared_out_by_the_books_prices() -> None:
    prices = book_of(entry(per_million_tokens=TEXT), adjustments=[ADJUSTMENTS[2]])
    asked = {"input_tokens": 1_000, "output_tokens": 500}
    found = ask(prices, **asked, reported_nano=3_000_001)
    assert [one.nano for one in found.charges] == [1_500_001, 1_500_000]
    assert (found.list_nano, name_of(found), found.doubt) == (2_000_000, "reported:one", "")
    assert [one.rate for one in found.charges] == [None, None], "no rate makes this figure"
    assert ask(prices, **asked, reported_nano=2_000_000, tenant="shop").nano == 2_100_000, "with the team's mark-up"
    same = ask(prices, **asked, reported_nano=2_000_000)
    assert (name_of(same), [one.rate for one in same.charges]) == ("one", [10**9, 2 * 10**9])


@pytest.mark.parametrize("reported", [0, 100_000, 60_000_000, 10**12])
def test_a_report_out_of_all_proportion_is_not_believed(reported: int) -> None:
    found = ask(book_of(entry(per_million_tokens=TEXT)), input_tokens=2_000, reported_nano=reported)
    assert found.nano == 2_000_000
    assert "the book's price is 0.002000000" in found.doubt


def test_a_report_alone_is_one_charge_beside_the_quantities() -> None:
    found = ask(book(), "new/model", "router", input_tokens=1_000, output_tokens=10, reported_nano=4_000_000)
    assert (found.pricing, found.nano, name_of(found)) == ("priced", 4_000_000, "reported")
    assert [(one.meter, one.quantity, one.nano) for one in found.charges] == [
        ("input_tokens", 1_000, 0),
        ("output_tokens", 10, 0),
        ("reported", 1, 4_000_000),
    ]
    phantom = ask(book(), "new/model", "router", input_tokens=1_000, output_tokens=10, reported_nano=10**12)
    assert phantom.nano is None
    assert "its dearest model would cost" in phantom.unpriced
    assert ask(book(), "new/model", "router", input_tokens=1_000, reported_nano=0).nano is None, "0 proves nothing"


# Before a call


def test_an_estimate_is_at_the_dearest_price_that_text_can_have() -> None:
    usage = Usage(input_tokens=MILLION, output_tokens=1_000)
    assert book().estimate("claude", "claude-haiku-4-5", usage, NOW) == 2 * 10**9 + 5_000_000, "an hour's cache"
    assert book().estimate("claude", "no-such-model", usage, NOW) is None
    timed = book_of(entry(per_gpu_hour=3.6, expected_seconds=10))
    assert timed.estimate("own", "m", usage, NOW) == 10_000_000
    marked = book_of(entry(per_million_tokens={"input": 1, "output": 1}), adjustments=ADJUSTMENTS)
    assert marked.estimate("own", "m", Usage(input_tokens=1_000), NOW, tenant="shop") == 840_000


def test_an_estimate_of_pieces_needs_their_price_and_not_one_for_the_text_that_asks_for_them() -> None:
    prices = book_of(entry(per_unit={"image": 0.04}))
    assert prices.estimate("own", "m", Usage(input_tokens=50, images=2), NOW) == 80_000_000
    assert prices.estimate("own", "m", Usage(input_tokens=50), NOW) is None
    assert prices.estimate("own", "m", Usage(input_tokens=50, audio_ms=1), NOW) is None


@given(
    st.sampled_from(["gpt-4o-mini", "gpt-5.2", "o3"]),
    st.integers(0, 300_000),
    st.integers(0, 300_000),
    st.integers(0, 9_999),
)
def test_an_estimate_and_the_ceiling_are_never_too_low_for_text(model: str, new: int, cached: int, out: int) -> None:
    prices = PRICES
    cost = ask(prices, model, "openai", input_tokens=new, cached_input_tokens=cached, output_tokens=out).nano
    usage = Usage(input_tokens=new + cached, output_tokens=out)
    estimate, ceiling = prices.estimate("openai", model, usage, NOW), prices.ceiling("openai", usage, NOW)
    assert cost is not None
    assert estimate is not None
    assert cost <= estimate <= (ceiling or 0)


PRICES = book()


def test_the_ceiling_is_of_own_entries_too() -> None:
    prices = book_of(
        entry(per_million_tokens=TEXT, tiers={"priority": 2}),
        entry(id="old", models=["o"], per_million_tokens={"input": 100}, until="2025-01-01"),
    )
    assert prices.ceiling("own", Usage(input_tokens=MILLION, output_tokens=MILLION), NOW) == 6 * 10**9
    assert prices.ceiling("nobody", Usage(input_tokens=1), NOW) is None


# Exactness


RATE = st.decimals(0, 100, places=6)
COUNTS = st.integers(0, 10**7)


@given(
    st.dictionaries(st.sampled_from(["input", "cached_input", "output", "reasoning"]), RATE, min_size=4),
    st.lists(COUNTS, min_size=4, max_size=4),
    st.lists(st.decimals(-100, 200, places=3), max_size=3),
    st.decimals("0.001", 200, places=4),
)
def test_charges_are_the_exact_sum_rounded_once(
    rates: dict[str, Decimal], counts: list[int], percents: list[Decimal], usd: Decimal
) -> None:
    adjustments = [
        {"id": f"a{index}", "kind": "contract", "percent": str(percent), "from": "2024-01-01"}
        for index, percent in enumerate(percents)
    ]
    said = entry(currency="USD", per_million_tokens={name: str(rate) for name, rate in rates.items()})
    data = {"currency": "EUR", "base": "none", "prices": [said], "adjustments": adjustments}
    data["exchange_rates"] = [{"from": "2024-01-01", "usd": str(usd)}]
    prices = read_prices(Text("prices.yaml", json.dumps(data).encode()))
    meters = ["input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens"]
    found = ask(prices, **dict(zip(meters, counts, strict=True)))
    factor = Fraction(usd)
    for percent in percents:
        factor *= 1 + Fraction(percent) / 100
    words = ["input", "cached_input", "output", "reasoning"]
    published = [
        Fraction(rates[word]) * 1000 * count * Fraction(usd) for word, count in zip(words, counts, strict=True)
    ]
    assert found.list_nano == round(sum(published))
    parts = [one * factor / Fraction(usd) for one in published]
    assert found.nano == round(sum(parts))
    by_meter = {one.meter: one.nano for one in found.charges}
    for meter, part in zip(meters, parts, strict=True):
        assert abs(by_meter.get(meter, 0) - part) < 1


@given(
    st.dictionaries(st.sampled_from(["input", "cached_input", "output", "reasoning"]), st.decimals(0, 100, places=3)),
    st.lists(st.just(0) | COUNTS, min_size=4, max_size=4),
)
def test_prices_that_need_no_rounding_cost_the_same_in_the_short_way(
    rates: dict[str, Decimal], counts: list[int]
) -> None:
    prices = book_of(entry(per_million_tokens={name: str(rate) for name, rate in rates.items()}))
    meters = ["input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens"]
    usage = Usage(**dict(zip(meters, counts, strict=True)))
    asked = Priced(provider="own", model="m", usage=usage, at_s=NOW)
    card = prices.card(asked)
    assert card.simple
    assert costed(card, asked) == costed(msgspec.structs.replace(card, simple=False), asked)


@pytest.mark.parametrize(
    "said",
    [
        {"per_million_tokens": {"input": 0.0001}},
        {"per_million_tokens": TEXT, "per_unit": {"request": 1}},
        {"per_million_tokens": TEXT, "steps": [{"above_input_tokens": 10, "per_million_tokens": {"input": 2}}]},
        {"per_gpu_hour": 3600, "gpus": 2},
    ],
    ids=["parts of a nano-unit", "a fee", "steps", "GPU time"],
)
def test_prices_of_other_kinds_are_not_simple(said: dict[str, Any]) -> None:
    assert not book_of(entry(**said)).card(Priced(provider="own", model="m", usage=Usage(), at_s=NOW)).simple


def test_every_meter_of_a_usage_is_one_charge() -> None:
    usage = {meter: index + 1 for index, meter in enumerate(METERS)}
    for prices in (book(), book_of(entry(provider="openai", models=["gpt-4o"], per_million_tokens=TEXT))):
        found = ask(prices, "gpt-4o", "openai", **usage)
        assert [(one.meter, one.quantity, one.per) for one in found.charges] == [
            (meter, count, PER[meter]) for meter, count in usage.items()
        ]


def test_a_price_of_yesterday_is_yesterdays_however_late_it_is_asked_for() -> None:
    prices = book_of(
        entry(per_million_tokens=TEXT), entry(id="new", per_million_tokens={"input": 9}, **{"from": "2026-11-20"})
    )
    days = [at("2026-11-19T23:59:59"), at("2026-11-20"), at("2026-11-19T23:59:59"), at("2026-11-21")]
    assert [name_of(ask(prices, input_tokens=1, at_s=day)) for day in days] == ["one", "new", "one", "new"]


def test_off_peak_hours_end_to_the_minute() -> None:
    prices = book("providers: {own: deepseek}")
    times = ["2026-11-20T00:29:59", "2026-11-20T00:30:00", "2026-11-20T16:29:59", "2026-11-20T16:30:00"]
    costs = [ask(prices, "deepseek-chat", at_s=at(time), input_tokens=MILLION).nano for time in times]
    assert costs == [135_000_000, 270_000_000, 270_000_000, 135_000_000]


def test_what_is_remembered_is_bounded_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.catalogue.prices.book.MAX_REMEMBERED", 3)
    prices = book_of(entry(models=["m*"], per_million_tokens=TEXT))
    assert {ask(prices, f"m{number}", input_tokens=1_000).nano for number in range(50)} == {1_000_000}
    assert len(prices._remembered) <= 3
    pictures = book_of(entry(images=[{"size": "small", "price": 1}, {"price": 2}]))
    assert {ask(pictures, images=1, image_size=f"{size}").nano for size in range(9)} == {2 * 10**9}
    assert len(pictures._remembered) == 1, "sizes that callers make up are one"
