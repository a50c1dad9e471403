"""Discounts, mark-ups and exchange rates of a day."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from fractions import Fraction

import msgspec

from gateway.catalogue.prices.choosing import in_force
from gateway.catalogue.prices.declared import Adjustment, ExchangeRate
from gateway.core.globs import compile_globs


class Asked(msgspec.Struct, frozen=True):
    """What an adjustment can depend on; in the order of AdjustmentMatch."""

    tenant: str
    team: str
    provider: str
    model: str
    tier: str
    region: str


class Factors(msgspec.Struct, frozen=True):
    """What prices are multiplied with. `names`: of the adjustments. `tiered`: one of them is for this very tier."""

    surcharge: Fraction = Fraction(1)
    contract: Fraction = Fraction(1)
    markup: Fraction = Fraction(1)
    names: tuple[str, ...] = ()
    tiered: bool = False


class Prepared(msgspec.Struct, frozen=True):
    said: Adjustment
    tests: tuple[Callable[[str], bool], ...]


def prepared(adjustments: Iterable[Adjustment]) -> tuple[Prepared, ...]:
    return tuple(
        Prepared(one, tuple(compile_globs(getattr(one.match, name)) for name in one.match.__struct_fields__))
        for one in adjustments
    )


def factors(adjustments: Sequence[Prepared], asked: Asked, today: date) -> Factors:
    """The product of all that match, by kind."""
    if not adjustments:
        return NONE
    product = {"surcharge": Fraction(1), "contract": Fraction(1), "markup": Fraction(1)}
    names: list[str] = []
    tiered = False
    words = msgspec.structs.astuple(asked)
    for one in adjustments:
        said = one.said
        if in_force(said, today) and all(test(word) for test, word in zip(one.tests, words, strict=True)):
            product[said.kind] *= 1 + Fraction(said.percent) / 100
            names.append(said.id)
            tiered = tiered or (said.kind == "surcharge" and said.match.tiers != ("*",))
    return Factors(**product, names=tuple(names), tiered=tiered)


NONE = Factors()


def dollar(rates: Sequence[ExchangeRate], currency: str, today: date) -> Fraction | None:
    """What a dollar costs that day; None if nobody said."""
    if currency == "USD":
        return Fraction(1)
    standing = max((one for one in rates if one.from_ <= today), key=lambda one: one.from_, default=None)
    return None if standing is None else Fraction(standing.usd)
