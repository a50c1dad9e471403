"""Refusals in words: why, by which rule, and what would have allowed it. Other tenants' rules are never named."""

from gateway.access.entries import Entries, Entry
from gateway.access.explaining import Question, missing_for
from gateway.access.masks import positions
from gateway.core.model import Decision, Model, Status

CODE = "model_not_allowed"
TOOLS = "tools"


def card_refuses(model: Model, status: Status) -> Decision:
    """The model may not be used by anybody."""
    if model.unfit:
        reason = f"the model `{model.name}` cannot be used at {model.place}: {model.unfit}"
    elif status == "revoked":
        reason = f"the model `{model.name}` was revoked ({model.revoked_reason})"
    elif status == "retired":
        reason = f"the model `{model.name}` is past its sunset"
    elif status == "expired":
        reason = f"the approval of the model `{model.name}` has run out"
    else:
        reason = f"the model `{model.name}` is not approved yet"
    ask = "use another model" if status in ("revoked", "retired") else "ask for an approval of its card"
    remedy = f"use `{model.successor}` instead" if model.successor else ask
    return Decision(allowed=False, basis="card", reason=reason, code=CODE, remedy=f"{remedy}; {_LISTED}")


_LISTED = "GET /v1/models lists what is allowed now"


def no_card(place: str) -> Decision:
    """The target is described by no card."""
    reason = f"no model card describes {place}"
    return Decision(allowed=False, basis="card", reason=reason, code=CODE, remedy="ask for a card in policies/models")


NO_SUCH_MODEL = Decision(
    allowed=False,
    basis="card",
    reason="the model does not exist",
    code="model_not_found",
    remedy="GET /v1/models lists those you may use",
)


def denied(one: Entry, model: Model, *, failed: bool) -> Decision:
    """A deny matched; `failed`: because its condition could not be evaluated."""
    source = one.source
    reason = f"the model `{model.name}` is denied by the rule `{one.id}` ({source.reason})"
    if failed:
        reason = f"the condition of the rule `{one.id}`, which may deny it, could not be evaluated"
    return Decision(
        allowed=False,
        rule_id=one.id,
        basis="condition" if failed else "rule",
        reason=reason,
        code="policy_error" if failed else CODE,
        remedy=f"ask {source.owner} for an exception",
    )


def nothing_allows(entries: Entries, in_force: int, question: Question) -> Decision:
    """No rule allows it. If a rule about this caller's own tenant and team nearly does, what is missing is told."""
    principal, model, operation = question.principal, question.model, question.operation
    what = "with tools" if operation == TOOLS else f"for {operation}"
    reason = f"no rule allows team `{principal.team}` to use the model `{model.name}` {what}"
    remedy = "ask for a rule that allows it in policies/access.yaml"
    near = entries.of_tenant_and_team(principal) & entries.of_name(model) & entries.of_operation(operation)
    for number in positions(near & in_force & entries.allows & ~entries.audits):
        one = entries.all[number]
        remedy = f"the rule `{one.id}` would allow it with {missing_for(one, question)}"
        break
    code = "tools_not_allowed" if operation == TOOLS else CODE
    return Decision(allowed=False, basis="no_rule", reason=reason, code=code, remedy=f"{remedy}; {_LISTED}")
