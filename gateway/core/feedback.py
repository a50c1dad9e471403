"""What people and programs say of an answer, once it has been given: a fact that stands beside the call's record."""

from typing import Literal

import msgspec

from gateway.core.usage import UnixNs

# What the value was: `up` or `down`, true or false, a number, a word.
Kind = Literal["thumbs", "bool", "score", "label"]


class Feedback(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """One statement. A later one of the same team about the same call, metric and user takes its place; both are kept.

    Attributes:
        id: a UUID: of the moment, or made from the caller's `Idempotency-Key`, so that the same statement sent again
            is the same.
        call: the id of the record that it is about; tenant, team: of whoever said it. Where the call is not theirs, it
            counts nowhere.
        at_ns: Unix nanoseconds.
        score: of thumbs and bools 1 and 0; None for a label. label: the word; of thumbs `up` or `down`, of bools `true`
            or `false`.
        user: who said it; personal, and so kept apart by the ledger. labels: as canonical JSON.
        comment, correction: content, kept only for tenants that agreed to it.
    """

    id: str
    call: str
    at_ns: UnixNs
    tenant: str
    team: str
    metric: str
    kind: Kind
    score: float | None = None
    label: str = ""
    user: str = ""
    labels: str = ""
    comment: str = ""
    correction: str = ""

    def __repr__(self) -> str:
        """Without what was said: it must not get into a log by way of a traceback."""
        return f"Feedback({self.id!r}, call={self.call!r}, metric={self.metric!r})"
