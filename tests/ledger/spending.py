"""Ledgers with money in them: calls with attempts and charges, as a gateway leaves them."""

import json
import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from ledger_parts import ledger_at

from gateway.core.attempt import RETRIES, Attempt, Charge, Terms
from gateway.core.clock import uuid7
from gateway.core.money import MILLION, round_half_even, share_out
from gateway.core.record import Record
from gateway.core.usage import METERS, Usage

HOUR_NS = 3_600_000_000_000
# 2026-10-01T00:00:00Z
OCTOBER_NS = 1_790_812_800 * 1_000_000_000
# model, target, served model, meter -> (contracted, list) in nano-units for a million
Rates = dict[str, tuple[int, int | None]]
MODELS: Sequence[tuple[str, str, str, Rates]] = (
    ("smart", "openai/gpt-x", "gpt-x-2026", {"input_tokens": (2_375_000_000, 2_500_000_000), "output_tokens": (9_500_000_000, 10_000_000_000), "cached_input_tokens": (237_500_000, 250_000_000), "web_searches": (10_000_000_000_000, 10_000_000_000_000)}),
    ("smart", "azure/gpt-x", "gpt-x-2026", {"input_tokens": (2_500_000_001, 2_500_000_001), "output_tokens": (10_000_000_000, 10_000_000_000)}),
    ("careful", "anthropic/claude-y", "claude-y", {"input_tokens": (3_000_000_000, 3_000_000_000), "output_tokens": (15_000_000_000, 15_000_000_000), "cache_write_1h_tokens": (6_000_000_000, 6_000_000_000)}),
    ("own", "local/small", "small", {"input_tokens": (40_000_000, None), "output_tokens": (40_000_000, None)}),
    ("listens", "openai/ear", "ear-1", {"audio_ms": (100_000_000, 100_000_000)}),
    ("unknown", "openai/new", "new-1", {}),
)  # fmt: skip


def call(number: int, at_ns: int, draw: random.Random, **fields: Any) -> Record:
    """One call of a random model, priced as the price book prices: rounded once, and shared out."""
    model, target, served, rates = draw.choice(MODELS) if "pick" not in fields else MODELS[fields.pop("pick")]
    attempt = attempt_of(target, served, rates, draw)
    attempts = (attempt,)
    if draw.random() < 0.1:
        failed = attempt_of(target, served, rates, draw, n=1, role="primary", served=False, account=RETRIES)
        attempts = (failed, attempt_of(target, served, rates, draw, n=2, role="retry", served=True))
    paid = attempts[-1]
    known: dict[str, Any] = {
        "tenant": draw.choice(("bank", "shop")),
        "team": draw.choice(("loans", "risk")),
        "key_id": draw.choice(("key_a", "key_b", "user_0123")),
        "prompt_id": draw.choice(("", "greeting@3")),
        "agent": draw.choice(("", "planner")),
        "tags": draw.choice(("", json.dumps({"app": "=cmd()", "cost_center": "42"}), '{"nested":{"a":[1]}}')),
        **fields,
    }
    return Record(
        id=uuid7(at_ns, lambda size: number.to_bytes(size, "big")), started_ns=at_ns, operation="chat", model=model,
        target=target, served_model=served, outcome="completed", status=200, usage=paid.usage,
        usage_source=draw.choice(("provider", "provider", "provider", "estimate")), pricing=paid.pricing,
        cost_nano=paid.cost_nano, list_nano=paid.list_nano, attempts=attempts, **known,
    )  # fmt: skip


def attempt_of(target: str, served_model: str, rates: Rates, draw: random.Random, **fields: Any) -> Attempt:
    quantities = {meter: draw.randint(1, 200_000) for meter in rates} or {"input_tokens": 1_000}
    exact = [quantity * rates[meter][0] for meter, quantity in quantities.items() if meter in rates]
    total = round_half_even(sum(exact), MILLION)
    shares = share_out(total, exact, MILLION) if rates else []
    charges = tuple(
        Charge(meter, quantity, MILLION, *rates[meter], share, share if rates[meter][1] is None else round_half_even(quantity * (rates[meter][1] or 0), MILLION))
        for (meter, quantity), share in zip(quantities.items(), shares, strict=bool(rates))
    ) if rates else tuple(Charge(meter, quantity) for meter, quantity in quantities.items())  # fmt: skip
    provider = target.partition("/")[0]
    usage = Usage(**{meter: quantity for meter, quantity in quantities.items() if meter in METERS})
    return Attempt(
        **{"served": True, **fields}, provider=provider, target=target, served_model=served_model, outcome="completed",
        usage=usage, usage_source="provider", terms=Terms(tier=draw.choice(("", "priority"))),
        pricing="priced" if rates else "unpriced", price_version="b00k/entry" if rates else "", charges=charges,
    )  # fmt: skip


def fill(state: Path, count: int = 400, hours: int = 24 * 40, seed: int = 7, **fields: Any) -> list[Record]:
    """A ledger of so many calls in so many hours from the first of October 2026; the calls."""
    draw = random.Random(seed)
    records = [call(number, OCTOBER_NS + draw.randrange(hours * HOUR_NS), draw, **fields) for number in range(count)]
    with ledger_at(state) as ledger:
        ledger.commit(records, "w.jnl", 1)
    return records


def billed(records: Sequence[Record], before_ns: int = 2**63) -> Decimal:
    """What the attempts of these calls cost, in whole units of the currency, without the code under test."""
    nano = sum(one.cost_nano or 0 for record in records if record.started_ns < before_ns for one in record.attempts)
    return Decimal(nano).scaleb(-9)
