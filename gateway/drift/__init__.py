"""What is valid and yet no longer as somebody meant it: rules that match nothing or decide nothing, what has run out or
soon will, raises of limits that are over, cards with gaps, targets and judges without a card, targets without a price,
secrets in plain.

Must never: change a decision, or call wrong what is right. A finding is a warning; it holds for every call that the
declared teams can make.

Invariants: pure; the same files at the same moment give the same findings, in the order of files and lines.
"""

from pathlib import Path

from gateway.core.wiring import NO_WIRING, Wiring
from gateway.drift.cards import card_drift, route_drift
from gateway.drift.finding import Finding, Page
from gateway.drift.guards import guard_drift
from gateway.drift.limits import limit_drift
from gateway.drift.rules import rule_drift
from gateway.drift.secrets import plain_secrets, unset_variables
from gateway.policyset import PolicySet
from gateway.stores.documents import Text

__all__ = ["Finding", "find_drift", "plain_secrets", "unset_variables"]


def find_drift(
    policies: PolicySet, folder: Path, now: float, wiring: Wiring = NO_WIRING, config: Text | None = None
) -> list[Finding]:
    """All drift there is at a moment (Unix seconds).

    Args:
        folder: where the policies were read from. wiring, config: what config.yaml says, and its text.
    """
    access = [Text(str(folder / name), data) for name, data in policies.files.items() if name.startswith("access")]
    found = [*rule_drift(policies, access, wiring.providers, now), *card_drift(policies, now)]
    found += limit_drift(policies, Text(str(folder / "limits.yaml"), policies.files["limits.yaml"]), now)
    if (guards := policies.files.get("guardrails.yaml")) is not None:
        found += guard_drift(policies, Text(str(folder / "guardrails.yaml"), guards))
    if config is not None:
        found += route_drift(policies, "models", wiring.routes, Page(config.name, config.data), now)
    if (routes := policies.files.get("routes.yaml")) is not None:
        page = Page(str(folder / "routes.yaml"), routes)
        found += route_drift(policies, "routes", policies.routes.targets, page, now)
    return sorted(found, key=lambda one: (one.file, one.line, one.kind, one.reason))
