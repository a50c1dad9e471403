"""Reports as tables, CSV, JSON, JSON lines and Parquet: the same numbers, whatever the form. Lines with feedback have
three columns more; what nobody said is empty there, and not 0.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from importlib.util import find_spec
from typing import Any

import msgspec

from gateway.core.extras import installing
from gateway.core.money import decimal_text
from gateway.ledger.feedback.rating import RatedRow
from gateway.ledger.folding import added_up
from gateway.ledger.reports import NUMBERS, UsageRow
from gateway.pages.cells import safe_cell

# Money is shown as an exact decimal in the price book's currency.
_MONEY = {"cost_nano": "cost_usd", "list_nano": "list_usd", "saved_nano": "saved_usd", "own_nano": "own_usd"}
# Where it is 0, what counts that there is something without a price in it.
_UNPRICED = {"cost_nano": "unpriced", "list_nano": "unpriced", "own_nano": "own_unpriced"}
_SHOWN = tuple(_MONEY.get(name, name) for name in NUMBERS)
RATED = ("feedback", "up_share", "mean_score")


def cells(row: UsageRow) -> dict[str, str]:
    """A row as text, money as an exact decimal; empty where nothing has a price, for that is not the same as free."""
    numbers = {name: str(getattr(row, name)) for name in NUMBERS if name not in _MONEY}
    said = {name: "" if value is None else f"{value:g}" for name, value in _ratings(row).items()}
    return {**row.group, **numbers, **_money(row, ""), **said}


def _ratings(row: UsageRow) -> dict[str, int | float | None]:
    """Rounded, for sums of fractions are not the same in every order."""
    if not isinstance(row, RatedRow):
        return {}
    said = row.ratings
    shares = (said.up_share, said.mean_score)
    rounded = (None if value is None else round(value, 6) for value in shares)
    return dict(zip(RATED, (said.feedback, *rounded), strict=True))


def _money(row: UsageRow, unknown: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, shown in _MONEY.items():
        number = getattr(row, name)
        is_unknown = not number and name in _UNPRICED and getattr(row, _UNPRICED[name])
        found[shown] = unknown if is_unknown else decimal_text(number)
    return found


def as_csv(rows: Iterable[UsageRow], group_by: Sequence[str], *, with_feedback: bool = False) -> Iterator[str]:
    """A line at a time, the headings first."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [*group_by, *_SHOWN, *(RATED if with_feedback else ())], lineterminator="\n")

    def written() -> str:
        text = out.getvalue()
        out.seek(0)
        out.truncate()
        return text

    writer.writeheader()
    yield written()
    for row in rows:
        writer.writerow({name: safe_cell(text) for name, text in cells(row).items()})
        yield written()


def as_json(rows: Iterable[UsageRow]) -> list[dict[str, Any]]:
    """`cost_usd`, `list_usd`: the exact decimals of `cost_nano` and `list_nano`, as text."""
    return [_object(row) for row in rows]


def as_jsonl(rows: Iterable[UsageRow]) -> Iterator[str]:
    for row in rows:
        yield msgspec.json.encode(_object(row)).decode() + "\n"


def _object(row: UsageRow) -> dict[str, Any]:
    return {
        **row.group,
        **{name: getattr(row, name) for name in NUMBERS},
        **{shown: decimal_text(getattr(row, name)) for name, shown in _MONEY.items()},
        **_ratings(row),
    }


class MissingParquet(Exception):
    """Parquet files need a part that is not installed."""


def as_parquet(rows: Sequence[UsageRow], group_by: Sequence[str]) -> bytes:
    """Groups as text, counts as 64-bit integers, money as decimals of nine places, null where nothing has a price.

    Raises:
        MissingParquet: pyarrow is not installed; the message says how to.
    """
    if find_spec("pyarrow") is None:
        raise MissingParquet(f"Parquet needs the extra `parquet`: {installing('parquet')}")
    import pyarrow  # an extra: not everybody has it
    from pyarrow import parquet

    pa: Any = pyarrow  # it has no types of its own
    write: Any = parquet
    money, count = pa.decimal128(38, 9), pa.int64()
    # Sums that no 64 bits hold come of an upstream's nonsense only; decimals hold them all the same.
    large = {name for name in NUMBERS if any(getattr(row, name) >= 2**63 for row in rows)}
    fields: list[Any] = [(name, pa.string()) for name in group_by]
    columns: dict[str, list[Any]] = {name: [row.group[name] for row in rows] for name in group_by}
    for name in NUMBERS:
        if name in _MONEY:
            texts = [_money(row, None)[_MONEY[name]] for row in rows]
            fields.append((_MONEY[name], money))
            columns[_MONEY[name]] = [None if text is None else Decimal(text) for text in texts]
        else:
            fields.append((name, pa.decimal128(38, 0) if name in large else count))
            columns[name] = [getattr(row, name) for row in rows]
    if rows and isinstance(rows[0], RatedRow):
        fields += [(RATED[0], count), *((name, pa.float64()) for name in RATED[1:])]
        columns |= {name: [_ratings(row)[name] for row in rows] for name in RATED}
    out = io.BytesIO()
    write.write_table(pa.table(columns, schema=pa.schema(fields)), out)
    return out.getvalue()


_ALWAYS = {
    *(
        "calls",
        "completed",
        "refused",
        "failed",
        "input_tokens",
        "cached_input_tokens",
        "output_tokens",
        "cost_usd",
        "unpriced",
    ),
}
_IF_ANY = {
    *("cancelled", "interrupted", "would_refuse", "estimated", "inconsistent"),
    *("images", "audio_ms", "characters", "search_units", "web_searches", "file_searches", "code_sessions"),
}


def table(rows: Sequence[UsageRow], group_by: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Headings and lines for people: what is always of interest, and the rarer columns if they count anything. Under
    several lines stands their sum."""
    shown = [*rows, _total(rows, group_by)] if len(rows) > 1 and group_by else list(rows)
    texts = [cells(row) for row in shown]
    used = {name for text in texts for name in _IF_ANY if text[name] != "0"}
    # The published prices are of interest where the contract's are others.
    if any(row.list_nano not in (0, row.cost_nano) for row in rows):
        used.add("list_usd")
    if any(row.saved_nano for row in rows):
        used.add("saved_usd")
    headings = [*group_by, *(name for name in _SHOWN if name in _ALWAYS | used)]
    headings += RATED if rows and isinstance(rows[0], RatedRow) else ()
    return headings, [[text[name] for name in headings] for text in texts]


def _total(rows: Sequence[UsageRow], group_by: Sequence[str]) -> UsageRow:
    return added_up(rows, {**dict.fromkeys(group_by, ""), group_by[0]: "total"})
