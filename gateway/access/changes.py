"""The difference between two decisions about the same question, and what it comes from."""

from collections.abc import Iterator
from typing import Literal

import msgspec

from gateway.access.obligations import in_words
from gateway.core.model import Decision, Obligations

Kind = Literal["loses", "gains", "obligations", "audit"]
# From the one that a reviewer looks for first.
KINDS: tuple[Kind, ...] = ("loses", "gains", "obligations", "audit")


class Change(msgspec.Struct, frozen=True, order=True):
    """How a call is decided differently.

    Attributes:
        kind: access is lost or gained; what an allowed call must keep to; what would refuse it but only watches.
        cause: of access lost or gained: `deny`, `allow`, `condition`, `obligation` with the rule's id; `card` with what
            is wrong with it; `model` or `team`, where one version has none.
        before, after: of the other kinds, in words.
    """

    kind: Kind
    cause: str = ""
    rule: str = ""
    before: str = ""
    after: str = ""


class Answer(msgspec.Struct, frozen=True):
    """A decision; without one, `absent` says what there is not: `team` or `model`. `status`: of the model's card."""

    decision: Decision | None
    absent: str = ""
    status: str = ""

    @property
    def allowed(self) -> bool:
        return self.decision is not None and self.decision.allowed


def changes_between(before: Answer, after: Answer) -> Iterator[Change]:
    """What is different for the caller; refusals of different kinds are not."""
    if before.allowed != after.allowed:
        allows, refuses = (before, after) if before.allowed else (after, before)
        yield Change("loses" if before.allowed else "gains", *_cause(refuses, allows))
    elif before.decision is not None and after.decision is not None and before.allowed:
        was, is_ = (_binding(one.obligations) for one in (before.decision, after.decision))
        if was != is_:
            yield Change("obligations", before=in_words(was), after=in_words(is_))
        watched, watches = before.decision.would_deny, after.decision.would_deny
        if watched != watches:
            yield Change("audit", before=", ".join(watched), after=", ".join(watches))


def _cause(refuses: Answer, allows: Answer) -> tuple[str, str]:
    """Why one version refuses: the same whichever of them is the older."""
    decision = refuses.decision
    if decision is None:
        return refuses.absent, ""
    if decision.basis == "card":
        return "card", refuses.status
    if decision.basis == "no_rule":
        assert allows.decision is not None, "it allows"
        return "allow", allows.decision.rule_id
    return ("deny" if decision.basis == "rule" else decision.basis), decision.rule_id


def _binding(found: Obligations) -> Obligations:
    """Regions have been kept to when a target is allowed; they bind the call no further."""
    return msgspec.structs.replace(found, regions=None)
