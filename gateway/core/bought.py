"""What was bought: an upstream call as the ledger keeps it, with who it was for. From this it can be priced again."""

import msgspec

from gateway.core.attempt import Attempt


class Bought(msgspec.Struct, frozen=True):
    """`model`: the name that the client asked for. The attempt's charges say what was used."""

    tenant: str
    team: str
    model: str
    attempt: Attempt
