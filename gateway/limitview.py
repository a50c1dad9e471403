"""How full limits are, as operators ask: of teams and keys rather than of calls."""

import asyncio
from collections.abc import Callable, Iterable
from decimal import Decimal

from gateway.core.faults import BadRequest
from gateway.core.principal import Principal
from gateway.edge.admin.limits import LimitLevel, LimitsQuestion
from gateway.identity.keystore import KeyInfo
from gateway.identity.tenants import Tenants
from gateway.limits.bounds import Bound, Counters, Level
from gateway.limits.headers import moment, told
from gateway.limits.matching import Asked
from gateway.limits.rules import Limit, LimitPolicy
from gateway.policyfeed import PolicyFeed
from gateway.stores.wording import nearest

MAX_SHOWN = 10_000


async def limit_levels(
    question: LimitsQuestion,
    policies: PolicyFeed,
    counters: Counters,
    key: Callable[[str], KeyInfo],
    now: float,
) -> list[LimitLevel]:
    """The bounds on calls of those that the question is about, and how full each is.

    Args:
        key: a key by its id; it blocks, and may raise NotFound. now: Unix seconds.

    Raises:
        BadRequest: there is no such tenant, team or model, or there are more than MAX_SHOWN bounds.
    """
    limits, tenants = policies.limits.value, policies.tenants.value
    models = _models(question, limits, sorted({model.name for model in policies.catalogue.value.models.values()}))
    if question.key:
        info = await asyncio.to_thread(key, question.key)
        callers = [Principal(key_id=info.id, tenant=info.tenant, team=info.team, labels=info.labels)]
        if question.tenant not in ("", info.tenant) or question.team not in ("", info.team):
            raise BadRequest(f"the key {info.id} is of team `{info.team}` of tenant `{info.tenant}`", param="key")
    else:
        callers = [Principal(key_id="", tenant=tenant, team=team) for tenant, team in _teams(question, tenants)]
    bounds = await asyncio.to_thread(_bounds, question, limits, callers, models, now)
    return [_shown(level, now) for level in await counters.levels(bounds)]


def _teams(question: LimitsQuestion, tenants: Tenants) -> list[tuple[str, str]]:
    found = sorted(
        pair for pair in tenants.teams if question.tenant in ("", pair[0]) and question.team in ("", pair[1])
    )
    if not found:
        names = sorted({tenant for tenant, _ in tenants.teams})
        if question.tenant and question.tenant not in names:
            raise BadRequest(f"there is no tenant `{question.tenant}`{nearest(question.tenant, names)}", param="tenant")
        known = sorted({team for tenant, team in tenants.teams if question.tenant in ("", tenant)})
        raise BadRequest(f"there is no team `{question.team}`{nearest(question.team, known)}", param="team")
    return found


def _models(question: LimitsQuestion, limits: LimitPolicy, known: list[str]) -> list[str]:
    """The models whose limits are asked for: one will do where no limit tells them apart."""
    if question.model:
        if question.model not in known:
            raise BadRequest(f"there is no card `{question.model}`{nearest(question.model, known)}", param="model")
        return [question.model]
    return known if any(map(_tells_models_apart, limits.limits)) else known[:1] or [""]


def _tells_models_apart(limit: Limit) -> bool:
    match = limit.match
    return match.models is not None or match.model_groups is not None or bool({"model", "model_group"} & {*limit.per})


def _bounds(
    question: LimitsQuestion, limits: LimitPolicy, callers: Iterable[Principal], models: Iterable[str], now: float
) -> list[Bound]:
    asked = Asked(question.user, question.prompt, question.agent, question.run)
    found: dict[str, Bound] = {}
    for caller in callers:
        for model in models:
            for bound in limits.found(caller, model, now, asked):
                if caller.key_id or ("key", "") not in bound.scope:
                    found.setdefault(bound.key, bound)
            if len(found) > MAX_SHOWN:
                raise BadRequest(f"these are more than {MAX_SHOWN} limits; ask for a tenant, a team or a model")
    return list(found.values())


def _shown(level: Level, now: float) -> LimitLevel:
    bound = level.bound
    return LimitLevel(
        limit=bound.limit_id,
        dimension=bound.name,
        scope=dict(bound.scope),
        maximum=told(bound, bound.maximum),
        used=told(bound, level.used),
        remaining=told(bound, level.remaining),
        share=float(round(Decimal(level.used) / bound.maximum, 4)),
        on_exceeded=bound.on_exceeded,
        resets_at=None if bound.span.kind == "now" else moment(now + level.reset_s),
        raised_until=None if bound.raised_until is None else moment(bound.raised_until),
    )
