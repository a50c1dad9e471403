"""Which entry prices a call: the most special of those in force."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date

import msgspec

from gateway.catalogue.prices.declared import Adjustment, PriceEntry
from gateway.core.attempt import Terms
from gateway.core.globs import compile_globs, is_glob


class Entry(msgspec.Struct, frozen=True):
    """An entry, and how it tells what it is for."""

    said: PriceEntry
    matches: Callable[[str], bool]
    in_region: Callable[[str], bool]


def prepared(entries: Iterable[PriceEntry]) -> tuple[Entry, ...]:
    return tuple(Entry(one, compile_globs(one.models), compile_globs((one.region or "*",))) for one in entries)


def chosen(entries: Sequence[Entry], provider: str, model: str, terms: Terms, today: date) -> PriceEntry | None:
    """The entry for this model of the provider on these terms, that day."""
    found = [one for one in entries if _applies(one, provider, model, terms, today)]
    return max((one.said for one in found), key=lambda entry: precedence(entry, model), default=None)


def _applies(entry: Entry, provider: str, model: str, terms: Terms, today: date) -> bool:
    said = entry.said
    return (
        said.provider == provider
        and in_force(said, today)
        and entry.matches(model)
        and said.tier in ("", terms.tier.lower())
        and entry.in_region(terms.region)
    )


def in_force(said: PriceEntry | Adjustment, today: date) -> bool:
    return said.from_ <= today and (said.until is None or today < said.until)


def precedence(entry: PriceEntry, model: str) -> tuple[bool, int, bool, bool, date]:
    """The more special entry goes first: the exact name, then the longest pattern that matches, then one for a region,
    then one for a tier, then the newest."""
    exact = model in entry.models
    matching = (len(glob) for glob in entry.models if is_glob(glob) and compile_globs((glob,))(model))
    return exact, max(matching, default=0), bool(entry.region), bool(entry.tier), entry.from_
