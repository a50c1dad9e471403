"""What policies look like from outside: the models a caller may use, and an operator's question answered."""

from collections.abc import Container, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.access.asking import ask, judge, usable
from gateway.core.faults import BadRequest
from gateway.core.model import Attributes, Catalogue, Model
from gateway.core.principal import Principal
from gateway.edge.admin.api import ExplainRequest
from gateway.policyfeed import PolicyFeed
from gateway.policyset import CALLS, OPERATION_WORDS, PolicySet

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
    }
    shown["gateway"] = {name: value for name, value in told.items() if value}
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


def explain(asked: ExplainRequest, policies: PolicySet, now: float) -> dict[str, Any]:
    """The decision about every target that a name stands for, and rule by rule why. For operators: it shows the rules
    of all tenants.

    Raises:
        BadRequest: about nobody, nothing, or a class of data that is not declared.
    """
    principal, attributes = _asked(asked, policies)
    policy, catalogue = policies.access, policies.catalogue
    verdict = ask(policy, catalogue, principal, asked.model, asked.operation, attributes, now)
    targets: list[dict[str, Any]] = []
    for target, model in catalogue.of(catalogue.names.get(asked.model, ())):
        if model is None:
            targets.append({"target": str(target), "card": None})
            continue
        question = policy.question(principal, model, asked.operation, attributes, now)
        rules = policy.explain(question)
        shown = [one for one in rules if asked.all_rules or one.matched or len(one.missed) <= 1]
        targets.append(
            {
                "target": model.place,
                "card": model.name,
                "status": model.life.status(now),
                "decision": judge(policy, principal, model, asked.operation, attributes, now),
                "rules": shown[:MAX_RULES],
                "rules_not_shown": len(rules) - len(shown[:MAX_RULES]),
            }
        )
    return {
        "decision": verdict.permits[0].decision if verdict.permits else verdict.refusal,
        "policy_version": policy.version,
        "model_known": asked.model in catalogue.names,
        "targets": targets,
    }


def _asked(asked: ExplainRequest, policies: PolicySet) -> tuple[Principal, Attributes]:
    tenants = policies.tenants
    if not tenants.declares(asked.tenant, asked.team):
        raise BadRequest(f"no team `{asked.team}` of a tenant `{asked.tenant}` is declared", param="team")
    if asked.operation not in OPERATION_WORDS:
        known = ", ".join(sorted(OPERATION_WORDS))
        raise BadRequest(f"no operation `{asked.operation}`; known: {known}", param="operation")
    try:
        data_class = tenants.highest(tenants.class_of(asked.tenant, asked.team), *filter(None, [asked.data_class]))
    except ValueError as error:
        raise BadRequest(str(error), param="data_class") from None
    claims: Mapping[str, tuple[str, ...]] = {name: tuple(words) for name, words in asked.claims.items()}
    principal = Principal(
        key_id="", tenant=asked.tenant, team=asked.team, labels=asked.labels, claims=claims, data_class=data_class
    )
    return principal, msgspec.structs.replace(asked.request, data_class=data_class)
