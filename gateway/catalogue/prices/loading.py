"""policies/prices.yaml: read and checked."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from gateway.catalogue.prices.book import PriceBook
from gateway.catalogue.prices.declared import BaseFile, PriceEntry, PricesFile
from gateway.catalogue.prices.published import Published, builtin, read_file
from gateway.core.money import nano_from_decimal
from gateway.core.wiring import NO_WIRING, Wiring
from gateway.stores.documents import Document, Text, load_document
from gateway.stores.files import digest
from gateway.stores.wording import nearest, why_no_id

# What a price is multiplied with has at most so many digits after the point.
MAX_PLACES = 12
_TIMES = ("audio_second", "audio_minute", "audio_hour")
Path_ = tuple[str | int, ...]


def read_prices(source: Path | Text, wiring: Wiring = NO_WIRING, base: Published | None = None) -> PriceBook:
    """The price book in the file. `wiring` says whose published prices its providers have; `base` takes the place of
    the file's own.

    Raises:
        DocumentError: as every document, and for ids that stand twice, negative or too fine prices, two entries that
            would apply with equal right, or a base that is not there or not the one that was approved.
    """
    document = load_document(source, PricesFile)
    said = document.value
    _check_ids(document, "prices")
    _check_ids(document, "adjustments")
    for index, entry in enumerate(said.prices):
        _check(document, index, entry)
    for index, adjustment in enumerate(said.adjustments):
        path = ("adjustments", index)
        _check_period(document, path, adjustment.from_, adjustment.until)
        _check_factor(document, (*path, "percent"), adjustment.percent, Decimal(-100))
        for name in adjustment.match.__struct_fields__:
            if not getattr(adjustment.match, name):
                raise document.error((*path, "match", name), f"an empty `{name}` matches nothing")
    _check_exchange_rates(document)
    published = base or _base(document)
    version = digest(document.data if published is None else document.data + published.sha256.encode())
    return PriceBook(said, version, published, _providers(document, published, wiring))


def _base(document: Document[PricesFile]) -> Published | None:
    base = document.value.base
    if not isinstance(base, BaseFile):
        return builtin() if base == "builtin" else None
    try:
        found = read_file(Path(document.file).parent / base.file)
    except ValueError as error:
        raise document.error(("base", "file"), f"`{base.file}` {error}") from None
    if found.sha256 != base.sha256:
        said = f"`{base.file}` is not the snapshot that was approved: its sha256 is {found.sha256}"
        raise document.error(("base", "sha256"), said)
    return found


def _providers(document: Document[PricesFile], published: Published | None, wiring: Wiring) -> Mapping[str, str]:
    """Provider of config.yaml → provider of the base."""
    if published is None:
        return {}
    known = {*published.providers, "none"}
    for name, means in document.value.providers.items():
        if means not in known:
            reason = f"the base has no provider `{means}`{nearest(means, sorted(known))}"
            raise document.error(("providers", name), reason)
    # Where nobody knows config.yaml (a folder of policies looked at by itself), a name is taken for what it says.
    names = (
        wiring.price_providers if wiring.providers else dict(zip(published.providers, published.providers, strict=True))
    )
    said = {**names, **document.value.providers}
    return {name: means for name, means in said.items() if means != "none"}


def _check_ids(document: Document[PricesFile], section: str) -> None:
    seen: set[str] = set()
    for index, one in enumerate(getattr(document.value, section)):
        if why := why_no_id(one.id, seen):
            raise document.error((section, index, "id"), why)
        seen.add(one.id)


def _check(document: Document[PricesFile], index: int, entry: PriceEntry) -> None:
    where = ("prices", index)
    if not entry.models:
        raise document.error((*where, "models"), "an empty `models` matches nothing")
    _check_period(document, where, entry.from_, entry.until)
    for path, price in _amounts(entry):
        _check_price(document, (*where, *path), price)
    for tier, factor in entry.tiers.items():
        _check_factor(document, (*where, "tiers", tier), factor, Decimal(0))
        if tier != tier.lower() or entry.tier:
            raise document.error((*where, "tiers", tier), "tiers are in lower case, and an entry for one has no others")
    if entry.tier != entry.tier.lower():
        raise document.error((*where, "tier"), "tiers are in lower case")
    if sum(getattr(entry.per_unit, name) is not None for name in _TIMES) > 1:
        raise document.error((*where, "per_unit"), f"has more than one of {', '.join(_TIMES)}")
    if len({step.above_input_tokens for step in entry.steps}) < len(entry.steps):
        raise document.error((*where, "steps"), "two steps begin at the same size")
    if entry.per_gpu_hour is None and (entry.gpus > 1 or entry.concurrency > 1 or entry.tokens_per_gpu_second):
        raise document.error(where, "GPUs are priced by `per_gpu_hour`, which is not there")
    for other in document.value.prices[:index]:
        shared = set(other.models) & set(entry.models)
        if _place(other) == _place(entry) and shared:
            raise document.error(where, f"`{entry.id}` and `{other.id}` price `{min(shared)}` from the same day on")


def _place(entry: PriceEntry) -> tuple[str, date, str, str]:
    return entry.provider, entry.from_, entry.region, entry.tier


def _amounts(entry: PriceEntry) -> Iterator[tuple[Path_, Decimal]]:
    groups: list[tuple[Path_, Any]] = [
        (("per_million_tokens",), entry.per_million_tokens),
        (("per_unit",), entry.per_unit),
        *((("steps", index, "per_million_tokens"), step.per_million_tokens) for index, step in enumerate(entry.steps)),
    ]
    for path, prices in groups:
        for name in prices.__struct_fields__:
            if (price := getattr(prices, name)) is not None:
                yield (*path, name), price
    for index, image in enumerate(entry.images):
        yield ("images", index, "price"), image.price
    if entry.per_gpu_hour is not None:
        yield ("per_gpu_hour",), entry.per_gpu_hour


def _check_price(document: Document[PricesFile], path: Path_, price: Decimal) -> None:
    try:
        negative = nano_from_decimal(price) < 0
    except ValueError as error:
        raise document.error(path, str(error)) from None
    if negative:
        raise document.error(path, "a price cannot be negative")


def _check_factor(document: Document[PricesFile], path: Path_, factor: Decimal, least: Decimal) -> None:
    fine = (
        factor.is_finite() and abs(factor.adjusted()) <= MAX_PLACES and -int(factor.as_tuple().exponent) <= MAX_PLACES
    )
    if not fine or factor < least:
        raise document.error(path, f"{factor} is not a number from {least} on with at most {MAX_PLACES} places")


def _check_period(document: Document[PricesFile], path: Path_, begins: date, ends: date | None) -> None:
    if ends is not None and ends <= begins:
        raise document.error((*path, "until"), "`until` must be after `from`")


def _check_exchange_rates(document: Document[PricesFile]) -> None:
    said = document.value
    if said.currency == "USD" and said.exchange_rates:
        raise document.error(("exchange_rates",), "the book is in USD, and so nothing is exchanged")
    days: set[date] = set()
    for index, rate in enumerate(said.exchange_rates):
        path = ("exchange_rates", index)
        _check_factor(document, (*path, "usd"), rate.usd, Decimal(0))
        if not rate.usd:
            raise document.error((*path, "usd"), "a dollar costs something")
        if rate.from_ in days:
            raise document.error((*path, "from"), f"two rates are from {rate.from_} on")
        days.add(rate.from_)
