"""A worker's router and its mirrors, out of the policies that it follows."""

import random
from collections.abc import Mapping
from typing import Any

from gateway.core.call import Call, Service
from gateway.core.clock import Clock
from gateway.core.model import Attributes, Permit
from gateway.limits.estimate import input_tokens
from gateway.pairs.store import PairsOptions
from gateway.pipeline.apart import BooksApart
from gateway.pipeline.attributes import attributes_of
from gateway.pipeline.estimate import estimated_usage
from gateway.pipeline.parts import Parts
from gateway.pipeline.rate_limit import dearer_tier
from gateway.policyfeed import PolicyFeed
from gateway.router.choosing import Asking, route_values
from gateway.router.mirroring import Keeps, MirrorDeps, Mirrors
from gateway.router.rollouts import Rollouts
from gateway.router.router import Router
from gateway.router.telling import RouteReports


def asking(policies: PolicyFeed, clock: Clock) -> Asking:
    """What choices among targets ask of limits and prices."""

    def cost_of(call: Call, permit: Permit) -> int | None:
        usage = estimated_usage(call, policies.limits.value.default_output_tokens)
        target, caller = permit.model.target, call.caller
        return policies.prices.value.estimate(
            target.provider,
            target.model,
            usage,
            clock.now(),
            tenant=caller.tenant,
            team=caller.team,
            tier=dearer_tier(call),
        )

    def values_of(call: Call) -> Mapping[str, Any]:
        attributes: Attributes = attributes_of(call, call.record.data_class)
        classes = list(policies.tenants.value.data_classes)
        word = call.record.data_class
        level = classes.index(word) if word in classes else len(classes)
        return route_values(call, attributes, level, input_tokens(call), 0)

    return Asking(cost_of, values_of)


def routing(providers: Mapping[str, Service], policies: PolicyFeed, clock: Clock, rollouts: Rollouts) -> Router:
    return Router(providers, clock, policies.routes, asking(policies, clock), rollouts=rollouts)


def mirroring(
    router: Router, policies: PolicyFeed, parts: Parts, told: RouteReports, keeps: Keeps | None, options: PairsOptions
) -> Mirrors:
    """`parts`: of the pipeline, whose books mirrors are in."""
    deps = MirrorDeps(
        providers=router.providers,
        standings=router.standings,
        routes=policies.routes,
        clock=parts.clock,
        books=BooksApart(parts),
        told=told,
        cost_of=asking(policies, parts.clock).cost_of,
        die=random.random,
        keeps=keeps,
        max_body_bytes=options.max_body_bytes,
    )
    return Mirrors(deps)
