"""Recorded calls decided again, under the policy in force and under a proposed one."""

from collections.abc import Callable, Container
from typing import Literal

import msgspec

from gateway.access.asking import Verdict, ask
from gateway.access.policy import AccessPolicy
from gateway.core.model import NOTHING, Attributes, Catalogue
from gateway.core.principal import Principal, principal_from_facts
from gateway.core.traffic import Traffic

Basis = Literal["rule", "exception", "no_rule", "card", "condition", "obligation", "undeclared"]


class Side(msgspec.Struct, frozen=True):
    """One of the two policies. `admit`: the caller with the class of what it sends, or None if its team is not
    declared."""

    policy: AccessPolicy
    catalogue: Catalogue
    admit: Callable[[Principal], Principal | None]


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as the gateway acts on it.

    Attributes:
        basis: as of a decision; `undeclared`: the team is not declared.
        places: the targets that may be used, best first. would_deny: the rules in audit mode that would refuse it.
        cap: the most output tokens, None for no bound. no_content, guards: what else the call is held to.
    """

    allowed: bool
    rule_id: str = ""
    basis: Basis = "rule"
    code: str = ""
    reason: str = ""
    places: tuple[str, ...] = ()
    would_deny: tuple[str, ...] = ()
    cap: int | None = None
    no_content: bool = False
    guards: tuple[str, ...] = ()


class Judged(msgspec.Struct, frozen=True):
    """Both rulings on the same inputs. `asked`: the output tokens they ask for, 0 if they do not say."""

    before: Ruling
    after: Ruling
    asked: int


Rulings = tuple[Ruling, Ruling]
_UNDECLARED = Ruling(allowed=False, basis="undeclared", code="team_not_declared", reason="the team is not declared")


class Replay:
    """Decides once what is the same to both policies: rows that differ by key, or by what no rule looks at, are."""

    def __init__(self, before: Side, after: Side, operations: Container[str], now: float) -> None:
        """`operations`: the words that are known. `now`: Unix seconds; both policies are asked as of then."""
        self._before = before
        self._after = after
        self._operations = operations
        self._now = now
        self._looked_at = sorted(before.policy.looks_at | after.policy.looks_at)
        self._rulings: dict[tuple[object, ...], Rulings] = {}
        self._callers: dict[tuple[str, str, str], tuple[Principal | None, Principal | None]] = {}
        self._attributes: dict[str, tuple[Attributes, tuple[object, ...]]] = {}

    def judge(self, row: Traffic) -> Judged | str:
        """Both rulings, or in words why the row cannot be decided."""
        if row.operation not in self._operations:
            return f"the operation `{row.operation}` is not known"
        try:
            callers = self._callers_of(row)
        except (ValueError, msgspec.MsgspecError, RecursionError):
            return "the caller's labels and claims cannot be read"
        try:
            attributes, looked_at = self._attributes_of(row.attributes)
        except (ValueError, msgspec.MsgspecError, RecursionError):
            return "what the request asked for cannot be read"
        key = (row.tenant, row.team, row.facts, row.data_class, row.operation, row.model, looked_at)
        found = self._rulings.get(key)
        if found is None:
            raised = self._raised(row.data_class, callers[0])
            before = self._ruling(self._before, callers[0], row, attributes, raised)
            after = self._ruling(self._after, callers[1], row, attributes, raised)
            # What is the same is one object, so that the next look sees it at once.
            found = self._rulings[key] = (before, before if before == after else after)
        return Judged(*found, attributes.max_output_tokens)

    def _callers_of(self, row: Traffic) -> tuple[Principal | None, Principal | None]:
        who = (row.tenant, row.team, row.facts)
        callers = self._callers.get(who)
        if callers is None:
            caller = principal_from_facts(row.tenant, row.team, "", row.facts, "")
            callers = self._callers[who] = self._before.admit(caller), self._after.admit(caller)
        return callers

    def _attributes_of(self, text: str) -> tuple[Attributes, tuple[object, ...]]:
        """The attributes, and what of them decisions follow from."""
        found = self._attributes.get(text)
        if found is None:
            attributes = msgspec.json.decode(text, type=Attributes) if text else Attributes()
            values = tuple([getattr(attributes, name) for name in self._looked_at])
            found = self._attributes[text] = attributes, values
        return found

    def _raised(self, recorded: str, caller: Principal | None) -> str:
        """The class that the request itself named; empty where the class was the caller's own, for then it follows
        whatever the policies say of the caller."""
        classes = self._before.policy.data_classes
        if recorded not in classes:
            return ""
        own = -1 if caller is None else classes.index(caller.data_class)
        return recorded if classes.index(recorded) > own else ""

    def _ruling(
        self, side: Side, caller: Principal | None, row: Traffic, attributes: Attributes, raised: str
    ) -> Ruling:
        if caller is None:
            return _UNDECLARED
        data_class, classes = caller.data_class, side.policy.data_classes
        if raised and classes:
            # A word that is no class any more counts as the highest: what is not known closes, never opens.
            data_class = max(data_class, raised if raised in classes else classes[-1], key=classes.index)
        asked = msgspec.structs.replace(attributes, data_class=data_class)
        return _acted_on(ask(side.policy, side.catalogue, caller, row.model, row.operation, asked, self._now))


def _acted_on(verdict: Verdict) -> Ruling:
    """What the pipeline makes of a verdict: the best target's rule, and what all targets together oblige to."""
    if not verdict.permits:
        no = verdict.refusal
        return Ruling(allowed=False, rule_id=no.rule_id, basis=no.basis, code=no.code, reason=no.reason)
    best = verdict.permits[0].decision
    obligations = [one.decision.obligations for one in verdict.permits if one.decision.obligations is not NOTHING]
    return Ruling(
        allowed=True,
        rule_id=best.rule_id,
        basis=best.basis,
        reason=best.reason,
        places=tuple([one.model.place for one in verdict.permits]),
        would_deny=best.would_deny,
        cap=min([one.max_output_tokens for one in obligations if one.max_output_tokens is not None], default=None),
        no_content=any(one.no_content for one in obligations),
        guards=tuple(sorted({guard for one in obligations for guard in one.guards})),
    )
