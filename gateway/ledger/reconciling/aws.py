"""Amazon Bedrock in AWS's Cost and Usage Report, version 2.0 (Data Exports), as CSV or Parquet.

Shape: https://docs.aws.amazon.com/bedrock/latest/userguide/cost-mgmt-understanding-cur-data.html. A line is one usage
type of an hour or a day: `USE1-Claude4.6Sonnet-input-tokens`, `…-cache-read-input-token-count-cross-region-global`,
`USE1-openai.gpt-oss-120b-mantle-output-tokens-flex`: region, the model's name on bills, what was counted, how it was
routed, the service tier. Usage is in thousands of tokens or in tokens, as `pricing_unit` says. It tells no requests.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from gateway.ledger.reconciling.stated import At, Export, Stated, day_of, number, quantities, span, text_of

Row = Mapping[str, Any]
_TYPE = re.compile(
    r"(?:[A-Z]{2,4}\d?-)?(?P<model>.+?)-(?:mantle-)?(?:text-)?"
    r"(?P<meter>cache-read-input-token-count|cache-read-input-tokens|cache-read-tokens|"
    r"cache-write-(?:1h-)?input-token-count|cache-write-(?:1h-)?input-tokens|cache-write-tokens|"
    r"input-token-count|input-tokens|output-token-count|output-tokens)(?:-[A-Za-z0-9]+)*$"
)
_SCALES = (
    (re.compile(r"1?\s*(?:m|million|1000000|1,000,000)\s*(?:input |output )?tokens?", re.IGNORECASE), 1_000_000),
    (re.compile(r"1?\s*(?:k|thousand|1000|1,000)\s*(?:input |output )?tokens?", re.IGNORECASE), 1_000),
    (re.compile(r"(?:1 )?(?:input |output )?tokens?|count|units?", re.IGNORECASE), 1),
)
_COSTS = ("line_item_net_unblended_cost", "line_item_unblended_cost")
# Credits, taxes and fees of contracts are no usage.
_USAGE = ("", "Usage", "DiscountedUsage", "SavingsPlanCoveredUsage")


def is_table(names: Sequence[str]) -> bool:
    return {"line_item_usage_type", "line_item_usage_amount", "line_item_usage_start_date"} <= set(names)


def from_table(file: str, rows: Sequence[tuple[int, Row]]) -> Export:
    """Raises:
    ExportError: a unit that is not known: a thousand times too much would look like a finding.
    """
    lines: list[Stated] = []
    for line, row in rows:
        at = At(file, f"line {line}")
        if text_of(row, "line_item_line_item_type") not in _USAGE:
            continue
        kind = text_of(row, "line_item_usage_type")
        product = text_of(row, "line_item_product_code", "product_servicecode")
        counted = usage_type(kind)
        if counted is None and "bedrock" not in product.lower():
            continue
        known: Any = {
            "day": day_of(row.get("line_item_usage_start_date"), "line_item_usage_start_date", at),
            "cost": number(next((row[name] for name in _COSTS if row.get(name) not in (None, "")), None), "cost", at),
            "currency": text_of(row, "line_item_currency_code").upper() or "USD",
            "key": text_of(row, "line_item_iam_principal"),
        }
        if counted is None:
            # Provisioned throughput, customisation, guardrails: part of the bill, and of no call.
            lines.append(Stated(**known, model=kind))
            continue
        amount = number(row.get("line_item_usage_amount"), "line_item_usage_amount", at)
        unit = text_of(row, "pricing_unit", "line_item_usage_unit", "product_usage_unit")
        model, meter = counted
        lines.append(Stated(**known, model=model, meter=meter, quantity=amount * scale_of(unit, at)))
    days = span(line.day for line in lines)
    return Export(file=file, format="AWS CUR", lines=lines, meters=quantities(lines), days=days, tells_cost=bool(lines))


def scale_of(unit: str, at: At) -> Decimal:
    """How many tokens a unit of usage is.

    Raises:
        ExportError: it does not say.
    """
    for pattern, scale in _SCALES:
        if pattern.fullmatch(unit.strip()):
            return Decimal(scale)
    raise at.error(f"the unit `{unit[:40]}` is not one of tokens, 1K tokens, 1M tokens; add pricing_unit to the export")


def usage_type(text: str) -> tuple[str, str] | None:
    """Model and meter of a usage type; None if it counts no tokens."""
    found = _TYPE.fullmatch(text)
    return None if found is None else (found["model"], _meter(found["meter"]))


def _meter(words: str) -> str:
    if words.startswith("cache-read"):
        return "cached input"
    if words.startswith("cache-write"):
        return "cache write"
    return "input" if words.startswith("input") else "output"
