"""Who counts limits, in this process or in Redis, and what lets them go on where the ledger says that they were."""

import asyncio
import contextlib
from collections.abc import Callable

from gateway.config import Settings
from gateway.core.clock import SystemClock, uuid7
from gateway.limitpast import spent_by_ledger
from gateway.limits.bounds import Counters
from gateway.limits.local import LocalCounters
from gateway.limits.redis_counters import RedisCounters
from gateway.limits.seeding import Seeding, seeds_of
from gateway.policyfeed import PolicyFeed
from gateway.processes import WorkerSpec
from gateway.reporting import Reports
from gateway.stores.files import read_or_create_secret

CLOCK = SystemClock()


async def counting(
    settings: Settings, spec: WorkerSpec, policies: PolicyFeed, reports: Reports, stack: contextlib.AsyncExitStack
) -> tuple[LocalCounters | RedisCounters, Seeding]:
    """Counters that go on where the ledger says that they were, and what seeds them when limits change."""
    state, options, redis = settings.state_dir, settings.config.limits_store, settings.config.redis
    spent = spent_by_ledger(settings.ledger, state / "journal", policies.catalogue, lambda: policies.limits.value.spans)
    if options.kind == "process" or redis is None:
        local = LocalCounters(CLOCK)
        seeding = Seeding(local, policies.limits, spent, reports.unseeded)
        await seeding.seed(local.time())
        return local, seeding
    counters = RedisCounters(
        *(options, redis, CLOCK, reports),
        worker=f"{spec.index}-{uuid7(CLOCK.now_ns())[-12:]}-",
        workers=spec.workers,
        seeds=lambda until, began: asyncio.to_thread(seeds_of, policies.limits.value, spent, until, began),
        # Each replica tells what its ledger knows; one that they share is told of once.
        ledger=read_or_create_secret(state / "replica.id", "r-") if settings.ledger.options.url is None else "shared",
    )
    await stack.enter_async_context(counters)
    return counters, Seeding(counters, policies.limits, spent, reports.unseeded)


def store_problem(counters: Counters) -> Callable[[], str] | None:
    return (lambda: counters.store.problem) if isinstance(counters, RedisCounters) else None
