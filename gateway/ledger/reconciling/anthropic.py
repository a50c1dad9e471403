"""Anthropic: pages of the usage report and of the cost report, and the Console's CSV of usage.

Shapes: https://platform.claude.com/docs/en/api/admin/usage_report and /cost_report. A page is `{data: [{starting_at,
ending_at, results: [...]}], has_more}`. Input tokens exclude what was read from or written to a cache. A cost's
`amount` is decimal text in cents; what Priority Tier costs is not in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from gateway.ledger.reconciling.stated import At, Export, Stated, day_of, number, span, text_of, whole

Row = Mapping[str, Any]
_CENTS = Decimal(100)
_OF_TYPE = {
    "uncached_input_tokens": "input",
    "cache_read_input_tokens": "cached input",
    "cache_creation.ephemeral_5m_input_tokens": "cache write 5m",
    "cache_creation.ephemeral_1h_input_tokens": "cache write 1h",
    "output_tokens": "output",
}
# The Console's columns, by our meters.
_COLUMNS = {
    "input": "usage_input_tokens_no_cache",
    "cached input": "usage_input_tokens_cache_read",
    "cache write 5m": "usage_input_tokens_cache_write_5m",
    "cache write 1h": "usage_input_tokens_cache_write_1h",
    "output": "usage_output_tokens",
    "web searches": "web_search_count",
}
_METERS = frozenset(_COLUMNS)


def from_pages(file: str, pages: Sequence[Row]) -> Export:
    """Raises:
    ExportError: a bucket or a result is none.
    """
    lines: list[Stated] = []
    days: set[date] = set()
    costs = usage = False
    for place, bucket in enumerate(bucket for page in pages for bucket in page["data"]):
        day = day_of(bucket.get("starting_at"), "starting_at", At(file, f"data[{place}]"))
        days.add(day)
        for number_, result in enumerate(bucket.get("results") or []):
            at = At(file, f"data[{place}].results[{number_}]")
            if "amount" in result:
                costs = True
                lines.append(_cost(result, day, at))
            else:
                usage = True
                lines += _usage(result, day, at)
    return Export(
        file=file,
        format="Anthropic costs" if costs and not usage else "Anthropic usage",
        lines=lines,
        meters=_METERS if usage else frozenset[str](),
        days=span(days),
        tells_cost=costs,
        tools_apart=any(line.model for line in lines if line.cost is not None),
    )


def from_table(file: str, rows: Sequence[tuple[int, Row]]) -> Export:
    """The Console's export of usage: a row for each day, model, key, tier and window."""
    lines: list[Stated] = []
    for line, row in rows:
        at = At(file, f"line {line}")
        day = day_of(row.get("usage_date_utc"), "usage_date_utc", at)
        known: Any = {
            "day": day,
            "model": text_of(row, "model_version", "model"),
            "key": text_of(row, "api_key"),
        }
        for meter, column in _COLUMNS.items():
            lines.append(Stated(**known, meter=meter, quantity=whole(row.get(column), column, at)))
    days = span(line.day for line in lines)
    return Export(file=file, format="Anthropic usage", lines=lines, meters=_METERS, days=days)


def is_table(names: Sequence[str]) -> bool:
    return {"usage_date_utc", "usage_input_tokens_no_cache"} <= set(names)


def _usage(result: Row, day: date, at: At) -> Iterator[Stated]:
    model = text_of(result, "model")
    if not model:
        raise at.error("the usage is not of a model; ask for group_by[]=model (and keep the other groups you want)")
    known: Any = {"day": day, "model": model, "key": text_of(result, "api_key_id")}
    written: Row = result.get("cache_creation") or {}
    tools: Row = result.get("server_tool_use") or {}
    figures = {
        "input": result.get("uncached_input_tokens"),
        "cached input": result.get("cache_read_input_tokens"),
        "cache write 5m": written.get("ephemeral_5m_input_tokens"),
        "cache write 1h": written.get("ephemeral_1h_input_tokens"),
        "output": result.get("output_tokens"),
        "web searches": tools.get("web_search_requests"),
    }
    for meter, figure in figures.items():
        yield Stated(**known, meter=meter, quantity=whole(figure, meter, at))


def _cost(result: Row, day: date, at: At) -> Stated:
    amount = result["amount"]
    if not isinstance(amount, str):
        raise at.error("amount is not decimal text")
    kind = text_of(result, "cost_type")
    meter = _OF_TYPE.get(text_of(result, "token_type"), "")
    if kind == "web_search":
        meter = "web searches"
    elif kind == "code_execution":
        meter = "code sessions"
    return Stated(
        day=day,
        model=text_of(result, "model"),
        meter=meter,
        cost=number(amount, "amount", at) / _CENTS,
        currency=text_of(result, "currency").upper() or "USD",
    )
