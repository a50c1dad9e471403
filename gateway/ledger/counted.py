"""What calls add up to, in every roll-up: pure, and the same for every store."""

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from gateway.core.usage import METERS, Usage
from gateway.ledger.rows import CALL_COLUMNS, Row, Rows
from gateway.ledger.sums import HOUR_NS, ChargeSums, Sums, UsageSums

INPUTS = ("tenant", "team", "key_id", "facts", "data_class", "operation", "model", "attributes")
DECISION_SUMS = ("calls", "refused", "cost_nano", "unpriced", "input_tokens", "output_tokens", "last_ns")

Texts = tuple[str, str, str, str, str, str, str, str]
Decisions = dict[int, dict[Texts, list[int]]]


class Counted(msgspec.Struct, frozen=True, gc=False):
    """What calls add up to, in every roll-up."""

    decisions: Decisions
    usage: UsageSums
    charges: ChargeSums


class Counting:
    """Adds up calls as their rows are made."""

    def __init__(self) -> None:
        self._decisions: Decisions = {}
        self._sums = Sums()

    def add(self, rows: Sequence[Rows]) -> None:
        _add_decisions(self._decisions, rows)
        self._sums.add(rows)

    def counted(self) -> Counted:
        return Counted(self._decisions, self._sums.usage(), self._sums.charges())


def _columns(*names: str) -> Callable[[Row], Any]:
    return itemgetter(*map(CALL_COLUMNS.index, names))


_inputs_of = _columns(*INPUTS)
_said = _columns("started_ns", "outcome", "blame", "status", "cost_nano", "pricing")
# The meters that a call's total input and output are made of.
_into = _columns(*(meter for meter in METERS if Usage(**{meter: 1}).total_input))
_out = _columns(*(meter for meter in METERS if Usage(**{meter: 1}).total_output))


def _add_decisions(hours: Decisions, rows: Iterable[Rows]) -> None:
    """Add calls to the sums of `decision_hours` by hour, in the order of `add_decision_hour`. Written for speed: it
    runs for every call."""
    for one in rows:
        call = one.call
        started_ns, outcome, blame, status, cost_nano, pricing = _said(call)
        groups = hours.get(started_ns // HOUR_NS)
        if groups is None:
            groups = hours[started_ns // HOUR_NS] = {}
        texts = _inputs_of(call)
        sums = groups.get(texts)
        if sums is None:
            sums = groups[texts] = [0] * len(DECISION_SUMS)
        sums[0] += 1
        # As `Record.is_policy_refusal`.
        if outcome == "refused" and blame == "policy" and status == 403:
            sums[1] += 1
        if cost_nano:
            sums[2] += cost_nano
        if pricing == "unpriced":
            sums[3] += 1
        sums[4] += sum(_into(call))
        sums[5] += sum(_out(call))
        if started_ns > sums[6]:
            sums[6] = started_ns
