"""OpenAI: pages of the usage API and of the costs API, and the same as tables from the dashboard.

Shapes: https://platform.openai.com/docs/api-reference/usage. A page is `{object: page, data: [bucket], has_more}`, a
bucket `{start_time, end_time, results: [...]}`. The dashboard's CSV has one row a result, with the bucket's times.
`input_tokens` holds cached and cache-write tokens and every modality; a cost's `line_item` is
`[priority | ]MODEL, input|output|cached input|cache writes[, long context]`, or a tool.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from gateway.ledger.reconciling.stated import At, Export, Stated, day_of, number, span, text_of, whole

Row = Mapping[str, Any]
# By a result's object: what it counts, and in which of our meters.
COUNTS: Mapping[str, tuple[tuple[str, str, int], ...]] = {
    "completions": (),
    "embeddings": (("input_tokens", "input", 1),),
    "moderations": (("input_tokens", "input", 1),),
    "images": (("images", "images", 1),),
    "audio_speeches": (("characters", "characters", 1),),
    "audio_transcriptions": (("seconds", "audio ms", 1000),),
    "code_interpreter_sessions": (("num_sessions", "code sessions", 1),),
    "web_search_calls": (("num_requests", "web searches", 1),),
    "file_search_calls": (("num_requests", "file searches", 1),),
}
_COMPLETIONS = ("input", "cached input", "cache write", "output")
_ITEM = re.compile(
    r"(?:[a-z]+ \| )?(?P<model>\S.*?), "
    r"(?:audio |image |text )?(?P<meter>input|output|cached input|cache writes?)(?:, long context)?$"
)
_ITEMS = {
    "input": "input",
    "output": "output",
    "cached input": "cached input",
    "cache writes": "cache write",
    "cache write": "cache write",
}
_TOOLS = (("web search", "web searches"), ("file search", "file searches"), ("code interpreter", "code sessions"))


def from_pages(file: str, pages: Sequence[Row]) -> Export:
    """Raises:
    ExportError: a bucket or a result is none.
    """
    lines: list[Stated] = []
    days: set[date] = set()
    kinds: set[str] = set()
    for place, bucket in enumerate(bucket for page in pages for bucket in page["data"]):
        at = At(file, f"data[{place}]")
        day = _bucket_day(bucket.get("start_time"), bucket.get("end_time"), at)
        days.add(day)
        for number_, result in enumerate(bucket.get("results") or []):
            where = At(file, f"data[{place}].results[{number_}]")
            kind = str(result.get("object", "")).removeprefix("organization.").removesuffix(".result")
            kind = kind.removeprefix("usage.")
            kinds.add(kind)
            lines += _costs(result, day, where) if kind == "costs" else _usage(result, kind, day, where)
    return _export(file, "OpenAI costs" if kinds == {"costs"} else "OpenAI usage", lines, days, kinds)


def from_table(file: str, rows: Sequence[tuple[int, Row]]) -> Export:
    """The dashboard's export. A row without anything but its times is a bucket without results."""
    lines: list[Stated] = []
    days: set[date] = set()
    kinds: set[str] = set()
    for line, row in rows:
        at = At(file, f"line {line}")
        start, end = text_of(row, "start_time", "start_time_iso"), text_of(row, "end_time", "end_time_iso")
        day = _bucket_day(start, end, at)
        days.add(day)
        kind = _kind_of(row)
        kinds.add(kind)
        if kind == "costs":
            if text_of(row, "amount_value"):
                amount = {"value": row["amount_value"], "currency": text_of(row, "amount_currency")}
                lines += _costs({**row, "amount": amount}, day, at)
        elif text_of(row, "model", "num_model_requests", "num_requests", "num_sessions"):
            lines += _usage(row, kind, day, at)
    return _export(file, "OpenAI costs" if kinds == {"costs"} else "OpenAI usage", lines, days, kinds)


def is_table(names: Sequence[str]) -> bool:
    known = set(names)
    return bool(known & {"start_time", "start_time_iso"}) and bool(known & {"amount_value", "num_model_requests"})


def _kind_of(row: Row) -> str:
    if "amount_value" in row:
        return "costs"
    if "output_tokens" in row:
        return "completions"
    return next((kind for kind, counts in COUNTS.items() if any(name in row for name, _, _ in counts)), "completions")


def _bucket_day(start: Any, end: Any, at: At) -> date:
    day = day_of(start, "start_time", at)
    if end not in (None, ""):
        last = day_of(end, "end_time", at)
        if (last - day).days > 1:
            raise at.error("the bucket is longer than a day; ask for bucket_width=1d")
    return day


def _usage(result: Row, kind: str, day: date, at: At) -> Iterator[Stated]:
    counts = COUNTS.get(kind)
    if counts is None:
        if kind == "vector_stores":
            return
        raise at.error(f"`{text_of(result, 'object')}` is no usage that is known")
    model = text_of(result, "model")
    if not model and "model" in result and any(result.get(name) for name in ("input_tokens", "num_model_requests")):
        raise at.error("the usage is not of a model; ask for group_by=model (and keep the other groups you want)")
    group: Any = {"day": day, "model": model, "key": text_of(result, "api_key_id")}
    requests = result.get("num_model_requests")
    if requests not in (None, ""):
        yield Stated(**group, requests=int(whole(requests, "num_model_requests", at)))
    if kind == "completions":
        told = {
            name: whole(result.get(name), name, at)
            for name in ("input_tokens", "input_cached_tokens", "input_cache_write_tokens", "output_tokens")
        }
        plain = told["input_tokens"] - told["input_cached_tokens"] - told["input_cache_write_tokens"]
        if plain < 0:
            raise at.error("input_cached_tokens are more than the input_tokens that they are a part of")
        figures = (plain, told["input_cached_tokens"], told["input_cache_write_tokens"], told["output_tokens"])
        for meter, figure in zip(_COMPLETIONS, figures, strict=True):
            yield Stated(**group, meter=meter, quantity=figure)
    for name, meter, times in counts:
        yield Stated(**group, meter=meter, quantity=number(result.get(name), name, at) * times)


def _costs(result: Row, day: date, at: At) -> Iterator[Stated]:
    amount = result.get("amount")
    if not isinstance(amount, Mapping):
        raise at.error("there is no amount")
    told: Mapping[str, Any] = amount  # pyright: ignore[reportUnknownVariableType]
    cost, currency = number(told.get("value"), "amount.value", at), text_of(told, "currency").upper() or "USD"
    item = text_of(result, "line_item")
    known: Any = {"day": day, "cost": cost, "currency": currency, "key": text_of(result, "api_key_id")}
    found = _ITEM.fullmatch(item)
    if found is not None:
        yield Stated(**known, model=found["model"], meter=_ITEMS[found["meter"]])
        return
    tool = next((meter for words, meter in _TOOLS if words in item.lower()), "")
    yield Stated(**known, meter=tool)


def _export(file: str, format: str, lines: list[Stated], days: set[date], kinds: set[str]) -> Export:
    meters = {meter for kind in kinds for _, meter, _ in COUNTS.get(kind, ())}
    meters |= set(_COMPLETIONS) if "completions" in kinds else set[str]()
    costs = [line for line in lines if line.cost is not None]
    return Export(
        file=file,
        format=format,
        lines=lines,
        meters=frozenset(meters),
        days=span(days),
        tells_cost="costs" in kinds,
        tells_requests=any(line.requests is not None for line in lines),
        tools_apart=any(line.model for line in costs),
    )
