"""Where replies are kept, in this process and in Redis, and what a key must know of the upstreams."""

import contextlib
from collections.abc import Sequence

from gateway.cache.memory import MemoryEntries
from gateway.cache.redis_entries import RedisEntries
from gateway.cache.tiers import Tiers
from gateway.config import Settings
from gateway.core.clock import SystemClock
from gateway.pipeline.embedding import Embedding
from gateway.pipeline.own_calls import OwnCalls
from gateway.pipeline.parts import CacheParts
from gateway.policyfeed import PolicyFeed
from gateway.providers.provider import Provider
from gateway.providers.shaping import BETAS
from gateway.reporting import Reports
from gateway.router.router import Router

CLOCK = SystemClock()
# Of the headers that reach an upstream those that name a call, and so change nothing of what is answered.
_NAMING = frozenset({b"idempotency-key", b"x-client-request-id", b"x-session-id"})


async def caching(
    settings: Settings,
    policies: PolicyFeed,
    reports: Reports,
    router: Router,
    own_calls: OwnCalls,
    stack: contextlib.AsyncExitStack,
) -> CacheParts:
    options, redis = settings.config.cache, settings.config.redis
    far: RedisEntries | None = None
    if options.redis and redis is not None:
        far = await stack.enter_async_context(RedisEntries(options, redis, reports, CLOCK.monotonic))
    near = MemoryEntries(options.max_bytes, CLOCK.now)
    return CacheParts(
        policy=policies.cache,
        options=options,
        tiers=Tiers(near, far, CLOCK.now, CLOCK.monotonic, reports.cache_held),
        reports=reports,
        route_of=lambda model: policies.routes.value.of(model).name,
        varying=_varying(router),
        embed=Embedding(own_calls),
    )


def _varying(router: Router) -> Sequence[bytes]:
    """The request headers that an answer may depend on: those that go upstream, as they are or in the body."""
    providers = [one for one in router.providers.values() if isinstance(one, Provider)]
    named = {name for one in providers for name in one.forwarded}
    if any(path.betas for one in providers for path in one.profile.protocols.values()):
        named.add(BETAS)
    return sorted(named - _NAMING)
