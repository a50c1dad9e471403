"""How callers share an upstream when it is the bottleneck: the words between who decides it and who keeps to it."""

from typing import Literal

import msgspec

Priority = Literal["interactive", "batch"]


class Share(msgspec.Struct, frozen=True):
    """Attributes:
    flow: whose calls they are; calls of one flow keep their order. weight: > 0; flows that wait for the same upstream
        get it in proportion to these. priority: `interactive` goes before `batch`.
    """

    flow: str = ""
    weight: float = 1.0
    priority: Priority = "interactive"


class Demand(msgspec.Struct, frozen=True):
    """What a call wants of an upstream: an estimate on the high side, in tokens, and whose it is."""

    share: Share = Share()
    input_tokens: int = 0
    output_tokens: int = 0
