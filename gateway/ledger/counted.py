"""What calls add up to, in every roll-up at once: pure."""

from collections.abc import Sequence
from typing import Self

import msgspec

from gateway.core.record import Record
from gateway.ledger.rollup import Texts, decisions_of
from gateway.ledger.sums import ChargeSums, UsageSums, sums_of

Pair = tuple[Record, int]  # and the id of its person


class Counted(msgspec.Struct, frozen=True, gc=False):
    decisions: dict[int, dict[Texts, list[int]]]
    usage: UsageSums
    charges: ChargeSums

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> Self:
        return cls(decisions_of(record for record, _ in pairs), *sums_of(pairs))
