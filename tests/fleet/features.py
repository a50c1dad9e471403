"""What a gateway is told to do for its routes: nothing, only retries, everything."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

SUBJECT, CONTROL = ("a", "b", "c"), ("x", "y", "z")
SPARE = "s"
"""The upstream of the model `spare`: where calls are mirrored to, and where they fall back to."""
MODEL = "fleet-model"


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    says: for people.
    spread: every caller has one target of its own, a third of them each; else there is one route to all three.
    route: the route's options. besides: options of the whole routes file.
    learn: what upstreams say of their rate limits is kept to (`pacing` of a provider).
    """

    says: str
    spread: bool = False
    route: Mapping[str, Any] = {}
    besides: Mapping[str, Any] = {}
    learn: bool = False


# A target is never left alone nor full, and there may be as many retries as calls ask for.
UNBOUNDED = {
    "retry_budget": {"share": 1.0, "at_least": 100_000},
    "ejection": {"enabled": False},
    "overload": {"enabled": False},
}

FEATURES: Mapping[str, Features] = {
    "straight": Features(
        says="each caller has one target, and no second chance",
        spread=True,
        besides={**UNBOUNDED, "retries": {"max_attempts": 1}},
    ),
    "retries": Features(
        says="three targets at random, three attempts a call; nothing is learned",
        route={"strategy": "weighted", "retries": {"max_attempts": 3}},
        besides=UNBOUNDED,
    ),
    "everything": Features(
        says="least latency, retries within a budget, ejection, limits found out, hedging, a timeout of 1 s for an attempt",
        route={"strategy": "least_latency", "hedge": {}, "timeout_s": 1.0},
        learn=True,
    ),
}


def routes_of(features: Features, group: str, upstreams: Sequence[str]) -> dict[str, list[str]]:
    """Names that the group's callers ask for, in turn, and where each leads."""
    targets = [f"{name}/{MODEL}" for name in upstreams]
    if features.spread:
        return {f"{group}-{name}": [target] for name, target in zip(upstreams, targets, strict=True)}
    return {group: targets}


def routes_file(
    features: Features, routes: Collection[str], mirrored: Collection[str] = (), *, fall_back: bool = False
) -> dict[str, Any]:
    """policies/routes.yaml; where routes lead says config.yaml. `mirrored`: those whose calls are all sent to the spare
    model as well; `fall_back`: all go to it when none of their targets is left."""
    found: dict[str, Any] = {name: {**features.route} for name in routes}
    for name in mirrored:
        found[name]["mirrors"] = [{"model": "spare", "max_in_flight": 1_000}]
    if fall_back:
        found = {name: {**route, "fallbacks": {"any": ["spare"]}} for name, route in found.items()}
    return {**features.besides, "routes": found}
