"""A cost that the provider itself reports, against the book's own.

The provider knows of fees and discounts that no book has, so its figure is what is charged: shared out among the meters
in proportion to the book's prices. But a figure is only believed within bounds, for one in other units than dollars, or
of a whole conversation, would use up every budget:
* the book has a price: at most twice that and a twentieth of a dollar (fees for searches and other tools that no meter
  shows), at least a tenth of it; or the book's price holds;
* it has none: the same of what the dearest model of that provider would cost. Beyond that, or if the provider says 0,
  the call is unpriced.
Where the figures differ, the published cost stays the book's, and the charged rate is not shown: there is none.
"""

import msgspec

from gateway.catalogue.prices.asking import Costed
from gateway.catalogue.prices.meters import REPORTED
from gateway.catalogue.prices.rates import Card
from gateway.core.attempt import Charge
from gateway.core.money import NANO, decimal_text, share_out

# Providers round what they report to a millionth of a dollar.
SLACK_NANO = 1_000
FEES_NANO = NANO // 20
MOST, LEAST = 2, 10


def by_report(dollars_nano: int, card: Card, own: Costed, ceiling: int | None, version: str) -> Costed:
    """The cost, given that the provider reports so many nano-dollars and the book says `own`. `ceiling`: what the
    provider's dearest model would cost, asked for if the book has no price."""
    if card.dollar is None:
        return _doubted(own, "there is no exchange rate for what the provider reports")
    paid = dollars_nano * card.dollar
    cost = round(paid * card.markup)
    priced = own.nano
    if priced is not None:
        if abs(cost - priced) > SLACK_NANO and not (priced <= LEAST * cost and cost <= MOST * priced + FEES_NANO):
            said = f"the provider reports {decimal_text(cost)}, the book's price is {decimal_text(priced)}"
            return _doubted(own, said)
        if priced == cost:
            return own
        if not priced:
            return _whole(own, cost, round(paid), version)
        costs = share_out(cost, [(charge.nano or 0) * cost for charge in own.charges], priced)
        charges = tuple(_charged(charge, nano) for charge, nano in zip(own.charges, costs, strict=True))
        return Costed(charges, "priced", _reported(own.price_version or version))
    if cost <= 0:
        return _doubted(own, "the provider reports no cost, and there is no price to check that")
    if ceiling is not None and cost > MOST * ceiling + FEES_NANO:
        said = f"the provider reports {decimal_text(cost)}, its dearest model would cost {decimal_text(ceiling)}"
        return _doubted(own, said)
    return _whole(own, cost, round(paid), version)


def _charged(charge: Charge, nano: int) -> Charge:
    return charge if nano == charge.nano else msgspec.structs.replace(charge, rate=None, nano=nano)


def _whole(own: Costed, cost: int, paid: int, version: str) -> Costed:
    """All of it in one charge; the meters keep their quantities."""
    meters = [msgspec.structs.replace(charge, rate=None, list_rate=None, nano=0, list_nano=0) for charge in own.charges]
    whole = Charge(REPORTED, 1, 1, cost, paid, cost, paid)
    return Costed((*meters, whole), "priced", _reported(own.price_version or version))


def _reported(version: str) -> str:
    book, _, entry = version.partition("/")
    return f"{book}/reported:{entry}" if entry else f"{book}/reported"


def _doubted(own: Costed, doubt: str) -> Costed:
    unpriced = f"{own.unpriced}; {doubt}" if own.pricing != "priced" else ""
    return msgspec.structs.replace(own, unpriced=unpriced, doubt=doubt)
