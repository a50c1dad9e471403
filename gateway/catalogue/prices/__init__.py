"""The price book: published prices, an organisation's own, discounts and mark-ups, and what a call costs by them.

Must never: turn an unknown price into zero. A price of 0 has to be written out.

Invariants: money is integers; one rounding per call, half to even; charges add up to it; a past record's cost never
changes, because it is stored with the version of what priced it.
"""

from gateway.catalogue.prices.asking import Costed, Priced
from gateway.catalogue.prices.book import PriceBook
from gateway.catalogue.prices.declared import PricesFile
from gateway.catalogue.prices.loading import read_prices

__all__ = ["Costed", "PriceBook", "Priced", "PricesFile", "read_prices"]
