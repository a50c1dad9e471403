"""Every hop of a call asked at once: a name resolved to its targets, each of them judged."""

from collections.abc import Container, Sequence

import msgspec

from gateway.access.obligations import added_up
from gateway.access.policy import MAX_REMEMBERED, AccessPolicy
from gateway.access.refusing import NO_SUCH_MODEL, TOOLS, no_card
from gateway.core.model import NOTHING, Attributes, Catalogue, Decision, Model, Permit
from gateway.core.principal import Principal


class Verdict(msgspec.Struct, frozen=True):
    """`permits`: the targets that may be used, best first; without any, `refusal` says why the best one may not.
    `obliges`: whether one of the permits asks for anything."""

    permits: tuple[Permit, ...]
    refusal: Decision
    obliges: bool = False


def ask(
    policy: AccessPolicy,
    catalogue: Catalogue,
    principal: Principal,
    name: str,
    operation: str,
    attributes: Attributes,
    now: float,
) -> Verdict:
    """May this caller use what `name` stands for? Whatever way a name takes to a target (a card's name, an alias, a
    route), it is the target that is judged. `now`: Unix seconds."""
    fields = policy.fields
    # Each decision's own question, and what `judge` and `broken` look at besides (`AccessPolicy.looks_at`).
    asked = (
        principal.tenant,
        principal.team,
        principal.facts,
        name,
        operation,
        attributes.data_class,
        attributes.tools,
        not attributes.prompt,
        tuple([getattr(attributes, field) for field in fields]) if fields else None,
    )
    kept = policy.kept(catalogue, now)
    verdict: Verdict | None = kept.get(asked)
    if verdict is None:
        verdict = _verdict(policy, catalogue, principal, name, operation, attributes, now)
        if name in catalogue.names:  # what callers make up is not remembered
            if len(kept) >= MAX_REMEMBERED:
                kept.clear()
            kept[asked] = verdict
    return verdict


def _verdict(
    policy: AccessPolicy,
    catalogue: Catalogue,
    principal: Principal,
    name: str,
    operation: str,
    attributes: Attributes,
    now: float,
) -> Verdict:
    permits: list[Permit] = []
    refusal: Decision | None = None
    for target in catalogue.names.get(name, ()):
        model = catalogue.models.get(target)
        if model is None:
            refusal = refusal or no_card(str(target))
            continue
        decision = judge(policy, principal, model, operation, attributes, now)
        if decision.allowed:
            permits.append(Permit(model, decision))
        else:
            refusal = refusal or decision
    obliges = any(one.decision.obligations is not NOTHING for one in permits)
    return Verdict(tuple(permits), refusal or NO_SUCH_MODEL, obliges)


def judge(
    policy: AccessPolicy, principal: Principal, model: Model, operation: str, attributes: Attributes, now: float
) -> Decision:
    """One hop: the operation, and tools if the request brings any."""
    decision = policy.decide(principal, model, operation, attributes, now)
    if not decision.allowed or not attributes.tools:
        return decision
    tools = policy.decide(principal, model, TOOLS, attributes, now)
    if not tools.allowed or tools == decision:
        return tools
    return msgspec.structs.replace(
        decision,
        obligations=added_up([decision.obligations, tools.obligations]),
        would_deny=tuple(sorted({*decision.would_deny, *tools.would_deny})),
    )


def usable(
    policy: AccessPolicy,
    catalogue: Catalogue,
    principal: Principal,
    operations: Sequence[str],
    data_class: str,
    now: float,
    served: Container[str],
) -> dict[str, Model]:
    """The names that some call of this caller's may use, with the first model that may serve it: a name is here if and
    only if there is an operation for which `ask` may have a permit (`AccessPolicy.may_ever`) at a provider that is
    among `served`."""
    found: dict[str, Model] = {}
    for name, targets in catalogue.names.items():
        for target in targets:
            model = catalogue.models.get(target)
            if model is None or target.provider not in served:
                continue
            if policy.may_ever(principal, model, operations, data_class, now):
                found[name] = model
                break
    return found
