"""Public cases of what calls cost: each must come out to the nano-unit, or stand in the list of those that cannot.

Three truths are asked: what providers wrote into their own answers, what genai-prices' own tests expect of recorded
answers, and what other libraries' tests and pages say. Usage is read by the gateway's own dialects where there is an answer.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import msgspec
import pytest

from gateway.catalogue.prices import Costed, PriceBook, Priced, PricesFile, read_prices
from gateway.catalogue.prices.published import builtin
from gateway.core.attempt import Terms
from gateway.core.usage import Usage
from gateway.dialects.anthropic.usage import read_usage as read_anthropic
from gateway.dialects.costs import reported_nano
from gateway.dialects.gemini.usage import read_usage as read_gemini
from gateway.dialects.openai.usage import read_usage as read_openai
from gateway.stores.documents import Text
from tests.conftest import SHARED

FILE = SHARED / "corpus" / "prices_cases.json"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="price cases are not here: ../shared/corpus")

Case = Mapping[str, Any]
CASES: list[Case] = json.loads(FILE.read_text()) if FILE.exists() else []
WITHOUT_A_COST = {"provider-counted-prompt-tokens", "published-token-count", "published-formula"}
NAMES = [f"{case['kind']}-{index}" for index, case in enumerate(CASES) if case["kind"] not in WITHOUT_A_COST]
# Cases that name no day are about prices as they stood when the snapshot was made, but for those that were written
# before a price changed.
TODAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
EARLIER = {
    name: datetime(2026, 9, 1, tzinfo=UTC)
    for name in ("moonshotai/kimi-k2.7-code", "moonshotai/kimi-k2.7-code-20260612")
}


@cache
def book() -> PriceBook:
    """Published prices alone; providers are called as they are there, or as the cases call them."""
    names = {name: name for name in builtin().providers}
    return PriceBook(
        PricesFile(currency="USD"), "book", builtin(), {**names, "xai": "x-ai", "openai-compatible": "x-ai"}
    )


def case_of(name: str) -> Case:
    return CASES[int(name.rpartition("-")[2])]


def expected(case: Case) -> int:
    return round(Fraction(Decimal(case["cost_usd"])) * 10**9)


def at(case: Case) -> float:
    text: str | None = case.get("priced_at")
    if text is None:
        return EARLIER.get(case.get("model", ""), TODAY).timestamp()
    if text.startswith("datetime("):
        return datetime(*map(int, re.findall(r"\d+", text)), tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]
    return datetime.fromisoformat(text).timestamp()


def from_totals(totals: Mapping[str, int]) -> Usage:
    """Overlapping totals, as genai-prices has them, as disjoint meters."""

    def count(name: str) -> int:
        return totals.get(name) or 0

    audio = count("input_audio_tokens") - count("cache_audio_read_tokens")
    image = count("input_image_tokens") - count("cache_image_read_tokens")
    read, written = count("cache_read_tokens"), count("cache_write_tokens")
    out = {name: count(f"output_{name}_tokens") for name in ("reasoning", "audio", "image")}
    return Usage(
        input_tokens=count("input_tokens") - read - written - audio - image,
        cached_input_tokens=read - count("cache_audio_read_tokens"),
        cached_audio_tokens=count("cache_audio_read_tokens"),
        cache_write_tokens=written - count("cache_write_1h_tokens"),
        cache_write_1h_tokens=count("cache_write_1h_tokens"),
        input_audio_tokens=audio,
        input_image_tokens=image,
        output_tokens=count("output_tokens") - sum(out.values()),
        reasoning_tokens=out["reasoning"],
        output_audio_tokens=out["audio"],
        output_image_tokens=out["image"],
        web_searches=count("web_searches"),
    )


def from_answer(case: Case) -> Usage:
    answer = case["response_excerpt"]
    block = answer.get("usage") or answer["usageMetadata"]
    if "usageMetadata" in answer:
        return read_gemini(block)
    return (read_anthropic if "cache_read_input_tokens" in block or case["api"] == "anthropic" else read_openai)(block)


# The provider of cases that leave it to a library to guess it from the model's name.
GUESSED = {"gpt-4o": "openai", "o3": "openai", "deepseek-chat": "deepseek"}


def provider_of(case: Case) -> str:
    if (case.get("provider_api_url") or "").startswith("https://openrouter.ai"):
        return "openrouter"
    return case.get("provider") or GUESSED[case["model"]]


def tokencost(case: Case) -> Costed:
    """Texts are counted as OpenAI's cookbook says, with three tokens for each message and three for the answer's
    beginning: 15 for these two messages, 17 by the oldest models, and 4 for the text that is embedded."""
    model = case["model"].removeprefix("azure/")
    tokens = case.get("tokens") or (4 if "embedding" in model else 17 if model.endswith("-0301") else 15)
    meter = {"input": "input_tokens", "output": "output_tokens", "cached": "cached_input_tokens"}[case["side"]]
    provider = "azure" if case["model"].startswith("azure/") else "aws" if model.startswith("ai21") else "openai"
    return book().charges(Priced(provider=provider, model=model, usage=Usage(**{meter: tokens}), at_s=at(case)))


def explicit_rates(case: Case) -> Costed:
    """The case's own rates as an entry of prices.yaml."""
    per_million = {name: Decimal(rate) * 10**6 for name, rate in case["rates_usd_per_token"].items()}
    words = {"cache_read": "cached_input"}
    flat = {words.get(name, name): str(rate) for name, rate in per_million.items() if "_above_" not in name}
    steps = [
        {
            "above_input_tokens": int(name.partition("_above_")[2].rstrip("k")) * 1000,
            "per_million_tokens": {"input": str(rate)},
        }
        for name, rate in per_million.items()
        if "_above_" in name
    ]
    entry = {
        "id": "case",
        "provider": "p",
        "models": ["m"],
        "from": "2020-01-01",
        "per_million_tokens": flat,
        "steps": steps,
    }
    made = read_prices(Text("prices.yaml", json.dumps({"currency": "USD", "base": "none", "prices": [entry]}).encode()))
    raw = case["usage_raw"]
    usage = Usage(cached_input_tokens=raw["cached_tokens"]) if "prompt_tokens" not in raw else read_openai(raw)
    return made.charges(Priced(provider="p", model="m", usage=usage, at_s=at(case)))


