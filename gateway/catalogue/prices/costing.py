"""What a usage costs by a card: whole numbers only, rounded once."""

from collections.abc import Sequence
from itertools import compress

from msgspec.structs import astuple

from gateway.catalogue.prices.asking import Costed, Priced
from gateway.catalogue.prices.meters import COUNTED_BY, PER, PRICE_OF
from gateway.catalogue.prices.rates import Card, Row
from gateway.core.attempt import Charge
from gateway.core.money import round_half_even, share_out
from gateway.core.usage import Usage, meters_used


def costed(card: Card, asked: Priced) -> Costed:
    """The charges for it; `card` has no reason against that."""
    if card.simple and (simply := _simply(card.bands[0].rows, asked.usage)) is not None:
        return Costed(simply, "priced", card.version)
    band = card.bands[0] if len(card.bands) == 1 else card.band(asked.usage.total_input)
    rows: list[Row] = []
    counts: list[int] = []
    numbers: list[int] = []
    quantity = astuple(asked.usage)
    for row, count in compress(zip(band.rows, quantity, strict=False), quantity):
        number = row.number
        if number is None:
            if not _counted(row.meter, asked.usage):
                reason = f"{card.name} has no price for {PRICE_OF[row.meter]}"
                return Costed(quantities(asked.usage), "unpriced", card.version, reason)
            number = 0
        elif row.meter == "audio_ms" and count < card.least_audio_ms:
            count = card.least_audio_ms  # noqa: PLW2901  what is billed is what is charged
        rows.append(row)
        counts.append(count)
        numbers.append(count * number)
    if band.fee.number is not None:
        rows.append(band.fee)
        counts.append(1)
        numbers.append(band.fee.number)
    if card.gpus:
        if asked.duration_us <= 0:
            reason = f"{card.name} is priced by GPU time, and it is not known how long the call took"
            return Costed(quantities(asked.usage), "unpriced", card.version, reason)
        rows.append(band.time)
        counts.append(asked.duration_us * card.gpus)
        numbers.append(counts[-1] * (band.time.number or 0))
    costs = _shared(numbers, card.scale)
    listed = costs
    if not card.flat:
        listed = _shared([count * row.listed for row, count in zip(rows, counts, strict=True)], card.scale)
    charges: list[Charge] = []
    for row, count, nano, list_nano in zip(rows, counts, costs, listed, strict=True):
        charges.append(Charge(row.meter, count, row.per, row.rate, row.list_rate, nano, list_nano))
    return Costed(tuple(charges), "priced", card.version)


def _simply(rows: Sequence[Row], usage: Usage) -> tuple[Charge, ...] | None:
    """The same by a card of which every number is a price, and nothing has to be rounded; None where one is missing."""
    counts, charges = astuple(usage), list[Charge]()
    # Of two dozen meters a call uses two or three: the others are passed over without a step of the interpreter.
    for row, count in compress(zip(rows, counts, strict=False), counts):
        if (number := row.number) is None:
            return None
        nano = count * number
        charges.append(Charge(row.meter, count, row.per, row.rate, row.list_rate, nano, nano))
    return tuple(charges)


def quantities(usage: Usage) -> tuple[Charge, ...]:
    """What was used, without a price."""
    return tuple(Charge(meter, count, PER[meter]) for meter, count in meters_used(usage))


def _shared(numbers: list[int], scale: int) -> list[int]:
    return share_out(round_half_even(sum(numbers), scale), numbers, scale)


def _counted(meter: str, usage: Usage) -> bool:
    """Whether tokens that were counted say the same as this meter."""
    return any(getattr(usage, other) for other in COUNTED_BY.get(meter, ()))
