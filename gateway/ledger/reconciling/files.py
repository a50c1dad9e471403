"""Files as exports: which one it is, is told by its content."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from gateway.core.extras import installing
from gateway.ledger.reconciling import anthropic, aws, focus_rows, openai
from gateway.ledger.reconciling.stated import At, Export, ExportError

KNOWN = (
    "OpenAI usage and costs (pages of the API as JSON, or the dashboard's CSV), Anthropic usage_report and cost_report "
    "(JSON, or the Console's CSV), AWS CUR 2.0 and FOCUS 1.2 or later (CSV or Parquet)"
)
_TABLES = (openai, anthropic, aws, focus_rows)
_PARQUET = b"PAR1"
_GZIP = b"\x1f\x8b"
Row = Mapping[str, Any]


def read_export(path: Path) -> Export:
    """Raises:
    ExportError: it cannot be read, or is no export that is known.
    """
    try:
        data = path.read_bytes()
        if data.startswith(_GZIP):
            data = gzip.decompress(data)
    except (OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or error
        raise ExportError(f"{path}: it cannot be read: {why}") from None
    name = str(path)
    if data.startswith(_PARQUET):
        export = _of_table(name, *_parquet(name, data))
        export.parts = (_digest(data),)
        return export
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ExportError(f"{name}: it is neither text in UTF-8 nor Parquet; known: {KNOWN}") from None
    if text.lstrip()[:1] in ("{", "["):
        return _of_pages(name, text)
    export = _of_table(name, *_table(text))
    export.parts = (_digest(data),)
    return export


def check_pages(exports: Sequence[Export]) -> None:
    """Whether every page is there, once.

    Raises:
        ExportError: two files state the same, or a page says that there is another.
    """
    seen: dict[bytes, str] = {}
    begins = {(export.format, begin) for export in exports for begin in export.begins}
    for export in exports:
        for part in export.parts:
            if part in seen:
                raise ExportError(f"{export.file}: it states again what {seen[part]} states: give each page once")
            seen[part] = export.file
        for end in export.goes_on:
            if (export.format, end) not in begins:
                raise ExportError(
                    f"{export.file}: after it there is another page (has_more, from {end}): give that too"
                )


def _of_pages(name: str, text: str) -> Export:
    pages = _pages(name, text)
    first = next((bucket for page in pages for bucket in page["data"]), None)
    if first is None:
        raise ExportError(f"{name}: there is no bucket in it; known: {KNOWN}")
    of = openai if "start_time" in first else anthropic if "starting_at" in first else None
    if of is None:
        raise ExportError(f"{name}: its data are no buckets of a usage or cost report; known: {KNOWN}")
    export = of.from_pages(name, pages)
    start, end = ("start_time", "end_time") if of is openai else ("starting_at", "ending_at")
    full = [page for page in pages if page["data"]]
    export.begins = tuple(str(page["data"][0].get(start)) for page in full)
    export.goes_on = tuple(str(page["data"][-1].get(end)) for page in full if page.get("has_more") is True)
    export.parts = tuple(
        _digest(json.dumps(bucket, sort_keys=True, default=str).encode())
        for page in pages
        for bucket in page["data"]
        if bucket["results"]
    )
    return export


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def _pages(name: str, text: str) -> list[Row]:
    """One page, a list of them, or one a line."""
    try:
        found: Any = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        try:
            found = [json.loads(line, parse_float=Decimal) for line in text.splitlines() if line.strip()]
        except ValueError:
            raise ExportError(f"{name}: it is not JSON: {error}") from None
    pages = cast(list[Any], found) if isinstance(found, list) else [found]
    for page in pages:
        _check_page(name, page)
    return pages


def _check_page(name: str, page: Any) -> None:
    buckets = _listed(page, "data")
    if buckets is None:
        raise ExportError(f"{name}: it is JSON, but no page of a report (`data` with buckets); known: {KNOWN}")
    for place, bucket in enumerate(buckets):
        results = _listed(bucket, "results")
        if results is None or not all(isinstance(one, dict) for one in results):
            raise At(name, f"data[{place}]").error("it is no bucket with results")


def _listed(value: Any, name: str) -> list[Any] | None:
    found: Any = cast(dict[str, Any], value).get(name) if isinstance(value, dict) else None
    return cast(list[Any], found) if isinstance(found, list) else None


def _table(text: str) -> tuple[list[str], list[tuple[int, Row]]]:
    heading = text.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(text), delimiter="\t" if heading.count("\t") > heading.count(",") else ",")
    rows: list[tuple[int, Row]] = [(reader.line_num, row) for row in reader]
    return [one.strip() for one in reader.fieldnames or []], rows


def _of_table(name: str, names: Sequence[str], rows: Sequence[tuple[int, Row]]) -> Export:
    for of in _TABLES:
        if of.is_table(names):
            return of.from_table(name, rows)
    shown = ", ".join(names)[:120]
    raise ExportError(f"{name}: a table with the columns {shown} is no export that is known; known: {KNOWN}")


def _parquet(name: str, data: bytes) -> tuple[list[str], list[tuple[int, Row]]]:
    if find_spec("pyarrow") is None:
        raise ExportError(f"{name}: Parquet needs the extra `parquet`: {installing('parquet')}")
    arrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    try:
        found: Any = parquet.read_table(io.BytesIO(data))
    except (arrow.ArrowException, OSError) as error:
        raise ExportError(f"{name}: it is no Parquet that can be read: {error}") from None
    names: list[str] = list(found.column_names)
    listed: list[dict[str, Any]] = found.to_pylist()
    return names, [(line, {key: _plain(value) for key, value in row.items()}) for line, row in enumerate(listed, 1)]


def _plain(value: Any) -> Any:
    """A double as the shortest text that means it: Decimal(0.1) would be another number. A map as JSON."""
    if isinstance(value, float):
        return repr(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, list | dict):
        return json.dumps(dict(cast(Any, value)), default=str)
    return value
