"""A worker's router and its mirrors, out of the policies that it follows."""

import random
from collections.abc import Coroutine, Mapping
from typing import Any

from gateway.config import Config
from gateway.core.call import Call, Service
from gateway.core.clock import Clock, uuid7
from gateway.core.model import Attributes, Permit
from gateway.limits.estimate import input_tokens
from gateway.limits.matching import NOTHING_ASKED
from gateway.limits.seen import SeenLevels
from gateway.pairs.store import PairsOptions
from gateway.pipeline.apart import BooksApart
from gateway.pipeline.attributes import attributes_of
from gateway.pipeline.estimate import estimated_usage
from gateway.pipeline.parts import Parts
from gateway.pipeline.rate_limit import asked_of, dearer_tier
from gateway.policyfeed import PolicyFeed
from gateway.providers.provider import Provider
from gateway.router.choosing import Asking, route_values
from gateway.router.hints import Findings, share
from gateway.router.mirroring import Keeps, MirrorDeps, Mirrors
from gateway.router.probing import Prober
from gateway.router.rollouts import Rollouts
from gateway.router.router import Router
from gateway.router.telling import RouteReports
from gateway.shedding import is_batch


def asking(policies: PolicyFeed, clock: Clock, seen: SeenLevels) -> Asking:
    """What choices among targets ask of limits and prices. `seen`: how full limits on money were at the last calls."""

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
        return route_values(call, attributes, level, input_tokens(call))

    def budget_used(call: Call, permit: Permit) -> int:
        limits = policies.limits.value
        if not limits.counts_money:
            return 0
        asked = asked_of(call) if limits.asks else NOTHING_ASKED
        bounds = limits.bounds(call.caller, permit.model.name, clock.now(), asked)
        return seen.used_percent(bounds, clock.monotonic())

    return Asking(cost_of, values_of, budget_used, lambda call, permit: is_batch(call, permit.model.name, policies))


def routing(
    providers: Mapping[str, Service], policies: PolicyFeed, clock: Clock, seen: SeenLevels, rollouts: Rollouts
) -> Router:
    return Router(providers, clock, policies.routes, asking(policies, clock, seen), rollouts=rollouts)


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
        cost_of=router.asking.cost_of,
        die=random.random,
        keeps=keeps,
        max_body_bytes=options.max_body_bytes,
    )
    return Mirrors(deps)


def watching(router: Router, config: Config, clock: Clock) -> list[Coroutine[Any, Any, None]]:
    """What goes on beside calls: providers of targets that are left alone are asked, and gateways that share a Redis
    tell each other of those."""
    probes = {name: one.probe for name, one in router.providers.items() if isinstance(one, Provider)}
    tasks: list[Coroutine[Any, Any, None]] = [Prober(probes, router.standings, clock.monotonic).run()]
    if config.redis is not None:
        findings = Findings(router.standings, uuid7(clock.now_ns()), router.providers)
        tasks.append(share(findings, config.redis, config.limits_store.prefix, clock.monotonic))
    return tasks
