"""A Redis that answers just in time: no call waits for two answers where it has the time for one."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from gateway.limits.bounds import Refusal
from gateway.limits.plans import SCRIPTS
from gateway.limits.redis_counters import RedisCounters, RedisHold
from tests.limits.bounding import MINUTE, ONE, SECOND, bound, tokens
from tests.limits.conftest import MakeCounters, eventually_used
from tests.redis_servers import RedisServer, Road

TIMEOUT_MS = 1_500
# There and back in less than the timeout, and twice that in more.
DELAY_S = 0.5
BOTH_S = 4 * DELAY_S


@pytest.fixture
async def slow_road(fresh_redis: RedisServer) -> AsyncIterator[Road]:
    async with Road(fresh_redis.port).open() as road:
        yield road


def decided_here(hold: object) -> bool:
    return isinstance(hold, RedisHold) and hold.away is not None


def loads(server: RedisServer) -> int:
    """Servers name the command with or without what it does."""
    said = server.client.info("commandstats").items()
    return sum(counted["calls"] for name, counted in said if name in ("cmdstat_script", "cmdstat_script|load"))


async def timed(counters: RedisCounters, limit: object, need: object) -> tuple[object, float]:
    began = time.monotonic()
    return await counters.reserve((limit,), need), time.monotonic() - began  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["exact", "lease"])
async def test_scripts_that_were_forgotten_are_not_waited_for_beyond_the_timeout(
    mode: str, fresh_redis: RedisServer, slow_road: Road, redis_counters: MakeCounters
) -> None:
    counters = await redis_counters(slow_road.url, mode=mode, timeout_ms=TIMEOUT_MS)
    limit = bound("tokens", MINUTE, 1_000)
    fresh_redis.client.script_flush()
    slow_road.delay_s = DELAY_S
    hold, took_s = await timed(counters, limit, tokens(10))
    assert decided_here(hold)
    assert took_s < BOTH_S
    # What Redis counts of it after all is given back.
    slow_road.delay_s = 0.0
    await eventually_used(counters, [0], limit)


async def test_scripts_that_were_forgotten_are_brought_in_one_go(
    fresh_redis: RedisServer, slow_road: Road, redis_counters: MakeCounters
) -> None:
    counters = await redis_counters(slow_road.url, timeout_ms=TIMEOUT_MS)
    limit = bound("tokens", MINUTE, 1_000)
    fresh_redis.client.script_flush()
    slow_road.delay_s = TIMEOUT_MS / 1000 / 12  # time for six answers: that they are missing, that they are there, ours
    before = loads(fresh_redis)
    holds = await asyncio.gather(*(counters.reserve((limit,), tokens(10)) for _ in range(20)))
    assert not any(decided_here(hold) for hold in holds)
    assert loads(fresh_redis) - before == len(SCRIPTS), "once for all of them"


async def test_who_comes_while_another_borrows_is_decided_by_redis_as_well(
    slow_road: Road, redis_counters: MakeCounters
) -> None:
    counters = await redis_counters(slow_road.url, mode="lease", timeout_ms=TIMEOUT_MS)
    limit = bound("tokens", MINUTE, 1_000)
    slow_road.delay_s = DELAY_S
    (first, first_s), (second, second_s) = await asyncio.gather(
        timed(counters, limit, tokens(10)), timed(counters, limit, tokens(20))
    )
    for hold in (first, second):
        assert not isinstance(hold, Refusal)
        assert not decided_here(hold)
    assert max(first_s, second_s) < BOTH_S
    slow_road.delay_s = 0.0
    counters.settle(first, tokens(7))
    counters.settle(second, tokens(13))
    await eventually_used(counters, [20], limit)


async def test_many_calls_at_once_get_what_there_is_and_no_more_though_redis_takes_its_time(
    slow_road: Road, redis_counters: MakeCounters
) -> None:
    counters = await redis_counters(slow_road.url, mode="lease", timeout_ms=TIMEOUT_MS)
    limit = bound("requests", MINUTE, 100)
    slow_road.delay_s = DELAY_S / 4
    holds = [
        hold for _ in range(3) for hold in await asyncio.gather(*(counters.reserve((limit,), ONE) for _ in range(80)))
    ]
    assert not any(decided_here(hold) for hold in holds)
    # What a loan that is over had left is on its way back while others ask.
    assert 50 <= sum(not isinstance(hold, Refusal) for hold in holds) <= 100


async def test_who_hung_up_while_another_borrowed_takes_nothing(slow_road: Road, redis_counters: MakeCounters) -> None:
    counters = await redis_counters(slow_road.url, mode="lease", timeout_ms=TIMEOUT_MS, lease_ms=50)
    limit = bound("tokens", MINUTE, 1_000)
    slow_road.delay_s = DELAY_S / 4
    first, second = (asyncio.ensure_future(counters.reserve((limit,), tokens(10))) for _ in range(2))
    await asyncio.sleep(DELAY_S / 8)
    second.cancel()
    counters.settle(await first, tokens(7))
    await eventually_used(counters, [7], limit)


async def test_what_came_after_its_slice_was_over_serves_the_call_that_asked(
    slow_road: Road, redis_counters: MakeCounters
) -> None:
    counters = await redis_counters(slow_road.url, mode="lease", timeout_ms=TIMEOUT_MS)
    limit = bound("requests", SECOND, 1_000)
    slow_road.delay_s = DELAY_S
    hold, took_s = await timed(counters, limit, ONE)
    assert not isinstance(hold, Refusal)
    assert not decided_here(hold)
    assert took_s < BOTH_S
