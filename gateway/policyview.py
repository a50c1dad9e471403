"""What policies look like from outside: the models a caller may use, and an operator's question answered."""

from collections.abc import Container, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.access.asking import ask, judge, usable
from gateway.access.explaining import Question
from gateway.access.policy import AccessPolicy
from gateway.access.refusing import TOOLS
from gateway.core.faults import BadRequest
from gateway.core.model import Attributes, Catalogue, Model
from gateway.core.principal import Principal
from gateway.edge.admin.policies import ExplainRequest
from gateway.identity.callers import admitted
from gateway.policyfeed import PolicyFeed
from gateway.policyset import CALLS, OPERATION_WORDS, Deciding

MAX_RULES = 1000


def list_models(
    principal: Principal, policies: PolicyFeed, data_class: str, served: Container[str], now: float
) -> list[dict[str, object]]:
    """What `/v1/models` shows this caller: every name that is served here and that a call of some kind may use."""
    policy = policies.access.value
    found = usable(policy, policies.catalogue.value, principal, CALLS, data_class, now, served)
    if policy.hide:  # a successor that the caller may not use is not there either
        found = {
            name: msgspec.structs.replace(model, successor=model.successor if model.successor in found else "")
            for name, model in found.items()
        }
    return [_shown(name, model, now) for name, model in found.items()]


def _shown(name: str, model: Model, now: float) -> dict[str, object]:
    """A model object as OpenAI's, with what else a card tells; `shutdown_date` is OpenAI's word for a sunset."""
    life = model.life
    shown: dict[str, object] = {
        "id": name,
        "object": "model",
        "created": int(life.approved_from or 0),
        "owned_by": model.publisher or model.provider,
    }
    if life.sunset is not None:
        shown["shutdown_date"] = datetime.fromtimestamp(life.sunset, UTC).date().isoformat()
    told = {
        "model": model.name,
        "title": model.title,
        "status": life.status(now),
        "successor": model.successor,
        "licence": model.licence,
        "licence_class": model.licence_class,
        "hosting": model.hosting,
        "region": model.region,
        "context_tokens": model.context_tokens,
        "input": model.inputs,
        "output": model.outputs,
        "tools": model.tools,
    }
    shown["gateway"] = {name: value for name, value in told.items() if value or value is False}
    return shown


def describe_models(catalogue: Catalogue, served: Container[str], now: float) -> list[dict[str, Any]]:
    """Every name with its targets: the card that describes each, its state, and whether its provider is configured."""

    def described(target: Any) -> dict[str, Any]:
        model = catalogue.models.get(target)
        return {
            "target": str(target),
            "configured": target.provider in served,
            "card": None if model is None else model.name,
            "status": "no card" if model is None else model.unfit or model.life.status(now),
        }

    return [
        {"model": name, "targets": [described(target) for target in targets]}
        for name, targets in catalogue.names.items()
    ]


def explain(asked: ExplainRequest, policies: Deciding, now: float) -> dict[str, Any]:
    """The decision about every target that a name stands for, and rule by rule why. For operators: it shows the rules
    of all tenants.

    Raises:
        BadRequest: about nobody, nothing, or a class of data that is not declared.
    """
    principal, attributes = asked_by(asked, policies)
    policy, catalogue = policies.access, policies.catalogue
    verdict = ask(policy, catalogue, principal, asked.model, asked.operation, attributes, now)
    targets: list[dict[str, Any]] = []
    for target, model in catalogue.of(catalogue.names.get(asked.model, ())):
        if model is None:
            targets.append({"target": str(target), "card": None})
            continue
        question = policy.question(principal, model, asked.operation, attributes, now)
        told: dict[str, Any] = {
            "target": model.place,
            "card": model.name,
            "status": model.life.status(now),
            "decision": judge(policy, principal, model, asked.operation, attributes, now),
            **_rules(policy, question, every=asked.all_rules),
        }
        if attributes.tools:  # a question of its own; both must be allowed
            tools = policy.question(principal, model, TOOLS, attributes, now)
            told["tools"] = _rules(policy, tools, every=asked.all_rules)
        targets.append(told)
    return {
        "decision": verdict.permits[0].decision if verdict.permits else verdict.refusal,
        "policy_version": policy.version,
        "model_known": asked.model in catalogue.names,
        "targets": targets,
    }


def _rules(policy: AccessPolicy, question: Question, *, every: bool) -> dict[str, Any]:
    """Rule by rule; unless `every`, only those that match, or miss by one condition."""
    rules = policy.explain(question)
    shown = [one for one in rules if every or one.matched or len(one.missed) <= 1]
    return {"rules": shown[:MAX_RULES], "rules_not_shown": len(rules) - len(shown[:MAX_RULES])}


def asked_by(asked: ExplainRequest, policies: Deciding) -> tuple[Principal, Attributes]:
    """The caller that a question is about, and the request.

    Raises:
        BadRequest: as `explain`.
    """
    tenants = policies.tenants
    if not tenants.declares(asked.tenant, asked.team):
        raise BadRequest(f"no team `{asked.team}` of a tenant `{asked.tenant}` is declared", param="team")
    if asked.operation not in OPERATION_WORDS:
        known = ", ".join(sorted(OPERATION_WORDS))
        raise BadRequest(f"no operation `{asked.operation}`; known: {known}", param="operation")
    if asked.data_class and asked.data_class not in tenants.data_classes:
        known = ", ".join(tenants.data_classes)
        raise BadRequest(f"`{asked.data_class}` is no data class; known, lowest first: {known}", param="data_class")
    claims: Mapping[str, tuple[str, ...]] = {name: tuple(words) for name, words in asked.claims.items()}
    principal = admitted(
        Principal(
            key_id="",
            tenant=asked.tenant,
            team=asked.team,
            labels=asked.labels,
            claims=claims,
            data_class=asked.data_class,
        ),
        tenants,
    )
    assert principal is not None, "the team is declared"
    return principal, msgspec.structs.replace(asked.request, data_class=principal.data_class)
