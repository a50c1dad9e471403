"""Drift of guards: judges that are models nobody has described."""

from collections.abc import Iterator

from gateway.core.target import parse_target
from gateway.drift.finding import Finding, Page
from gateway.policyset import PolicySet
from gateway.stores.documents import Text
from gateway.stores.wording import nearest


def guard_drift(policies: PolicySet, text: Text) -> Iterator[Finding]:
    """`text`: of guardrails.yaml."""
    page = Page(text.name, text.data)
    known = sorted(map(str, policies.catalogue.models))
    for index, rule in enumerate(policies.guards.rules):
        ask = rule.guard.ask
        if ask is None or not ask.model or parse_target(ask.model) in policies.catalogue.models:
            continue
        reason = f"the guard `{rule.id}` asks `{ask.model}`, which no card describes{nearest(ask.model, known)}"
        meets = "calls are refused" if ask.on_failure == "closed" and rule.enforced else "nobody judges"
        remedy = f"write a card for it (policies/models), or name another: if nobody serves it, {meets}"
        yield page.finding("judge_without_card", ("guards", index, "ask", "model"), reason, remedy)
