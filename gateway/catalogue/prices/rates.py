"""Prices as whole numbers: what the data path multiplies with."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import lcm

import msgspec

from gateway.catalogue.prices.meters import PER, ROWS
from gateway.catalogue.prices.tariffs import Tariff
from gateway.core.usage import METERS


class Row(msgspec.Struct, frozen=True, gc=False):
    """A meter's prices. `number`, `listed`: nano-units for one, times the card's scale: as charged and as published.
    None: no price is known. `rate`, `list_rate`: for showing, nano-units for `per`."""

    meter: str
    per: int
    number: int | None = None
    listed: int = 0
    rate: int | None = None
    list_rate: int | None = None


class Band(msgspec.Struct, frozen=True):
    """Prices of requests with more input tokens than `above`: the meters of Usage in their order, the fee for a
    request, GPU time. `numbers`: of all these, those that have a price, by meter."""

    above: int
    rows: tuple[Row, ...]
    fee: Row
    time: Row
    numbers: Mapping[str, int]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """All that prices a call of one model on given terms.

    Attributes:
        version: `<digest of the book>/<entry>`; empty if there is no entry. reason: why nothing can be priced.
        name, priced: of the tariff. listed_by: the tariff whose prices are shown as published, if it is another.
        bands: at least one, unless there is a reason. scale: what the rows' numbers are to be divided by.
        flat: what is charged is what is published. simple: that, and each meter costs its count times a whole number,
            whatever else the call is: most cards are such.
        gpus, expected_us, least_audio_ms: as in Tariff.
        dollar: what a dollar costs that day, None if nobody said. markup: on what a provider itself reports.
        adjusted: the adjustments that apply.
        from_s, until_s: between these moments it stands.
    """

    version: str = ""
    reason: str = ""
    name: str = ""
    priced: str = ""
    listed_by: str = ""
    bands: tuple[Band, ...] = ()
    scale: int = 1
    flat: bool = True
    simple: bool = False
    gpus: int = 0
    expected_us: int = 0
    least_audio_ms: int = 0
    dollar: Fraction | None = None
    markup: Fraction = Fraction(1)
    adjusted: tuple[str, ...] = ()
    from_s: float = 0.0
    until_s: float = 0.0

    def band(self, input_tokens: int) -> Band:
        bands = self.bands
        found = bands[0]
        for band in bands:
            if input_tokens > band.above or not band.above:
                found = band
        return found


Factor = tuple[Fraction, Fraction]


def compiled(tariff: Tariff, listing: Tariff, times: Factor, listing_times: Fraction) -> tuple[tuple[Band, ...], int]:
    """The bands, and their scale.

    `listing`: whose prices are published; where it has none for a meter, the tariff's own are. `times`: what the
    tariff's prices are multiplied with to be charged, and to be shown as published; `listing_times`: those of another
    listing.
    """
    charge, publish = times
    bands: list[tuple[int, dict[str, Fraction], dict[str, Fraction]]] = []
    for above in sorted({start for one in (tariff, listing) for start, _ in one.bands}):
        own = _standing(tariff.bands, above)
        charged = {meter: price * charge for meter, price in own.items()}
        listed = {meter: price * publish for meter, price in own.items()}
        if listing is not tariff:
            listed |= {meter: price * listing_times for meter, price in _standing(listing.bands, above).items()}
        bands.append((above, charged, listed))
    scale = lcm(*(price.denominator for _, one, two in bands for price in (*one.values(), *two.values())))
    made: list[Band] = []
    for above, charged, listed in bands:
        rows = [_row(meter, charged.get(meter), listed.get(meter), scale) for meter in ROWS]
        numbers = {row.meter: row.number for row in rows if row.number is not None}
        made.append(Band(above, tuple(rows[: len(METERS)]), rows[-2], rows[-1], numbers))
    return tuple(made), scale


def _standing(bands: Sequence[tuple[int, Mapping[str, Fraction]]], above: int) -> Mapping[str, Fraction]:
    return next(prices for start, prices in reversed(bands) if start <= above)


def _row(meter: str, charged: Fraction | None, listed: Fraction | None, scale: int) -> Row:
    per = PER[meter]
    if charged is None:
        return Row(meter, per)
    listed = charged if listed is None else listed
    return Row(meter, per, int(charged * scale), int(listed * scale), round(charged * per), round(listed * per))
