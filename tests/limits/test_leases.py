"""Leases: most calls ask nobody, no limit is overshot, and what is not used comes back."""

import asyncio
import math
import time

from gateway.limits.bounds import Need, Refusal
from gateway.limits.redis_counters import RedisCounters
from tests.limits.bounding import MINUTE, MONTH, NOW, ONE, SECOND, bound, tokens
from tests.limits.conftest import MakeCounters, used
from tests.redis_servers import RedisServer, eventually


def scripts_run(server: RedisServer) -> int:
    return server.client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0)


async def calls(counters: RedisCounters, limit: object, count: int, pause_s: float = 0.0) -> int:
    """So many calls, one after the other; how many were admitted."""
    admitted = 0
    for _ in range(count):
        hold = await counters.reserve((limit,), ONE)  # type: ignore[arg-type]
        if not isinstance(hold, Refusal):
            admitted += 1
            counters.settle(hold, ONE)
        await asyncio.sleep(pause_s)
    return admitted


async def test_most_calls_ask_nobody(fresh_redis: RedisServer, redis_counters: MakeCounters) -> None:
    counters = await redis_counters(fresh_redis.url, mode="lease", lease_ms=250)
    limit = bound("requests", MINUTE, 1_000_000)
    before = scripts_run(fresh_redis)
    assert await calls(counters, limit, 1_000, 0.0005) == 1_000
    assert scripts_run(fresh_redis) - before < 250
    assert await used(counters, limit) == [1_000], "what was not used is returned"


async def test_many_workers_together_never_exceed_a_limit_and_use_it_up(
    fresh_redis: RedisServer, redis_counters: MakeCounters
) -> None:
    workers = [await redis_counters(fresh_redis.url, mode="lease", lease_ms=50) for _ in range(4)]
    limit = bound("requests", MINUTE, 500)
    admitted = sum(await asyncio.gather(*(calls(counters, limit, 300, 0.001) for counters in workers)))
    assert admitted <= 500
    # What was lent and not used has come back: the rest is to be had, to the last call.
    for counters in workers:
        await used(counters, limit)
    async with asyncio.timeout(10):
        while admitted < 500:
            admitted += await calls(workers[0], limit, 1)
    assert await used(workers[0], limit) == [500]
    assert await calls(workers[1], limit, 3) == 0


async def test_a_window_holds_no_more_than_its_limit(fresh_redis: RedisServer, redis_counters: MakeCounters) -> None:
    """Two workers, far more calls than there is room for, over whole windows of a second."""
    workers = [await redis_counters(fresh_redis.url, mode="lease", lease_ms=250) for _ in range(2)]
    limit = bound("requests", SECOND, 200)
    begins = math.floor(time.time()) + 1
    while time.time() < begins:
        await asyncio.sleep(begins - time.time())
    ends = begins + 3.0
    admitted = 0

    async def overload(counters: RedisCounters) -> None:
        nonlocal admitted
        while time.time() < ends:
            hold = await counters.reserve((limit,), ONE)
            if not isinstance(hold, Refusal):
                # What is told after the end may have been counted in the next window.
                admitted += time.time() < ends
                counters.settle(hold, ONE)
            await asyncio.sleep(0.0005)

    await asyncio.gather(*(overload(counters) for counters in workers for _ in range(4)))
    assert 0.65 * 600 <= admitted <= 600


async def test_a_call_that_outlives_its_lease_is_settled_where_it_was_counted(
    fresh_redis: RedisServer, redis_counters: MakeCounters
) -> None:
    counters = await redis_counters(fresh_redis.url, mode="lease", lease_ms=30)
    bounds = (bound("tokens", MINUTE, 1_000), bound("requests", MINUTE, 10))
    hold = await counters.reserve(bounds, tokens(600))
    assert not isinstance(hold, Refusal)
    assert [level.used for level in hold.levels] == [600, 1]
    assert await used(counters, *bounds) == [600, 1]
    counters.settle(hold, tokens(50))
    counters.settle(hold, tokens(500))
    assert await used(counters, *bounds) == [50, 1]


async def test_within_a_lease_an_estimates_rest_is_handed_out_again(
    fresh_redis: RedisServer, redis_counters: MakeCounters
) -> None:
    counters = await redis_counters(fresh_redis.url, mode="lease", lease_ms=5_000)
    limit = bound("tokens", MINUTE, 1_000)
    first = await counters.reserve((limit,), tokens(900))
    assert isinstance(await counters.reserve((limit,), tokens(200)), Refusal)
    counters.settle(first, tokens(100))
    await asyncio.sleep(0.01)
    before = scripts_run(fresh_redis)
    assert not isinstance(await counters.reserve((limit,), tokens(200)), Refusal)
    assert scripts_run(fresh_redis) == before


async def test_money_and_what_is_under_way_are_asked_for_each_time(
    fresh_redis: RedisServer, redis_counters: MakeCounters
) -> None:
    counters = await redis_counters(fresh_redis.url, mode="lease", lease_ms=5_000)
    rate = bound("requests", MINUTE, 1_000)
    for other in (bound("cost", MONTH, 10_000), bound("cost", MINUTE, 10_000), bound("concurrent_requests", NOW, 100)):
        before = scripts_run(fresh_redis)
        for _ in range(5):
            assert not isinstance(await counters.reserve((rate, other), Need(1, 1, 1)), Refusal)
        assert scripts_run(fresh_redis) - before >= 5


async def test_what_a_dead_worker_had_borrowed_comes_back(
    fresh_redis: RedisServer, redis_counters: MakeCounters
) -> None:
    dying, living = [await redis_counters(fresh_redis.url, mode="lease", lease_ms=10_000, hold_s=3) for _ in range(2)]
    limit = bound("tokens", MINUTE, 100)
    await dying.reserve((limit,), tokens(80))
    assert isinstance(await living.reserve((limit,), tokens(80)), Refusal)
    await asyncio.sleep(3.2)
    assert not isinstance(await living.reserve((limit,), tokens(80)), Refusal)


async def test_while_redis_is_away_a_lease_ends_and_the_workers_share_holds(
    fresh_redis: RedisServer, redis_counters: MakeCounters, tmp_path
) -> None:
    server = RedisServer(tmp_path / "own").start()
    try:
        counters = await redis_counters(server.url, mode="lease", lease_ms=50, timeout_ms=400)
        limit = bound("requests", MINUTE, 5)
        assert await calls(counters, limit, 1) == 1
        server.kill()
        await eventually(lambda: not counters.store.up)
        await asyncio.sleep(0.1)
        assert await calls(counters, limit, 9) == 5
        server.start()
        await eventually(lambda: counters.store.up)
        assert await calls(counters, limit, 1) == 1
    finally:
        server.kill()
