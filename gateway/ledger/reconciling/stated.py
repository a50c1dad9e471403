"""What a provider's export states, line by line, in one shape for all formats."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, InvalidOperation

import msgspec

EXACT = Context(prec=60)
MOST = 10**18
# A meter of an export, and the ledger's meters that are the same.
METERS: Mapping[str, tuple[str, ...]] = {
    "input": ("input_tokens", "input_audio_tokens", "input_image_tokens"),
    "cached input": ("cached_input_tokens", "cached_audio_tokens"),
    "cache write": ("cache_write_tokens", "cache_write_1h_tokens"),
    "cache write 5m": ("cache_write_tokens",),
    "cache write 1h": ("cache_write_1h_tokens",),
    "output": ("output_tokens", "reasoning_tokens", "output_audio_tokens", "output_image_tokens"),
    "web searches": ("web_searches",),
    "file searches": ("file_searches",),
    "code sessions": ("code_sessions",),
    "search units": ("search_units",),
    "images": ("images",),
    "characters": ("characters",),
    "audio ms": ("audio_ms",),
}
TOKENS = ("input", "cached input", "cache write", "cache write 5m", "cache write 1h", "output")
TOOLS = ("web searches", "file searches", "code sessions")


class ExportError(ValueError):
    """The file is no export that is known, or says something that cannot be. The message names file and line."""


class Stated(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of an export.

    Attributes:
        model: as the provider writes it; empty: of all its models. meter: one of METERS; empty: of all, or of something
            that the ledger has no meter for. key: whose API key, where the export tells.
        quantity: in the meter's units. cost: in `currency`. requests: how many calls, told once for a group's lines.
    """

    day: date
    model: str = ""
    meter: str = ""
    key: str = ""
    quantity: Decimal | None = None
    cost: Decimal | None = None
    currency: str = ""
    requests: int | None = None


class Export(msgspec.Struct, kw_only=True):
    """One file. `meters`: what it tells the quantities of. `days`: what it covers, with or without usage.

    `tools_apart`: what tools cost is stated of no model. parts: digests of its pages' buckets, or of all of it.
    begins, goes_on: where its pages begin, and where those end after which there is another.
    """

    file: str
    format: str
    lines: list[Stated] = []
    meters: frozenset[str] = frozenset()
    days: frozenset[date] = frozenset()
    tells_cost: bool = False
    tells_requests: bool = False
    tools_apart: bool = False
    parts: tuple[bytes, ...] = ()
    begins: tuple[str, ...] = ()
    goes_on: tuple[str, ...] = ()


class At(msgspec.Struct, frozen=True):
    """A place in a file, for messages. `where`: `line 3`, `data[0].results[2]`."""

    file: str
    where: str

    def error(self, reason: str) -> ExportError:
        return ExportError(f"{self.file}: {self.where}: {reason}")


def number(value: object, name: str, at: At) -> Decimal:
    """Exactly what is written; nothing is 0.

    Raises:
        ExportError: it is no number, or one beyond all measure.
    """
    if value is None or value == "":
        return Decimal(0)
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise at.error(f"{name} is not a number")
    try:
        found = Decimal(value.replace(",", "") if isinstance(value, str) else value)
    except InvalidOperation:
        raise at.error(f"{name} is not a number: `{str(value)[:40]}`") from None
    if not found.is_finite() or found.adjusted() > 18:
        raise at.error(f"{name} is beyond all measure: `{str(value)[:40]}`")
    # A zero may come with thousands of places, which every sum would inherit.
    return found or Decimal(0)


def whole(value: object, name: str, at: At) -> Decimal:
    """A count: not negative; `10.0` is 10.

    Raises:
        ExportError: it is none.
    """
    found = number(value, name, at)
    if found < 0 or found != found.to_integral_value():
        raise at.error(f"{name} is not a count: `{str(value)[:40]}`")
    return found.quantize(Decimal(1))


def day_of(value: object, name: str, at: At) -> date:
    """Of Unix seconds, or of an ISO day or moment (UTC if it names no zone).

    Raises:
        ExportError: it is neither.
    """
    text = str(value).strip()
    try:
        if text.replace(".", "", 1).isdigit() and "-" not in text:
            return datetime.fromtimestamp(int(Decimal(text)), UTC).date()
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise at.error(f"{name} is neither a moment nor a day: `{text[:40]}`") from None
    return found.date() if found.tzinfo is None else found.astimezone(UTC).date()


def span(days: Iterable[date]) -> frozenset[date]:
    """Every day from the first to the last."""
    known = sorted(set(days))
    if not known:
        return frozenset()
    return frozenset(known[0] + timedelta(days=step) for step in range((known[-1] - known[0]).days + 1))


def text_of(row: Mapping[str, object], *names: str) -> str:
    """The first of these that is there, as a text."""
    for name in names:
        value = row.get(name)
        if value is not None and value != "":
            return str(value)
    return ""


def quantities(lines: Sequence[Stated]) -> frozenset[str]:
    return frozenset(line.meter for line in lines if line.quantity is not None and line.meter)
