"""What tests of price books share."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.catalogue.prices import Costed, PriceBook, Priced, read_prices
from gateway.core.attempt import Terms
from gateway.core.usage import Usage
from gateway.core.wiring import Wiring
from gateway.stores.documents import Text

WIRED = Wiring(
    providers=frozenset({"openai", "claude", "own", "router"}),
    price_providers={"openai": "openai", "claude": "anthropic", "own": "none", "router": "openrouter"},
)
MILLION = 10**6


def at(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


NOW = at("2026-11-20")


def book(text: str = "", currency: str = "USD") -> PriceBook:
    return read_prices(Text("prices.yaml", f"currency: {currency}\n{text}".encode()), WIRED)


def entry(**said: Any) -> dict[str, Any]:
    return {"id": "one", "provider": "own", "models": ["m"], "from": "2024-01-01", **said}


def book_of(*entries: Mapping[str, Any], currency: str = "USD", **said: Any) -> PriceBook:
    parts = {"prices": list(entries), **said}
    return book("\n".join(f"{name}: {json.dumps(part)}" for name, part in parts.items()), currency)


def ask(prices: PriceBook, model: str = "m", provider: str = "own", /, **asked: Any) -> Costed:
    terms = Terms(**{name: asked.pop(name) for name in Terms.__struct_fields__ if name in asked})
    known = {name: asked.pop(name) for name in Priced.__struct_fields__ if name in asked}
    return prices.charges(
        Priced(**{"provider": provider, "model": model, "at_s": NOW, "terms": terms, "usage": Usage(**asked), **known})
    )


def name_of(costed: Costed) -> str:
    return costed.price_version.partition("/")[2]


TEXT = {"input": 1, "output": 2}
