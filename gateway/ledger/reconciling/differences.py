"""What differs between what was stated and what was booked, and the words for it.

exact            the same
rounding         within the tolerance
quantity drift   other amounts, of as many calls: our metering is wrong
price drift      the same amounts cost something else: our price table is wrong
bypass           the provider served what never came through the gateway
missing there    the ledger holds what the provider does not state
estimated        other amounts, and calls that were cut short or estimated are enough to explain them
midnight         other amounts, which the neighbouring day has too much or too little of
unpriced         amounts that the ledger has no price for
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import msgspec

from gateway.ledger.reconciling.booked import Doubtful
from gateway.ledger.reconciling.stated import EXACT, TOKENS

DRIFTS = ("quantity drift", "price drift", "bypass", "missing there", "unpriced")
# Amounts of money are stated in parts of a cent at best; less than that is no difference.
CENT = Decimal("0.01")
ZERO = Decimal(0)


class Difference(msgspec.Struct, frozen=True):
    """Of one meter (of METERS, `requests` or `cost`): what the provider states and what the ledger holds."""

    meter: str
    theirs: Decimal
    ours: Decimal

    @property
    def difference(self) -> Decimal:
        return EXACT.subtract(self.theirs, self.ours)

    @property
    def ratio(self) -> Decimal | None:
        """Of ours; None if that is nothing."""
        return EXACT.divide(self.difference, abs(self.ours)) if self.ours else None

    def is_beyond(self, tolerance: Decimal, least: Decimal = ZERO) -> bool:
        bound = EXACT.multiply(max(abs(self.theirs), abs(self.ours)), tolerance)
        return abs(self.difference) > max(bound, least)


class Cell(msgspec.Struct, kw_only=True):
    """A day and a model (empty: what is stated of no model).

    Attributes:
        findings: words for what differs, the gravest first; `exact` alone if nothing does.
        by_quantity, by_price: the parts of the difference in cost; None where it cannot be told.
        calls: that may explain it, the likeliest first. notes: what cannot be told apart, and why.
    """

    day: date
    model: str
    quantities: list[Difference] = []
    requests: Difference | None = None
    cost: Difference | None = None
    by_quantity: Decimal | None = None
    by_price: Decimal | None = None
    findings: list[str] = []
    calls: list[Doubtful] = []
    notes: list[str] = []

    @property
    def has_drift(self) -> bool:
        return any(finding in DRIFTS for finding in self.findings)

    @property
    def tokens(self) -> Difference:
        known = [one for one in self.quantities if one.meter in TOKENS]
        return Difference("tokens", added(one.theirs for one in known), added(one.ours for one in known))


def added(numbers: Iterable[Decimal | None]) -> Decimal:
    found = ZERO
    for one in numbers:
        if one is not None:
            found = EXACT.add(found, one)
    return found
