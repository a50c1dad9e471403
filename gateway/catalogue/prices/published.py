"""Published prices: the snapshot of genai-prices that lies beside this file, or a newer one of an organisation's own.

A snapshot is JSON: where it is from, and a provider a line. Providers are found at once; their models are decoded when
one of them is first asked for, and a model's prices when it is found.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

BUILTIN = "published.json"
DAY_S = 86_400
_COMPACT_DATE = re.compile(r"(-)(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")

# What genai-prices calls the terms that its prices can depend on.
Context = Mapping[str, str]


class Tiered(msgspec.Struct, frozen=True, array_like=True):
    """A price up to the first threshold, and those of requests with more input tokens than each."""

    price: Decimal
    above: tuple[tuple[int, Decimal], ...] = ()


class PublishedPrices(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, rename={"from_": "from"}):
    """`from_`: the first day (UTC). `between`: two times of day in minutes (UTC), the second not included. `when`: of
    variants, the terms that select them. `rates`: by their name with genai-prices."""

    from_: str = ""
    between: tuple[int, int] | None = None
    when: dict[str, str] = {}
    rates: dict[str, Tiered]


class PublishedModel(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`match`: a tree of clauses. `prices`: the last one in force holds; the first if none is. `variants`: what takes
    the place of single prices on other terms. `least_audio_ms`: shorter sound is billed as that long."""

    id: str
    match: dict[str, Any]
    prices: msgspec.Raw
    variants: msgspec.Raw = msgspec.Raw(b"[]")
    least_audio_ms: int = 0


class _Provider(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    fallback: tuple[str, ...] = ()
    highest: dict[str, Decimal] = {}
    models: tuple[PublishedModel, ...] = ()


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The file. `sha256`: of the bytes of `providers`."""

    source: str
    version: str
    licence: str
    sha256: str
    providers: msgspec.Raw


class Found(msgspec.Struct, frozen=True):
    """`name`: `provider/model` as published, for price versions. `native`: not of a provider it falls back to."""

    name: str
    model: PublishedModel
    native: bool


class Rates(msgspec.Struct, frozen=True):
    """Prices in force, and the moments (Unix seconds) between which they are. `selected`: the terms have prices of
    their own."""

    rates: Mapping[str, Tiered]
    selected: bool
    from_s: float
    until_s: float


class Published:
    """What a snapshot says.

    Attributes:
        version: of genai-prices. sha256: of the data.
    """

    def __init__(self, snapshot: Snapshot, providers: Mapping[str, msgspec.Raw]) -> None:
        self.version = snapshot.version
        self.sha256 = snapshot.sha256
        self._raw = providers
        self._opened: dict[str, tuple[_Provider, Sequence[Callable[[str], bool]]]] = {}

    @property
    def providers(self) -> Sequence[str]:
        return sorted(self._raw)

    def models(self, provider: str) -> Sequence[str]:
        """What the provider's models are called here."""
        return [model.id for model in self._open(provider)[0].models]

    def highest(self, provider: str) -> Mapping[str, Decimal]:
        """The highest of each kind of price that the provider has."""
        return self._open(provider)[0].highest if provider in self._raw else {}

    def find(self, provider: str, model: str) -> Found | None:
        """The model that this name means. Upper case does not count, and `-20251211` may stand for `-2025-12-11`."""
        if provider not in self._raw or not model:
            return None
        name = model.lower()
        found = self._find(provider, name)
        if found is None and (dashed := _COMPACT_DATE.sub(r"\1\2-\3-\4", name)) != name:
            found = self._find(provider, dashed)
        return found

    def _find(self, provider: str, name: str) -> Found | None:
        for place in (provider, *self._open(provider)[0].fallback):
            if place in self._raw:
                opened, tests = self._open(place)
                for model, matches in zip(opened.models, tests, strict=True):
                    if matches(name):
                        return Found(f"{place}/{model.id}", model, place == provider)
        return None

    def _open(self, provider: str) -> tuple[_Provider, Sequence[Callable[[str], bool]]]:
        if provider not in self._opened:
            opened = msgspec.json.decode(self._raw[provider], type=_Provider)
            self._opened[provider] = opened, [_matcher(model.match) for model in opened.models]
        return self._opened[provider]


def rates_at(found: Found, at_s: float, context: Context) -> Rates:
    """The model's prices at that moment, on those terms. Other providers' terms are not this one's: a model that was
    found by falling back has its standard prices."""
    day = at_s // DAY_S
    minute = int(at_s - day * DAY_S) // 60
    today = datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()
    prices = msgspec.json.decode(found.model.prices, type=tuple[PublishedPrices, ...])
    variants = msgspec.json.decode(found.model.variants, type=tuple[PublishedPrices, ...]) if found.native else ()
    standing = next((one for one in reversed(prices) if _holds(one, today, minute)), prices[0])
    rates = dict(standing.rates)
    changed: set[str] = set()
    for variant in variants:
        if _holds(variant, today, minute) and all(context.get(key) == word for key, word in variant.when.items()):
            rates.update({name: rate for name, rate in variant.rates.items() if name not in changed})
            changed.update(variant.rates)
    times = {0, 1440, *(time for one in (*prices, *variants) for time in one.between or ())}
    begins = max(time for time in times if time <= minute)
    ends = min(time for time in times if time > minute)
    return Rates(rates, bool(changed), day * DAY_S + begins * 60, day * DAY_S + ends * 60)


def read_snapshot(data: bytes) -> Published:
    """The snapshot in these bytes.

    Raises:
        ValueError: it is none, or is not what its own sha256 says.
    """
    try:
        snapshot = msgspec.json.decode(data, type=Snapshot)
        providers = msgspec.json.decode(snapshot.providers, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError as error:
        raise ValueError(f"is no snapshot of prices: {error}") from None
    if (found := hashlib.sha256(snapshot.providers).hexdigest()) != snapshot.sha256:
        raise ValueError(f"was changed after it was written: its sha256 is {found}, not {snapshot.sha256}")
    return Published(snapshot, providers)


@cache
def builtin() -> Published:
    """The snapshot that ships with the gateway; one for the process."""
    return read_snapshot((files("gateway.catalogue.prices") / BUILTIN).read_bytes())


def read_file(path: Path) -> Published:
    """An organisation's own snapshot.

    Raises:
        ValueError: as `read_snapshot`, and if it cannot be read.
    """
    try:
        return read_snapshot(path.read_bytes())
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from None


def _holds(prices: PublishedPrices, today: str, minute: int) -> bool:
    if prices.from_ and today < prices.from_:
        return False
    if prices.between is None:
        return True
    start, end = prices.between
    if end < start:
        return minute >= start or minute < end
    return start <= minute < end


def _matcher(clause: Mapping[str, Any]) -> Callable[[str], bool]:
    """A test of lower-case names."""
    ((kind, what),) = clause.items()
    if kind == "regex":
        found = re.compile(what).search
        return lambda name: found(name) is not None
    if kind in ("or", "and"):
        tests = [_matcher(one) for one in what]
        return (
            (lambda name: any(t(name) for t in tests)) if kind == "or" else (lambda name: all(t(name) for t in tests))
        )
    if kind == "one_of":
        return frozenset(one.lower() for one in what).__contains__
    text = str(what).lower()
    if kind == "equals":
        return text.__eq__
    if kind == "contains":
        return lambda name: text in name
    if kind == "starts_with":
        return lambda name: name.startswith(text)
    if kind == "ends_with":
        return lambda name: name.endswith(text)
    raise ValueError(f"no clause is called `{kind}`")