def costed(name: str) -> Costed:
    """What the book says of a case, a provider's own report left aside."""
    case = case_of(name)
    kind: str = case["kind"]
    if kind == "tokencost-cost":
        return tokencost(case)
    if kind == "litellm-explicit-rates":
        return explicit_rates(case)
    if kind == "published-example":
        usage = read_anthropic(case["usage_raw"])
    elif kind == "genai-prices-dataset" and case["api"] != "embeddings":  # which looks at the input of any answer
        usage = from_answer(case)
    elif kind.startswith("genai-prices"):
        usage = from_totals(case["usage_normalised"])
    else:
        return reported(case, Terms())
    return book().charges(Priced(provider=provider_of(case), model=case["model"], usage=usage, at_s=at(case)))


def reported(case: Case, terms: Terms) -> Costed:
    """Vercel's gateway passes on what the models' makers ask, names them in the model, and counts reasoning beside the
    completion and in no total."""
    raw, provider, model = case["usage_raw"], case["provider"], case["model"]
    usage = read_openai(raw)
    if provider == "vercel-gateway":
        provider, _, model = model.partition("/")
        usage = msgspec.structs.replace(
            usage,
            output_tokens=raw["completion_tokens"],
            reasoning_tokens=raw["completion_tokens_details"]["reasoning_tokens"],
        )
    return book().charges(Priced(provider=provider, model=model, usage=usage, at_s=at(case), terms=terms))


