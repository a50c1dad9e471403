"""`sharing` in policies/limits.yaml: who gets how much of an upstream when it is the bottleneck."""

from typing import Annotated, Any

import msgspec

from gateway.core.principal import Principal
from gateway.core.share import Priority, Share
from gateway.limits.matching import Match, Matches, check_match, matcher
from gateway.stores.documents import Document, Known

MAX_REMEMBERED = 50_000
INTERACTIVE: Priority = "interactive"


class WeightRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    weight: Annotated[float, msgspec.Meta(gt=0, le=1_000)]
    match: Match = Match()


class PriorityRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    priority: Priority
    match: Match = Match()


class Sharing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tenants share an upstream's capacity by weight, and interactive calls go before batch. Of each list the first
    entry that matches counts; without one a tenant weighs 1, and a call is interactive. Batch always gets a tenth of
    what an upstream serves, if it asks for so much."""

    weights: tuple[WeightRule, ...] = ()
    priorities: tuple[PriorityRule, ...] = ()


def check_sharing(document: Document[Any], sharing: Sharing, known: Known) -> None:
    """Raises:
    DocumentError: an entry matches nothing, or names who is not declared.
    """
    for name in ("weights", "priorities"):
        for index, rule in enumerate(getattr(sharing, name)):
            check_match(document, ("sharing", name, index, "match"), rule.match, known)


class Shares:
    """What `sharing` says of each caller; remembered by caller and model."""

    def __init__(self, sharing: Sharing) -> None:
        self._weights = [(matcher(rule.match), rule.weight) for rule in sharing.weights]
        self._priorities: list[tuple[Matches, Priority]] = [
            (matcher(rule.match), rule.priority) for rule in sharing.priorities
        ]
        self._remembered: dict[tuple[str, str, str, str, str], Share] = {}

    def share_of(self, principal: Principal, model: str) -> Share:
        """The share of a call to a model, by the name it goes by in policies. A tenant's calls are one flow."""
        question = (principal.tenant, principal.team, principal.key_id, principal.facts, model)
        share = self._remembered.get(question)
        if share is None:
            weight = next((weight for matches, weight in self._weights if matches(principal, model)), 1.0)
            words: list[Priority] = [word for matches, word in self._priorities if matches(principal, model)]
            priority = words[0] if words else INTERACTIVE
            share = Share(principal.tenant, weight, priority)
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[question] = share
        return share
