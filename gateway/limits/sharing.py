"""`sharing` in policies/limits.yaml: who gets how much of an upstream when it is the bottleneck."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from gateway.core.principal import Principal
from gateway.core.share import Priority, Share
from gateway.limits.document import Match, Sharing
from gateway.limits.matching import NOTHING_ASKED, Asked, matcher

MAX_REMEMBERED = 50_000
Test = Callable[[Principal, str, Asked, Sequence[str]], bool]
T = TypeVar("T")


class Shares:
    """What `sharing` says of each caller; remembered by caller, model and what is looked at of a call besides.

    Attributes:
        asks: whether some entry looks at users, prompts or agents; if none does, nobody need find them out.
    """

    def __init__(self, sharing: Sharing, groups_of: Callable[[str], Sequence[str]]) -> None:
        self._weights: list[tuple[Test, float]] = [(matcher(rule.match), rule.weight) for rule in sharing.weights]
        self._priorities: list[tuple[Test, Priority]] = [
            (matcher(rule.match), rule.priority) for rule in sharing.priorities
        ]
        self._groups_of = groups_of
        self._remembered: dict[object, Share] = {}
        self.asks = any(_asks(rule.match) for rule in (*sharing.weights, *sharing.priorities))

    def share_of(self, caller: Principal, model: str, asked: Asked = NOTHING_ASKED) -> Share:
        """The share of a call to a model, by its card's name. A tenant's calls are one flow."""
        question: object = (caller.tenant, caller.team, caller.key_id, caller.facts, model)
        if self.asks:
            question = (question, asked.user, asked.prompt, asked.agent)
        share = self._remembered.get(question)
        if share is None:
            call = (caller, model, asked, self._groups_of(model))
            priority = _first(self._priorities, call) or "interactive"
            share = Share(caller.tenant, _first(self._weights, call) or 1.0, priority)
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[question] = share
        return share


def _first(rules: Sequence[tuple[Test, T]], call: tuple[Principal, str, Asked, Sequence[str]]) -> T | None:
    return next((found for matches, found in rules if matches(*call)), None)


def _asks(match: Match) -> bool:
    return any(getattr(match, name) is not None for name in ("users", "prompts", "agents"))
