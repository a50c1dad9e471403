"""What calls add up to, in every roll-up: pure, and the same for every store."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Self

import msgspec

from gateway.core.record import Record
from gateway.ledger.sums import HOUR_NS, ChargeSums, UsageSums, add_sums

INPUTS = ("tenant", "team", "key_id", "facts", "data_class", "operation", "model", "attributes")
DECISION_SUMS = ("calls", "refused", "cost_nano", "unpriced", "input_tokens", "output_tokens", "last_ns")

Pair = tuple[Record, int]  # and the id of its person
Texts = tuple[str, str, str, str, str, str, str, str]
Decisions = dict[int, dict[Texts, list[int]]]
_inputs_of = attrgetter(*INPUTS)


class Counted(msgspec.Struct, frozen=True, gc=False):
    """What calls add up to, in every roll-up: pure."""

    decisions: Decisions
    usage: UsageSums
    charges: ChargeSums

    @classmethod
    def nothing(cls) -> Self:
        return cls({}, {}, {})

    def add(self, pairs: Sequence[Pair]) -> None:
        _add_decisions(self.decisions, pairs)
        add_sums(self.usage, self.charges, pairs)


def _add_decisions(hours: Decisions, records: Iterable[Pair]) -> None:
    """Add records to the sums of `decision_hours` by hour, in the order of `add_decision_hour`. Written for speed: it
    runs for every call."""
    for record, _ in records:
        started_ns, texts, usage = record.started_ns, _inputs_of(record), record.usage
        groups = hours.get(started_ns // HOUR_NS)
        if groups is None:
            groups = hours[started_ns // HOUR_NS] = {}
        sums = groups.get(texts)
        if sums is None:
            sums = groups[texts] = [0] * len(DECISION_SUMS)
        sums[0] += 1
        if record.outcome == "refused" and record.is_policy_refusal:
            sums[1] += 1
        if record.cost_nano:
            sums[2] += record.cost_nano
        if record.pricing == "unpriced":
            sums[3] += 1
        if usage is not None:
            sums[4] += usage.total_input
            sums[5] += usage.total_output
        if started_ns > sums[6]:
            sums[6] = started_ns