# Cases that do not come out by the book's own prices, by the reason why. `test_the_list_is_minimal` keeps it honest.
OUTSIDE: dict[str, tuple[str, ...]] = {
    "OpenRouter took a provider with another price than the one the snapshot has": (
        "provider-reported-0",
        "provider-reported-25",
        "provider-reported-76",
        "provider-reported-77",
    ),
    "recorded at a price that the snapshot's history does not go back to": (
        "provider-reported-1",
        "provider-reported-2",
        "provider-reported-14",
    ),
    "the model is not in the snapshot: what it costs is only known from the report": (
        "provider-reported-3",
        "provider-reported-70",
        "provider-reported-71",
        "provider-reported-72",
        "provider-reported-73",
        "provider-reported-74",
        "provider-reported-75",
        "provider-reported-213",
        "provider-reported-219",
    ),
    "OpenRouter's fee for its web search is in the reported cost, and no price of the snapshot": (
        "provider-reported-4",
        "provider-reported-12",
        "provider-reported-13",
    ),
    "a fee of 0.002 dollars that nothing in the usage shows": ("provider-reported-5",),
    "Perplexity's fee for a request depends on the size of the search; the snapshot has that of the largest": (
        "provider-reported-126",
        "provider-reported-127",
        "provider-reported-128",
        "provider-reported-132",
        "provider-reported-181",
        "provider-reported-182",
        "provider-reported-183",
        "provider-reported-202",
        "provider-reported-203",
        "provider-reported-207",
        "provider-reported-222",
    ),
    "the fee of Perplexity's search, behind OpenRouter, is in the reported cost and shown by nothing in the usage": (
        "provider-reported-131",
    ),
    "two searches of 0.005 dollars each stand under server_side_tool_usage_details, which the chat reader does not read": (
        "provider-reported-197",
        "provider-reported-199",
    ),
    "the case does not see Mistral's num_cached_tokens; they cost a tenth": (
        "genai-prices-dataset-412",
        "genai-prices-dataset-413",
        "genai-prices-dataset-416",
        "genai-prices-dataset-421",
        "genai-prices-dataset-460",
        "genai-prices-dataset-597",
    ),
    "the snapshot has the model without a price: theirs is 0, here it is unknown": (
        "genai-prices-dataset-664",
        "genai-prices-dataset-665",
    ),
    "citation tokens have no meter": ("genai-prices-test-937",),
    "cached image tokens have no meter of their own; they count as cached text": ("genai-prices-test-941",),
    "an old price: gpt-3.5-turbo has cost 0.5 dollars since January 2024, and the snapshot does not go back": (
        "tokencost-cost-943",
        "tokencost-cost-960",
    ),
    "a model that Bedrock no longer has, and the snapshot never had": ("tokencost-cost-962",),
}


def reason_of(name: str) -> str:
    return next((reason for reason, names in OUTSIDE.items() if name in names), "")


@pytest.mark.parametrize("name", NAMES)
def test_every_case_comes_out_or_is_listed(name: str) -> None:
    found = costed(name)
    if reason_of(name):
        assert found.nano != expected(case_of(name)), "the case comes out; it must not be listed"
    else:
        assert found.nano == expected(case_of(name)), found.unpriced


REPORTED = [name for name in NAMES if case_of(name)["kind"] == "provider-reported"]


def how_it_is_told(case: Case) -> str:
    return "xai" if "ticks" in case["cost_field"] else "perplexity" if "total" in case["cost_field"] else "openrouter"


@pytest.mark.parametrize("name", REPORTED)
def test_what_a_provider_reports_is_what_is_charged(name: str) -> None:
    case = case_of(name)
    said = reported_nano(how_it_is_told(case), json.dumps(case["usage_raw"]).encode())
    found = reported(case, Terms(reported_nano=said))
    assert found.nano == expected(case)
    assert not found.doubt
    own = reported(case, Terms())
    if own.pricing == "priced":
        assert [charge.quantity for charge in found.charges] == [charge.quantity for charge in own.charges]
        assert found.list_nano == own.list_nano, "what is published stays what the book says"


def test_the_list_names_cases_that_there_are() -> None:
    listed = [name for names in OUTSIDE.values() for name in names]
    assert set(listed) <= set(NAMES)
    assert len(listed) == len(set(listed))
    assert {case["kind"] for case in CASES} == {
        *WITHOUT_A_COST,
        *(case_of(name)["kind"] for name in NAMES),
    }, "no kind is left out unseen"


def test_published_formulas_hold() -> None:
    o1, mistral = (case for case in CASES if case["kind"] == "published-formula")
    rates = {
        row.meter: row.rate
        for row in book().card(Priced(provider="openai", model="o1", usage=Usage(), at_s=at(o1))).bands[0].rows
    }
    said = {name: int(Decimal(rate) * 10**9) for name, rate in o1["rates_usd_per_mtok"].items()}
    assert said == {
        "input": rates["input_tokens"],
        "cached_input": rates["cached_input_tokens"],
        "output": rates["output_tokens"],
    }
    assert "10%" in mistral["formula"]
    for model in ("mistral-large-2512", "mistral-medium-latest", "mistral-small-latest", "codestral-2508"):
        (band,) = book().card(Priced(provider="mistral", model=model, usage=Usage(), at_s=at(mistral))).bands
        by_meter = {row.meter: row.rate for row in band.rows}
        assert by_meter["cached_input_tokens"] * 10 == by_meter["input_tokens"]
