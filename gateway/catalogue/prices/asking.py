"""What a price book is asked, and what it answers."""

import msgspec

from gateway.core.attempt import Charge, Pricing, Terms
from gateway.core.usage import Usage


class Priced(msgspec.Struct, kw_only=True, gc=False):
    """What is to be priced: one upstream call, or as much of it as is known.

    Attributes:
        provider: a name in config.yaml. model: what was asked of it; served_model: what it says that it served.
        at_s: Unix seconds, which say whose day's prices hold. duration_us: of the call, for GPU time.
        tenant, team: who is charged. paid: without mark-ups: what the organisation itself pays.
    """

    provider: str
    model: str
    usage: Usage
    at_s: float
    served_model: str = ""
    terms: Terms = Terms()
    duration_us: int = 0
    tenant: str = ""
    team: str = ""
    paid: bool = False


class Costed(msgspec.Struct, frozen=True, gc=False):
    """What it costs.

    Attributes:
        charges: one for each meter that was used, disjoint; their sums are the costs. Unpriced, they hold quantities.
        price_version: `<digest of the book>/<entry>`; the entry may be known though one of its prices is not.
        unpriced: why there is no price. doubt: the provider reported a cost that was not believed, and why.
    """

    charges: tuple[Charge, ...]
    pricing: Pricing
    price_version: str = ""
    unpriced: str = ""
    doubt: str = ""

    @property
    def nano(self) -> int | None:
        return sum(charge.nano or 0 for charge in self.charges) if self.pricing == "priced" else None

    @property
    def list_nano(self) -> int | None:
        return sum(charge.list_nano or 0 for charge in self.charges) if self.pricing == "priced" else None
