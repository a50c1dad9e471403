"""Exports as providers make them, of calls that are listed here: written without the code that reads them."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from ledger_parts import closed_record

from gateway.catalogue.prices import PriceBook, Priced, read_prices
from gateway.core.attempt import Attempt, Terms
from gateway.core.record import Record
from gateway.core.usage import Usage
from gateway.core.wiring import Wiring
from gateway.stores.documents import Text

WIRED = Wiring(
    providers=frozenset({"openai", "claude", "bedrock"}),
    price_providers={"openai": "openai", "claude": "anthropic", "bedrock": "aws"},
)
DAY_S = 86_400
# Noon of 7 October 2025, UTC.
NOON_S = 1_759_795_200 + DAY_S // 2
HOUR_NS = 3_600_000_000_000


def builtin_book() -> PriceBook:
    """Published prices alone."""
    return read_prices(Text("prices.yaml", b"currency: USD\n"), WIRED)


class Bought(msgspec.Struct, frozen=True, kw_only=True):
    """One call to a provider, as both sides saw it. `served`: what the provider calls the model; empty: unsaid."""

    model: str
    usage: Usage
    provider: str = "openai"
    served: str = ""
    at_s: int = NOON_S
    outcome: str = "completed"
    source: str = "provider"
    duration_us: int = 2_000_000


def recorded(number: int, book: PriceBook, bought: Bought) -> Record:
    """As the gateway records it."""
    started_ns = bought.at_s * 1_000_000_000 + number
    costed = book.charges(
        Priced(
            provider=bought.provider,
            model=bought.model,
            served_model=bought.served,
            usage=bought.usage,
            at_s=bought.at_s,
        )
    )
    target = f"{bought.provider}/{bought.model}"
    attempt = Attempt(
        served=True,
        started_ns=started_ns,
        provider=bought.provider,
        target=target,
        served_model=bought.served,
        outcome=bought.outcome,  # type: ignore[arg-type]
        upstream_request_id=f"req_{number}",
        usage=bought.usage,
        usage_source=bought.source,  # type: ignore[arg-type]
        terms=Terms(tier="default"),
        duration_us=bought.duration_us,
        pricing=costed.pricing,
        price_version=costed.price_version,
        charges=costed.charges,
    )
    known: dict[str, Any] = {
        "model": "alias",
        "target": target,
        "served_model": bought.served,
        "usage": bought.usage,
        "pricing": costed.pricing,
        "cost_nano": attempt.cost_nano,
        "list_nano": attempt.list_nano,
        "outcome": bought.outcome,
        "usage_source": bought.source,
        "attempts": (attempt,),
    }
    return msgspec.structs.replace(closed_record(number, **known), started_ns=started_ns)


def days_of(calls: Sequence[Bought]) -> dict[int, list[Bought]]:
    """By the first second of their day."""
    found: dict[int, list[Bought]] = defaultdict(list)
    for one in calls:
        found[one.at_s // DAY_S * DAY_S].append(one)
    return found


def openai_usage(calls: Sequence[Bought], times: Decimal = Decimal(1), **more: Any) -> str:
    """A page of `/v1/organization/usage/completions`, by model. `times`: what the provider counted more."""

    def results(of_day: Sequence[Bought]) -> list[dict[str, Any]]:
        by_model: dict[str, list[Usage]] = defaultdict(list)
        for one in of_day:
            by_model[one.served or one.model].append(one.usage)
        return [
            {
                "object": "organization.usage.completions.result",
                "input_tokens": int(sum(one.total_input for one in used) * times),
                "input_cached_tokens": sum(one.cached_input_tokens for one in used),
                "output_tokens": int(sum(one.total_output for one in used) * times),
                "input_audio_tokens": 0,
                "output_audio_tokens": 0,
                "num_model_requests": len(used),
                "project_id": None,
                "user_id": None,
                "api_key_id": None,
                "batch": None,
                "service_tier": None,
                "model": model,
                **more,
            }
            for model, used in by_model.items()
        ]

    return page(calls, results)


def openai_costs(calls: Sequence[Bought], rates: Callable[[str], tuple[str, str, str]]) -> str:
    """A page of `/v1/organization/costs` by line item. `rates`: a model's price of a million tokens: input, cached
    input, output."""

    def results(of_day: Sequence[Bought]) -> list[dict[str, Any]]:
        costs: dict[str, Decimal] = defaultdict(Decimal)
        for one in of_day:
            model, used = one.served or one.model, one.usage
            counts = (used.input_tokens, used.cached_input_tokens, used.total_output)
            for item, count, rate in zip(("input", "cached input", "output"), counts, rates(model), strict=True):
                costs[f"{model}, {item}"] += count * Decimal(rate) / 10**6
        return [
            {
                "object": "organization.costs.result",
                "amount": {"value": f"{cost}000000000000", "currency": "usd"},
                "line_item": item,
                "project_id": "proj_x",
            }
            for item, cost in costs.items()
        ]

    return page(calls, results)


def page(calls: Sequence[Bought], results: Callable[[Sequence[Bought]], list[dict[str, Any]]]) -> str:
    buckets = [
        {"object": "bucket", "start_time": day, "end_time": day + DAY_S, "results": results(of_day)}
        for day, of_day in sorted(days_of(calls).items())
    ]
    return json.dumps({"object": "page", "data": buckets, "has_more": False, "next_page": None})


def anthropic_usage(calls: Sequence[Bought], times: int = 1) -> str:
    buckets = [
        {
            "starting_at": _moment(day),
            "ending_at": _moment(day + DAY_S),
            "results": [
                {
                    "uncached_input_tokens": one.usage.input_tokens * times,
                    "cache_creation": {
                        "ephemeral_1h_input_tokens": one.usage.cache_write_1h_tokens,
                        "ephemeral_5m_input_tokens": one.usage.cache_write_tokens,
                    },
                    "cache_read_input_tokens": one.usage.cached_input_tokens,
                    "output_tokens": one.usage.total_output,
                    "server_tool_use": {"web_search_requests": one.usage.web_searches},
                    "api_key_id": "apikey_1",
                    "workspace_id": None,
                    "model": one.served,
                    "service_tier": "standard",
                    "context_window": "0-200k",
                    "inference_geo": "global",
                }
                for one in of_day
            ],
        }
        for day, of_day in sorted(days_of(calls).items())
    ]
    return json.dumps({"data": buckets, "has_more": False, "next_page": None})


def anthropic_costs(day: int, model: str, cents: dict[str, str], searches: str = "") -> str:
    """`cents`: by token type."""
    results: list[dict[str, Any]] = [
        {
            "amount": amount,
            "currency": "USD",
            "cost_type": "tokens",
            "token_type": kind,
            "model": model,
            "service_tier": "standard",
            "context_window": "0-200k",
            "description": f"{model} Usage",
            "workspace_id": None,
        }
        for kind, amount in cents.items()
    ]
    if searches:
        results.append(
            {"amount": searches, "currency": "USD", "cost_type": "web_search", "token_type": None, "model": None}
        )
    buckets = [{"starting_at": _moment(day), "ending_at": _moment(day + DAY_S), "results": results}]
    return json.dumps({"data": buckets, "has_more": False, "next_page": None})


def _moment(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%SZ}"


def table(rows: Sequence[dict[str, Any]], delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def cur_rows(day: str, name: str, amounts: dict[str, tuple[str, str]], unit: str = "1K tokens") -> list[dict[str, Any]]:
    """`amounts`: by what was counted (`input-tokens`, …): how much, and its cost."""
    return [
        {
            "line_item_line_item_type": "Usage",
            "line_item_product_code": "AmazonBedrock",
            "line_item_usage_start_date": f"{day}T03:00:00Z",
            "line_item_usage_type": f"USE1-{name}-{counted}",
            "line_item_usage_amount": amount,
            "line_item_unblended_cost": cost,
            "line_item_currency_code": "USD",
            "pricing_unit": unit,
        }
        for counted, (amount, cost) in amounts.items()
    ]
