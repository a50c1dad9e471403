"""FOCUS 1.2 and later (https://focus.finops.org), of any cloud, as CSV or Parquet.

What was counted is told by SkuPriceDetails (TokenDirection and TokenCacheAction of version 1.5, `x_` before it), by
AWS's usage type (`x_UsageType`), or else by words of SkuMeter and ChargeDescription; how many by ConsumedQuantity and
ConsumedUnit. Lines that say none of it are compared by what they cost.
"""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from gateway.ledger.reconciling.aws import usage_type
from gateway.ledger.reconciling.stated import At, Export, Stated, day_of, number, quantities, span, text_of

Row = Mapping[str, Any]
_COSTS = ("EffectiveCost", "BilledCost")
_WORDS: tuple[tuple[str, str], ...] = (
    (r"cache[d ]*(write|creation)[^a-z]*(input )?(tokens?)?.*\b1 ?h", "cache write 1h"),
    (r"cache[d ]*(write|creation)|cchw|cache wr", "cache write"),
    (r"cache[d ]*(read|hit)|cached|cchd|cd inp", "cached input"),
    (r"\b(input|inp|in|prompt)\b", "input"),
    (r"\b(output|outp|opt|out|completion)\b", "output"),
)
_PATTERNS = tuple((re.compile(words, re.IGNORECASE), meter) for words, meter in _WORDS)
_UNIT = re.compile(r"(?:(?P<count>[\d,]+)\s*)?(?P<scale>[KM]|thousand|million)?\s*tokens?", re.IGNORECASE)
_SCALE = {"": 1, "k": 1000, "thousand": 1000, "m": 1_000_000, "million": 1_000_000}


def is_table(names: Sequence[str]) -> bool:
    return {"ChargePeriodStart", "BilledCost", "ChargeCategory"} <= set(names)


def from_table(file: str, rows: Sequence[tuple[int, Row]]) -> Export:
    """Raises:
    ExportError: a row without its moments or amounts.
    """
    lines: list[Stated] = []
    for line, row in rows:
        at = At(file, f"line {line}")
        if text_of(row, "ChargeCategory") != "Usage":
            continue
        cost = next((row[name] for name in _COSTS if row.get(name) not in (None, "")), None)
        details = _details(row, at)
        model, meter = _what(row, details)
        known: Any = {
            "day": day_of(row.get("ChargePeriodStart"), "ChargePeriodStart", at),
            "model": model,
            "cost": number(cost, "EffectiveCost", at),
            "currency": text_of(row, "BillingCurrency").upper() or "USD",
            "key": text_of(row, "CredentialId", "x_CredentialId"),
        }
        scale = _scale(text_of(row, "ConsumedUnit"))
        quantity = None
        if meter and scale is not None:
            quantity = number(row.get("ConsumedQuantity"), "ConsumedQuantity", at) * scale
        lines.append(Stated(**known, meter=meter, quantity=quantity))
    days = span(line.day for line in lines)
    return Export(file=file, format="FOCUS", lines=lines, meters=quantities(lines), days=days, tells_cost=bool(lines))


def _details(row: Row, at: At) -> Mapping[str, Any]:
    text = text_of(row, "SkuPriceDetails")
    if not text:
        return {}
    try:
        found: Any = json.loads(text, parse_float=Decimal)
    except ValueError:
        raise at.error("SkuPriceDetails is not JSON") from None
    return cast(Mapping[str, Any], found) if isinstance(found, dict) else {}


def _what(row: Row, details: Mapping[str, Any]) -> tuple[str, str]:
    """Model and meter."""
    told = usage_type(text_of(row, "x_UsageType", "x_usage_type"))
    if told is not None:
        return told
    sku = text_of(row, "SkuMeter", "x_SkuMeterName", "x_SkuDescription", "ChargeDescription")
    model = text_of(details, "ModelId", "x_ModelId", "ModelVersion", "x_ModelVersion")
    model = model or text_of(row, "ResourceName") or sku
    direction = text_of(details, "TokenDirection", "x_TokenDirection")
    if direction:
        action = text_of(details, "TokenCacheAction", "x_TokenCacheAction")
        long = text_of(details, "x_CacheTtl", "x_CacheTTL") == "1h"
        by_action = {"Read": "cached input", "Write": "cache write 1h" if long else "cache write"}
        return model, "output" if direction == "Output" else by_action.get(action, "input")
    meter = next((meter for pattern, meter in _PATTERNS if pattern.search(sku)), "")
    return model, meter


def _scale(unit: str) -> Decimal | None:
    found = _UNIT.fullmatch(unit.strip())
    if found is None:
        return None
    return Decimal((found["count"] or "1").replace(",", "")) * _SCALE[(found["scale"] or "").lower()]
