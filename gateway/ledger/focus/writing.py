"""Rows as CSV, which needs nothing, or as Parquet, which needs the extra `parquet`. Either is streamed."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from gateway.ledger.focus.columns import Type, Version, columns_of
from gateway.ledger.focus.rows import PLACES, Value

PIECE_CHARACTERS = 64 * 1024
GROUP_ROWS = 20_000


def csv_pieces(rows: Iterable[Mapping[str, Value]], version: Version) -> Iterator[bytes]:
    """UTF-8 with a line of headings, in pieces of about 64 KiB. Null is empty; moments are UTC and end in Z."""
    columns = [(column.id, _TEXTS[column.type]) for column in columns_of(version)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([name for name, _ in columns])
    for row in rows:
        writer.writerow([None if (value := row[name]) is None else text(value) for name, text in columns])
        if out.tell() >= PIECE_CHARACTERS:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def _decimal(value: Any) -> str:
    """No exponent, and no idle zeros."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


@lru_cache(maxsize=4096)
def _time(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


_TEXTS: Mapping[Type, Callable[[Any], str]] = {"string": str, "json": str, "decimal": _decimal, "time": _time}


def parquet_missing() -> bool:
    return find_spec("pyarrow") is None


def write_parquet(rows: Iterable[Mapping[str, Value]], version: Version, path: Path) -> None:
    """Numbers are decimals of 18 places, moments are of milliseconds in UTC.

    Raises:
        ImportError: the extra `parquet` is not installed. OSError: the file cannot be written.
    """
    # An extra: not everybody has it.
    arrow, parquet = cast(Any, import_module("pyarrow")), cast(Any, import_module("pyarrow.parquet"))
    types = {
        "string": arrow.string(),
        "json": arrow.string(),
        "decimal": arrow.decimal128(38, PLACES),
        "time": arrow.timestamp("ms", tz="UTC"),
    }
    columns = columns_of(version)
    fields = [arrow.field(column.id, types[column.type]) for column in columns]
    schema = arrow.schema(fields, metadata={"focus_version": version})
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        group: list[dict[str, Value]] = []
        for row in rows:
            group.append({column.id: row[column.id] for column in columns})
            if len(group) == GROUP_ROWS:
                writer.write_table(arrow.Table.from_pylist(group, schema=schema))
                group.clear()
        writer.write_table(arrow.Table.from_pylist(group, schema=schema))
